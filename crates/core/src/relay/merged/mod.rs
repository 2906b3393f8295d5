//! Several servers as one: a backend over backends.
//!
//! Each client has a connection to each server, in its own era; restarts, isolation and sign-in are
//! below. A request finds its server by the name in it (`names`, `uris`, `route`) and is sent on
//! with the server's own name. What comes back is unchanged, except for names that say which server
//! they belong to (`returned`, `asked`). Lists are read concurrently and merged in the order of the
//! configuration (`listing`, `lists`).

mod ask;
mod asked;
mod context;
mod cursor;
mod greeting;
mod leg;
mod listening;
mod listing;
mod lists;
mod member;
mod mending;
mod names;
mod opening;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod oracle;
mod party;
mod passage;
mod policy;
mod refusal;
mod returned;
mod route;
mod ruling;
mod seal;
mod server;
mod shown;
mod uris;

pub(crate) use policy::{Guarded, View, guarded};
pub(crate) use seal::Seal;
pub(crate) use server::Server;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::future::BoxFuture;

use self::{listening::Listening, member::Member, party::Party, passage::Passage, server::Roster};
use super::{Backend, Client, Connection, OpenError};
use crate::era::Era;

/// An endpoint that serves several servers as one. Every name gets its server's prefix, even if
/// there is only one server.
pub(crate) struct Merged {
    me: Weak<Self>,
    /// Tells endpoints apart: seals of one are invalid at another.
    endpoint: String,
    seal: Arc<Seal>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    roster: Arc<Roster>,
    /// Clients, as long as there are any.
    members: Vec<Weak<Member>>,
    listening: Vec<Weak<Listening>>,
}

impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merged").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Merged {
    /// An endpoint with this name over these servers, in the order of the configuration.
    pub(crate) fn new(endpoint: String, servers: Vec<Arc<Server>>, seal: Arc<Seal>) -> Arc<Self> {
        let state = State { roster: Arc::new(Roster::new(servers)), ..State::default() };
        let state = Mutex::new(state);
        Arc::new_cyclic(|me| Self { me: Weak::clone(me), endpoint, seal, state })
    }

    /// Serves these servers from now on. Servers that stay keep their connections; clients are told
    /// that the lists have changed.
    pub(crate) fn exchange(&self, servers: Vec<Arc<Server>>) {
        let roster = Arc::new(Roster::new(servers));
        let mut state = self.lock();
        state.roster = Arc::clone(&roster);
        let members: Vec<_> = state.members.iter().filter_map(Weak::upgrade).collect();
        let listening = std::mem::take(&mut state.listening);
        drop(state);
        for member in members {
            member.follow(&roster);
        }
        // Their clients listen again, to the other servers.
        listening.iter().filter_map(Weak::upgrade).for_each(|listening| listening.end());
    }

    /// Closes the clients' connections to a removed server.
    pub(crate) fn forget(&self, server: &Arc<Server>) {
        let members: Vec<_> = self.lock().members.iter().filter_map(Weak::upgrade).collect();
        for member in members {
            member.forget(server);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.lock().roster)
    }

    fn remember(&self, listening: &Arc<Listening>) {
        let mut state = self.lock();
        state.listening.retain(|listening| listening.strong_count() > 0);
        state.listening.push(Arc::downgrade(listening));
    }

    /// A client of the older era; it follows the roster once it is registered.
    fn enter(&self, party: Arc<Party>, client: Client) -> Arc<Member> {
        let mut state = self.lock();
        let member = Member::new(party, client, &state.roster);
        if state.members.len() == state.members.capacity() {
            state.members.retain(|member| member.strong_count() > 0);
        }
        state.members.push(Arc::downgrade(&member));
        member
    }
}

impl Backend for Merged {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            let gone = || OpenError::Upstream(member::shutting_down());
            let merged = self.me.upgrade().ok_or_else(gone)?;
            let party = Party::new(merged, client.principal.clone());
            let connection: Arc<dyn Connection> = match client.era {
                Era::Legacy => self.enter(party, client),
                Era::Modern => Passage::open(party, client).await,
            };
            Ok(connection)
        })
    }

    fn end_subscriptions(&self) {
        let listening = std::mem::take(&mut self.lock().listening);
        listening.iter().filter_map(Weak::upgrade).for_each(|listening| listening.end());
    }
}

#[cfg(test)]
mod tests;
