//! The backend of an endpoint of several servers: merged ones, or the only one unchanged.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::running::Running;
use crate::{
    config::Policy,
    host::{Refusal, Verbatim},
    relay::{
        Backend, Client, Connection, Leaving, OpenError, Replaceable,
        merged::{Guarded, Merged, Seal, Server},
    },
};

/// See the module.
pub(super) struct Whole {
    /// Tells it apart from other endpoints.
    endpoint: String,
    seal: Arc<Seal>,
    merged: Arc<Merged>,
    /// Serves clients without a selection: the merged servers, or the only one.
    undivided: Arc<Replaceable>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: Vec<Member>,
    /// Whether the file enables several servers, so that names have prefixes.
    prefixes: bool,
    /// Selections in use, by the names of their servers in the order of the file.
    parts: HashMap<Vec<String>, Weak<Merged>>,
}

/// In the order of the file.
type Servers = Vec<Arc<Server>>;

struct Member {
    name: String,
    guarded: Arc<Guarded>,
    merged: Arc<Server>,
}

impl Member {
    fn of(server: &Arc<Running>) -> Self {
        let (guarded, merged) = (Arc::clone(&server.guarded), Arc::clone(&server.merged));
        Self { name: server.name().to_owned(), guarded, merged }
    }
}

impl Whole {
    /// An endpoint of no servers yet.
    pub(super) fn new(endpoint: String, seal: Arc<Seal>) -> Arc<Self> {
        let merged = Merged::new(endpoint.clone(), Vec::new(), Arc::clone(&seal));
        let undivided = Replaceable::new(Arc::clone(&merged) as Arc<dyn Backend>);
        Arc::new(Self { endpoint, seal, merged, undivided, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves these from now on; connected clients stay. Returns a server to wait for: the only one
    /// so far, if it is not the only one any more.
    pub(super) fn exchange(&self, servers: &[Arc<Running>], prefixes: bool) -> Option<Leaving> {
        let members: Vec<_> = servers.iter().map(Member::of).collect();
        let servers: Vec<_> = members.iter().map(|member| Arc::clone(&member.merged)).collect();
        let mut state = self.lock();
        let before = state.only();
        if state.serves(&servers) && state.prefixes == prefixes {
            return None;
        }
        state.members = members;
        state.prefixes = prefixes;
        let (after, parts) = (state.only(), state.used_parts());
        drop(state);
        for (servers, part) in parts {
            part.exchange(servers);
        }
        self.merged.exchange(servers);
        let other: Arc<dyn Backend> = match (before, after) {
            (None, None) => return None,
            (Some(before), Some(after)) if Arc::ptr_eq(&before, &after) => return None,
            (_, Some(only)) => only,
            (Some(_), None) => Arc::<Merged>::clone(&self.merged),
        };
        let leaving = self.undivided.replace(other);
        self.undivided.tell_changes();
        Some(leaving)
    }

    /// Closes the clients' connections to a removed server.
    pub(super) fn forget(&self, server: &Arc<Server>) {
        let parts = self.lock().used_parts();
        for part in parts.into_iter().map(|(_, part)| part).chain([Arc::clone(&self.merged)]) {
            part.forget(server);
        }
    }

    /// Serves the servers with these names.
    fn part(&self, names: &[String]) -> Option<Arc<dyn Backend>> {
        let mut state = self.lock();
        let known = |name: &String| state.members.iter().any(|member| member.name == *name);
        if names.is_empty() || !names.iter().all(known) {
            return None;
        }
        if let Some(only) = state.only() {
            return Some(only);
        }
        let of_part = |member: &&Member| names.contains(&member.name);
        let part: Vec<&Member> = state.members.iter().filter(of_part).collect();
        let names: Vec<String> = part.iter().map(|member| member.name.clone()).collect();
        if let Some(used) = state.parts.get(&names).and_then(Weak::upgrade) {
            return Some(used);
        }
        let servers = part.iter().map(|member| Arc::clone(&member.merged)).collect();
        let endpoint = format!("{} servers {names:?}", self.endpoint);
        let part = Merged::new(endpoint, servers, Arc::clone(&self.seal));
        state.parts.retain(|_, part| part.strong_count() > 0);
        state.parts.insert(names, Arc::downgrade(&part));
        Some(part)
    }
}

impl State {
    /// The only server, if the file enables no other.
    fn only(&self) -> Option<Arc<Guarded>> {
        match self.members.as_slice() {
            [only] if !self.prefixes => Some(Arc::clone(&only.guarded)),
            _ => None,
        }
    }

    fn serves(&self, servers: &[Arc<Server>]) -> bool {
        let same = |(member, server): (&Member, &Arc<Server>)| Arc::ptr_eq(&member.merged, server);
        self.members.len() == servers.len() && self.members.iter().zip(servers).all(same)
    }

    /// The selections in use, with the servers that are left of them.
    fn used_parts(&mut self) -> Vec<(Servers, Arc<Merged>)> {
        self.parts.retain(|_, part| part.strong_count() > 0);
        let left = |names: &[String]| {
            let left = self.members.iter().filter(|member| names.contains(&member.name));
            left.map(|member| Arc::clone(&member.merged)).collect()
        };
        let used = self.parts.iter();
        used.filter_map(|(names, part)| Some((left(names), part.upgrade()?))).collect()
    }
}

impl Backend for Whole {
    fn open(&self, mut client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        let Some(names) = client.selection.take() else { return self.undivided.open(client) };
        let part = self.part(&names);
        Box::pin(async move {
            match part {
                Some(part) => part.open(client).await,
                None => Err(OpenError::Refused(not_found())),
            }
        })
    }

    fn policy(&self) -> Option<Arc<Policy>> {
        self.undivided.policy()
    }

    fn end_subscriptions(&self) {
        self.undivided.end_subscriptions();
        let parts = self.lock().used_parts();
        for (_, part) in &parts {
            part.end_subscriptions();
        }
    }
}

/// The error about servers that are not served.
fn not_found() -> Refusal {
    let (reason, headers) = (String::new(), Vec::new());
    Refusal::Response(Box::new(Verbatim { status: 404, reason, headers, body: Bytes::new() }))
}
