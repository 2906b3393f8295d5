//! Calls by method, tool and outcome; the number of series is limited, whatever clients send.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use super::{
    Metrics,
    histogram::Histogram,
    whose::{Servers, Whose},
};

/// Methods with series of their own (MCP 2024-10-07 to 2026-07-28); all others share one.
const METHODS: [&str; 20] = [
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/update",
    TOOLS_CALL,
    TOOLS_LIST,
];

const TOOLS_CALL: &str = "tools/call";
const TOOLS_LIST: &str = "tools/list";
const PROMPTS_GET: &str = "prompts/get";
/// Label of everything without series of its own.
const OTHER: &str = "other";
/// Most tools of one server with series of their own.
const MAX_TOOLS: usize = 100;
/// The same for all servers together.
const MAX_NAMED: usize = 1_000;
/// Most names of tools that are remembered, for all servers together.
const MAX_LISTED: usize = 10_000;
/// Longest name of such a tool.
const MAX_NAME_LENGTH: usize = 128;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With a result.
    Ok,
    /// With an error from the server.
    Error,
    /// With an error from the proxy: the server had ended, was too slow, or was not asked.
    Failed,
    /// Cancelled by its client.
    Cancelled,
}

impl Outcome {
    const NAMES: [&'static str; 4] = ["ok", "error", "failed", "cancelled"];

    /// The outcome as one word.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// All calls since the start.
#[derive(Debug, Default)]
pub(super) struct Calls {
    in_flight: AtomicU64,
    /// Of the only server, or of none in particular.
    anybody: Arc<Scope>,
    servers: RwLock<Servers>,
    /// Tools that have series of their own.
    named: AtomicUsize,
    /// Names of tools that were remembered.
    listed: AtomicUsize,
}

/// Calls of one server.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    methods: [Arc<Series>; METHODS.len()],
    other_method: Arc<Series>,
    tools: RwLock<HashMap<Box<str>, Arc<Series>>>,
    /// Names that the server has listed.
    listed: RwLock<HashSet<Box<str>>>,
    other_tool: Arc<Series>,
}

/// Calls that share their labels.
#[derive(Debug, Default)]
pub(super) struct Series {
    outcomes: [AtomicU64; 4],
    latency: Histogram,
}

/// A call under way. Dropping it counts it.
#[derive(Debug)]
pub(crate) struct Call {
    metrics: Arc<Metrics>,
    whose: Whose,
    scope: Arc<Scope>,
    series: Arc<Series>,
    /// A tool without series yet: it gets them if the server has listed it and does not refuse it
    /// as unknown.
    unknown_tool: Option<Box<str>>,
    lists_tools: bool,
    started: Instant,
    outcome: Outcome,
}

impl Call {
    /// A call of this method begins, at an endpoint with this owner; `name` returns the name in the
    /// request, and is called only if that matters.
    pub(crate) fn begin(
        metrics: &Arc<Metrics>,
        whose: &Whose,
        method: &str,
        name: impl FnOnce() -> Option<String>,
    ) -> Self {
        let calls = &metrics.calls;
        calls.in_flight.fetch_add(1, Ordering::Relaxed);
        let (scope, name) = calls.scope(whose, method, name);
        let (series, unknown_tool) = if method == TOOLS_CALL {
            scope.of_tool(name)
        } else {
            (scope.of_method(method), None)
        };
        Self {
            metrics: Arc::clone(metrics),
            whose: whose.clone(),
            scope,
            series,
            unknown_tool,
            lists_tools: method == TOOLS_LIST,
            started: Instant::now(),
            outcome: Outcome::Failed,
        }
    }

    /// Whether its answer lists tools.
    pub(crate) fn lists_tools(&self) -> bool {
        self.lists_tools
    }

    /// Tools that were listed may get series of their own.
    pub(crate) fn learn(&self, names: impl Iterator<Item = String>) {
        let calls = &self.metrics.calls;
        match self.whose {
            Whose::Prefixed => {
                let servers = calls.servers();
                for name in names {
                    match servers.of(&name) {
                        Some((scope, own)) => calls.remember(scope, own),
                        None => calls.remember(&self.scope, &name),
                    }
                }
            }
            Whose::Anybody | Whose::Server(_) => {
                names.for_each(|name| calls.remember(&self.scope, &name));
            }
        }
    }

    /// Sets how the call ended.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let calls = &self.metrics.calls;
        calls.in_flight.fetch_sub(1, Ordering::Relaxed);
        // Some servers answer calls of names that they do not have.
        if self.outcome == Outcome::Ok
            && let Some(tool) = self.unknown_tool.take()
            && let Some(series) = calls.admit_tool(&self.scope, tool)
        {
            self.series = series;
        }
        self.series.outcomes[self.outcome as usize].fetch_add(1, Ordering::Relaxed);
        self.series.latency.observe(self.started.elapsed());
    }
}

impl Calls {
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn servers(&self) -> RwLockReadGuard<'_, Servers> {
        self.servers.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series of this server.
    pub(super) fn of_server(&self, name: &str) -> Arc<Scope> {
        self.servers.write().unwrap_or_else(PoisonError::into_inner).scope(name)
    }

    /// Sets the merged servers: names and prefixes.
    pub(super) fn merge(&self, servers: &[(String, String)]) {
        self.servers.write().unwrap_or_else(PoisonError::into_inner).merge(servers);
    }

    /// Where a call is counted, and its tool's own name there.
    fn scope(
        &self,
        whose: &Whose,
        method: &str,
        name: impl FnOnce() -> Option<String>,
    ) -> (Arc<Scope>, Option<String>) {
        let is_of_tool = method == TOOLS_CALL;
        match whose {
            Whose::Anybody => (Arc::clone(&self.anybody), is_of_tool.then(name).flatten()),
            Whose::Server(scope) => (Arc::clone(scope), is_of_tool.then(name).flatten()),
            Whose::Prefixed => {
                let servers = self.servers();
                if let Some(only) = servers.only() {
                    return (Arc::clone(only), is_of_tool.then(name).flatten());
                }
                let name = (is_of_tool || method == PROMPTS_GET).then(name).flatten();
                match name.as_deref().and_then(|name| servers.of(name)) {
                    Some((scope, own)) => (Arc::clone(scope), Some(own.to_owned())),
                    None => (Arc::clone(&self.anybody), name),
                }
            }
        }
    }

    fn remember(&self, scope: &Scope, name: &str) {
        if name.len() > MAX_NAME_LENGTH || self.listed.load(Ordering::Relaxed) >= MAX_LISTED {
            return;
        }
        let mut listed = scope.listed.write().unwrap_or_else(PoisonError::into_inner);
        if listed.insert(name.into()) {
            self.listed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn admit_tool(&self, scope: &Scope, tool: Box<str>) -> Option<Arc<Series>> {
        let listed = scope.listed.read().unwrap_or_else(PoisonError::into_inner);
        if !listed.contains(&tool) {
            return None;
        }
        drop(listed);
        let mut tools = scope.tools.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = tools.get(&tool) {
            return Some(Arc::clone(series));
        }
        let room = tools.len() < MAX_TOOLS && self.named.load(Ordering::Relaxed) < MAX_NAMED;
        room.then(|| {
            self.named.fetch_add(1, Ordering::Relaxed);
            Arc::clone(tools.entry(tool).or_default())
        })
    }

    /// Every series that has counted something, with its labels.
    pub(super) fn read(&self) -> Vec<Labelled> {
        let servers = self.servers();
        let named = servers.scopes().flat_map(|(name, scope)| scope.read(name));
        self.anybody.read("").into_iter().chain(named).collect()
    }
}

/// A series and its labels; unknown ones are empty.
#[derive(Debug)]
pub(super) struct Labelled {
    pub(super) server: String,
    pub(super) method: &'static str,
    pub(super) tool: String,
    pub(super) series: Arc<Series>,
}

impl Scope {
    fn of_method(&self, method: &str) -> Arc<Series> {
        let known = METHODS.binary_search(&method).ok().and_then(|index| self.methods.get(index));
        Arc::clone(known.unwrap_or(&self.other_method))
    }

    fn of_tool(&self, tool: Option<String>) -> (Arc<Series>, Option<Box<str>>) {
        let other = || Arc::clone(&self.other_tool);
        let Some(tool) = tool.filter(|tool| tool.len() <= MAX_NAME_LENGTH) else {
            return (other(), None);
        };
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        match tools.get(tool.as_str()) {
            Some(series) => (Arc::clone(series), None),
            None => (other(), (tools.len() < MAX_TOOLS).then(|| tool.into_boxed_str())),
        }
    }

    fn read(&self, server: &str) -> Vec<Labelled> {
        let labelled = |method, tool: &str, series: &Arc<Series>| Labelled {
            server: server.to_owned(),
            method,
            tool: tool.to_owned(),
            series: Arc::clone(series),
        };
        let methods = METHODS.iter().zip(&self.methods);
        let mut all: Vec<_> =
            methods.map(|(method, series)| labelled(*method, "", series)).collect();
        all.push(labelled(OTHER, "", &self.other_method));
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        let mut named: Vec<_> =
            tools.iter().map(|(tool, series)| labelled(TOOLS_CALL, tool, series)).collect();
        named.sort_by(|one, other| one.tool.cmp(&other.tool));
        all.append(&mut named);
        all.push(labelled(TOOLS_CALL, OTHER, &self.other_tool));
        all.retain(|one| one.series.outcomes().any(|(_, count)| count > 0));
        all
    }
}

impl Series {
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.outcomes.iter().map(|count| count.load(Ordering::Relaxed));
        Outcome::NAMES.into_iter().zip(counts)
    }

    pub(super) fn latency(&self) -> &Histogram {
        &self.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(metrics: &Arc<Metrics>, method: &str, tool: &str, outcome: Outcome) {
        call_at(metrics, &Whose::Anybody, method, tool).end(outcome);
    }

    fn call_at(metrics: &Arc<Metrics>, whose: &Whose, method: &str, tool: &str) -> Call {
        Call::begin(metrics, whose, method, || Some(tool.to_owned()))
    }

    fn labels(metrics: &Metrics) -> Vec<(&'static str, String)> {
        let series = metrics.calls.read().into_iter();
        series.map(|one| (one.method, one.tool)).collect()
    }

    #[test]
    fn calls_say_whose_they_are_at_their_own_endpoint_and_at_the_merged_one() {
        let metrics = Arc::new(Metrics::default());
        let servers = |names: &[&str]| -> Vec<(String, String)> {
            names.iter().map(|name| ((*name).to_owned(), name.replace(' ', "_"))).collect()
        };
        metrics.merge(&servers(&["my files", "web"]));
        let named = metrics.of_server("my files");
        let list = call_at(&metrics, &Whose::Prefixed, "tools/list", "");
        list.learn(["my_files__read", "web__read"].map(str::to_owned).into_iter());
        drop(list);
        for (whose, method, tool) in [
            (&named, "tools/call", "read"),
            (&Whose::Prefixed, "tools/call", "my_files__read"),
            (&Whose::Prefixed, "tools/call", "web__read"),
            (&Whose::Prefixed, "tools/call", "web__unknown"),
            (&Whose::Prefixed, "tools/call", "nobody__read"),
            (&Whose::Prefixed, "prompts/get", "web__p"),
        ] {
            call_at(&metrics, whose, method, tool).end(Outcome::Ok);
        }
        let read = metrics.calls.read();
        let read: Vec<_> = read
            .iter()
            .map(|one| {
                let count: u64 = one.series.outcomes().map(|(_, count)| count).sum();
                (one.server.as_str(), one.method, one.tool.as_str(), count)
            })
            .collect();
        let expected = [
            ("", "tools/list", "", 1),
            ("", "tools/call", "other", 1),
            ("my files", "tools/call", "read", 2),
            ("web", "prompts/get", "", 1),
            ("web", "tools/call", "read", 1),
            ("web", "tools/call", "other", 1),
        ];
        assert_eq!(read, expected);
        // If there is only one, it has no prefix.
        metrics.merge(&servers(&["web"]));
        call_at(&metrics, &Whose::Prefixed, "ping", "").end(Outcome::Ok);
        call_at(&metrics, &Whose::Prefixed, "tools/call", "read").end(Outcome::Ok);
        let read = metrics.calls.read();
        assert!(read.iter().any(|one| one.server == "web" && one.method == "ping"));
        let calls = read.iter().find(|one| one.server == "web" && one.tool == "read");
        assert_eq!(calls.unwrap().series.outcomes().next(), Some(("ok", 2)));
    }

    #[test]
    fn servers_beyond_the_bound_share_their_series() {
        let metrics = Arc::new(Metrics::default());
        for number in 0..1_000 {
            let whose = metrics.of_server(&format!("server {number}"));
            call_at(&metrics, &whose, "ping", "").end(Outcome::Ok);
        }
        let read = metrics.calls.read();
        assert_eq!(read.len(), crate::metrics::whose::MAX_SERVERS + 1);
        let last = read.iter().find(|one| one.server == OTHER).unwrap();
        assert_eq!(last.series.outcomes().next(), Some(("ok", 1_000 - 200)));
    }

    #[test]
    fn methods_are_searchable() {
        assert!(METHODS.is_sorted());
    }

    #[test]
    fn unknown_methods_share_a_series() {
        let metrics = Arc::new(Metrics::default());
        call(&metrics, "vendor/a", "", Outcome::Ok);
        call(&metrics, "vendor/b", "", Outcome::Error);
        assert_eq!(labels(&metrics), [("other", String::new())]);
    }

    #[test]
    fn tools_are_named_once_the_server_has_listed_and_answered_for_them_and_up_to_a_limit() {
        let metrics = Arc::new(Metrics::default());
        for number in 0..10_000 {
            call(&metrics, "tools/call", &format!("refused {number}"), Outcome::Error);
        }
        assert_eq!(labels(&metrics), [("tools/call", "other".to_owned())]);
        for number in 0..10_000 {
            call(&metrics, "tools/call", &format!("not listed {number}"), Outcome::Ok);
        }
        assert_eq!(labels(&metrics), [("tools/call", "other".to_owned())]);
        let list = Call::begin(&metrics, &Whose::Anybody, "tools/list", || None);
        assert!(list.lists_tools());
        list.learn((0..20_000).map(|number| format!("served {number}")));
        drop(list);
        for number in 0..10_000 {
            call(&metrics, "tools/call", &format!("served {number}"), Outcome::Ok);
        }
        call(&metrics, "tools/call", &"x".repeat(MAX_NAME_LENGTH + 1), Outcome::Ok);
        assert_eq!(labels(&metrics).len(), MAX_TOOLS + 2);
        let other = &metrics.calls.anybody.other_tool;
        let counts: Vec<_> = other.outcomes().map(|(_, count)| count).collect();
        assert_eq!(counts, [20_000 - MAX_TOOLS as u64 + 1, 10_000, 0, 0]);
    }

    #[test]
    fn a_call_is_in_flight_until_it_is_dropped() {
        let metrics = Arc::new(Metrics::default());
        let call = Call::begin(&metrics, &Whose::Anybody, "ping", || None);
        assert_eq!(metrics.calls.in_flight(), 1);
        drop(call);
        assert_eq!(metrics.calls.in_flight(), 0);
        let one = metrics.calls.read().remove(0);
        assert_eq!(one.series.outcomes().find(|(_, count)| *count > 0), Some(("failed", 1)));
    }
}
