//! Several servers as one: a backend over backends.
//!
//! Each client has a connection to each server, in its own era; restarts, isolation and sign-in are
//! below. A request finds its server by the name in it (`names`, `uris`, `route`) and is sent on
//! with the server's own name. What comes back is unchanged, except for names that say which server
//! they belong to (`returned`, `asked`). Lists are read concurrently and merged in the order of the
//! configuration (`listing`, `lists`).

mod answering;
mod ask;
mod asked;
mod context;
mod cursor;
mod endpoint;
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
mod taking_over;
mod uris;

pub(crate) use policy::{Guarded, View, guarded};
pub(crate) use seal::Seal;
pub(crate) use server::Server;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::future::BoxFuture;

use self::{
    endpoint::{Endpoint, end_all},
    member::Member,
    party::Party,
    passage::Passage,
    server::Roster,
};
use super::{Backend, Client, Connection, OpenError};
use crate::era::Era;

/// An endpoint that serves several servers as one. Every name gets its server's prefix, even if
/// there is only one server.
pub(crate) struct Merged {
    endpoint: Arc<Endpoint>,
    /// Clients of the older era, as long as there are any. They follow the roster once they are
    /// registered here, so it changes only under this lock.
    members: Mutex<Vec<Weak<Member>>>,
}

impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merged").field("endpoint", &self.endpoint.name).finish_non_exhaustive()
    }
}

impl Merged {
    /// An endpoint with this name over these servers, in the order of the configuration.
    pub(crate) fn new(endpoint: String, servers: Vec<Arc<Server>>, seal: Arc<Seal>) -> Arc<Self> {
        let endpoint = Endpoint::new(endpoint, Roster::new(servers), seal);
        Arc::new(Self { endpoint, members: Mutex::default() })
    }

    /// Serves these servers from now on. Servers that stay keep their connections; clients are told
    /// that the lists have changed.
    pub(crate) fn exchange(&self, servers: Vec<Arc<Server>>) {
        let roster = Arc::new(Roster::new(servers));
        let members = self.members();
        let standing = self.endpoint.exchange(&roster);
        let following: Vec<_> = members.iter().filter_map(Weak::upgrade).collect();
        drop(members);
        for member in following {
            member.follow(&roster);
        }
        // Their clients listen again, to the other servers.
        end_all(&standing);
    }

    /// Closes the clients' connections to a removed server.
    pub(crate) fn forget(&self, server: &Arc<Server>) {
        let members: Vec<_> = self.members().iter().filter_map(Weak::upgrade).collect();
        for member in members {
            member.forget(server);
        }
    }

    fn members(&self) -> MutexGuard<'_, Vec<Weak<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client of the older era.
    fn enter(&self, party: Arc<Party>, client: Client) -> Arc<Member> {
        let mut members = self.members();
        let member = Member::new(party, client, &self.endpoint.roster());
        if members.len() == members.capacity() {
            members.retain(|member| member.strong_count() > 0);
        }
        members.push(Arc::downgrade(&member));
        member
    }
}

impl Backend for Merged {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            let party = Party::new(Arc::clone(&self.endpoint), &client);
            let connection: Arc<dyn Connection> = match client.era {
                Era::Legacy => self.enter(party, client),
                Era::Modern => Passage::open(party, client).await,
            };
            Ok(connection)
        })
    }

    fn end_subscriptions(&self) {
        self.endpoint.end_standing();
    }
}

#[cfg(test)]
mod tests;
