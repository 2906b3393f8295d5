//! Calls by server, method, tool and outcome; the number of series is limited, whatever clients
//! send.

use std::sync::{
    Arc, PoisonError, RwLock, RwLockReadGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::{
    scope::{Labelled, MAX_NAME_LENGTH, Scope, Series, TOOLS_CALL},
    whose::{Servers, Whose},
};

const PROMPTS_GET: &str = "prompts/get";
/// Most tools of all servers together with series of their own.
const MAX_NAMED: usize = 1_000;
/// Most names of tools that are remembered, for all servers together.
const MAX_LISTED: usize = 10_000;

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

impl Calls {
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn servers(&self) -> RwLockReadGuard<'_, Servers> {
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
    pub(super) fn scope(
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

    pub(super) fn remember(&self, scope: &Scope, name: &str) {
        if name.len() > MAX_NAME_LENGTH || self.listed.load(Ordering::Relaxed) >= MAX_LISTED {
            return;
        }
        if scope.remember(name) {
            self.listed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn admit_tool(&self, scope: &Scope, tool: Box<str>) -> Option<Arc<Series>> {
        scope.admit(tool, || {
            let room = self.named.load(Ordering::Relaxed) < MAX_NAMED;
            if room {
                self.named.fetch_add(1, Ordering::Relaxed);
            }
            room
        })
    }

    /// Every series that has counted something, with its labels.
    pub(super) fn read(&self) -> Vec<Labelled> {
        let servers = self.servers();
        let named = servers.scopes().flat_map(|(name, scope)| scope.read(name));
        self.anybody.read("").into_iter().chain(named).collect()
    }
}
