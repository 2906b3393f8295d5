//! The merged servers, in the order of the configuration, and what is known about their lists.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    cursor::{ServerTag, tag},
    lists::{Kind, Page},
    names::{inward, is_cut, label, outward},
    uris::Uris,
};
use crate::{config::prefix, relay::Backend};

/// Time that a server has for its part of a list; then the list is sent without it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for a server that did not answer in time the last time.
const LESS_PATIENCE: Duration = Duration::from_secs(1);
/// Most shortened names of one server that are remembered.
const MAX_CUT_NAMES: usize = 10_000;

/// One of the merged servers. All endpoints that serve it share this, and what was learned about
/// its lists.
pub(crate) struct Server {
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) label: String,
    pub(super) tag: ServerTag,
    pub(super) backend: Arc<dyn Backend>,
    /// Whether it starts with the first list, call or read, not with the handshake.
    lazy: AtomicBool,
    /// How often it was replaced.
    generation: AtomicU64,
    /// Whether any of its URIs has a label.
    labelled: AtomicBool,
    /// Whether the last wait for it timed out.
    hangs: AtomicBool,
    /// Whether it was used; a lazy one may not have been started before.
    used: AtomicBool,
    known: Mutex<Known>,
}

/// What was last read from a server's lists.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Merged names that look shortened, and the names for which they stand.
    tools: HashMap<String, String>,
    prompts: HashMap<String, String>,
    pub(super) uris: Uris,
    /// Lists of URIs that were read to their ends.
    read: Read,
}

#[derive(Clone, Copy, Debug, Default)]
struct Read {
    resources: bool,
    templates: bool,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Server {
    /// The server with this name in the configuration, behind its rules.
    pub(crate) fn new(name: String, backend: Arc<dyn Backend>, lazy: bool) -> Arc<Self> {
        let prefix = prefix(&name);
        let (label, tag) = (label(&prefix), tag(&name));
        Arc::new(Self {
            name,
            prefix,
            label,
            tag,
            backend,
            lazy: AtomicBool::new(lazy),
            generation: AtomicU64::new(0),
            labelled: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
            used: AtomicBool::new(false),
            known: Mutex::default(),
        })
    }

    /// It was replaced by another server with the same name, whose capabilities and lists are
    /// unknown.
    pub(crate) fn renew(&self, lazy: bool) {
        self.lazy.store(lazy, Ordering::Relaxed);
        self.used.store(false, Ordering::Relaxed);
        self.hangs.store(false, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::Relaxed);
        self.changed();
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Whether it was not replaced since it had this generation.
    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation() == generation
    }

    /// Whether a handshake should not start it.
    pub(super) fn sleeps(&self) -> bool {
        self.lazy.load(Ordering::Relaxed) && !self.used.load(Ordering::Relaxed)
    }

    pub(super) fn uses(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// How long to wait for its part of a list.
    pub(super) fn patience(&self) -> Duration {
        if self.hangs.load(Ordering::Relaxed) { LESS_PATIENCE } else { PATIENCE }
    }

    /// Notes whether a wait for it was successful.
    pub(super) fn answers(&self, in_time: bool) {
        self.hangs.store(!in_time, Ordering::Relaxed);
    }

    /// Whether any of its URIs has a label.
    pub(super) fn is_labelled(&self) -> bool {
        self.labelled.load(Ordering::Relaxed)
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's own name behind a merged name that may be shortened.
    pub(super) fn uncut(&self, kind: Kind, merged: &str) -> Option<String> {
        let known = self.known();
        let names = if kind == Kind::Prompt { &known.prompts } else { &known.tools };
        names.get(merged).cloned()
    }

    /// Its own name for the tool with this merged name.
    pub(super) fn own_tool(&self, merged: &str) -> Option<String> {
        let (_, own) = inward(merged)?;
        if is_cut(merged) { self.uncut(Kind::Tool, merged) } else { Some(own.to_owned()) }
    }

    /// Whether it has this URI, as far as is known.
    fn has(&self, uri: &str) -> bool {
        self.known().uris.has(uri)
    }

    /// Whether its lists of URIs are known, and the same for everybody.
    pub(super) fn is_read(&self) -> bool {
        let read = self.known().read;
        read.resources && read.templates && !self.backend.lists_differ()
    }

    /// Whether there are rules for its callers.
    pub(super) fn has_rules(&self) -> bool {
        self.backend.policy().is_some_and(|policy| !policy.is_empty())
    }

    /// It reported that its lists of URIs have changed. The known ones stay valid until the lists
    /// are read again.
    pub(super) fn changed(&self) {
        self.known().read = Read::default();
    }

    /// Learns from pages of a list; `first` if they begin it.
    pub(super) fn learn(&self, kind: Kind, pages: &[Page], first: bool) {
        if kind == Kind::Task {
            return;
        }
        let mut known = self.known();
        let ended = pages.last().is_none_or(|page| page.next.is_none());
        match kind {
            Kind::Resource => {
                if first {
                    known.uris.forget_listed();
                }
                known.read.resources = ended;
            }
            Kind::Template => {
                if first {
                    known.uris.forget_templates();
                }
                known.read.templates = ended;
            }
            Kind::Skill if first => known.uris.forget_skills(),
            _ => {}
        }
        for page in pages {
            for name in page.entries.iter().filter_map(|entry| page.name(*entry)) {
                known.take(kind, &self.prefix, &name);
            }
        }
    }
}

impl Known {
    fn take(&mut self, kind: Kind, prefix: &str, name: &str) {
        let names = match kind {
            Kind::Resource => return self.uris.list(name),
            Kind::Template => return self.uris.template(name),
            Kind::Skill => return self.uris.skill(name),
            Kind::Prompt => &mut self.prompts,
            _ => &mut self.tools,
        };
        let short = prefix.len() + name.len() < super::names::LONGEST_NAME - 6;
        if short || names.len() >= MAX_CUT_NAMES {
            return;
        }
        let merged = outward(prefix, name);
        if is_cut(&merged) {
            // The first owner of a shortened name keeps it; the other is left out of the list.
            names.entry(merged).or_insert_with(|| name.to_owned());
        }
    }
}

/// The servers of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// In the order of the configuration.
    pub(super) servers: Vec<Arc<Server>>,
    prefixes: HashMap<String, usize>,
    labels: HashMap<String, usize>,
}

impl Roster {
    /// Of servers whose prefixes differ only in case, none is served: clients could not tell their
    /// names apart.
    pub(super) fn new(servers: Vec<Arc<Server>>) -> Self {
        let mut count: HashMap<String, usize> = HashMap::new();
        for server in &servers {
            *count.entry(server.prefix.to_ascii_lowercase()).or_default() += 1;
        }
        let (servers, alike): (Vec<_>, Vec<_>) = servers
            .into_iter()
            .partition(|server| count.get(&server.prefix.to_ascii_lowercase()) == Some(&1));
        for server in alike {
            tracing::error!(
                "the server {:?} is left out of the merged endpoint: another server's tools would \
                 have the same prefix {:?}; rename one of them",
                server.name,
                server.prefix
            );
        }
        let by = |key: fn(&Server) -> &String| {
            let places = servers.iter().enumerate();
            places.map(|(place, server)| (key(server).clone(), place)).collect()
        };
        let (prefixes, labels) = (by(|server| &server.prefix), by(|server| &server.label));
        Self { servers, prefixes, labels }
    }

    /// The server with this prefix.
    pub(super) fn prefixed(&self, prefix: &str) -> Option<&Arc<Server>> {
        self.servers.get(*self.prefixes.get(prefix)?)
    }

    /// The server with this name in the configuration.
    pub(super) fn named(&self, name: &str) -> Option<&Arc<Server>> {
        self.servers.iter().find(|server| server.name == name)
    }

    pub(super) fn tagged(&self, tag: ServerTag) -> Option<&Arc<Server>> {
        self.servers.iter().find(|server| server.tag == tag)
    }

    /// The server of a merged endpoint's URI, and the URI that the server uses.
    pub(super) fn owner<'a>(&self, uri: &'a str) -> Option<(&Arc<Server>, &'a str)> {
        let (place, own) = self.place(uri)?;
        Some((self.servers.get(place)?, own))
    }

    /// The label of a server's URI at the merged endpoint, if it has one.
    pub(super) fn labelled<'a>(&self, server: &'a Server, uri: &str) -> Option<&'a str> {
        let owner = self.owner(uri);
        let own = owner.is_none_or(|(owner, own)| owner.tag == server.tag && own == uri);
        if own {
            return None;
        }
        server.labelled.store(true, Ordering::Relaxed);
        Some(server.label.as_str())
    }

    fn place<'a>(&self, uri: &'a str) -> Option<(usize, &'a str)> {
        self.by_label(uri).or_else(|| Some((self.first(uri)?, uri)))
    }

    /// A label counts only if it is needed.
    fn by_label<'a>(&self, uri: &'a str) -> Option<(usize, &'a str)> {
        let (label, own) = uri.split_at_checked(uri.find('+')? + 1)?;
        let place = *self.labels.get(&label.to_ascii_lowercase())?;
        let server = self.servers.get(place)?;
        (self.first(own)? < place && server.has(own)).then_some((place, own))
    }

    fn first(&self, uri: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.has(uri))
    }
}
