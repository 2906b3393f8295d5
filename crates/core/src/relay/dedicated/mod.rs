//! A server of its own for each client.
//!
//! The client's own handshake is forwarded, and messages pass unchanged in both directions. Only
//! the ids of the client's requests are replaced, because a client may repeat its own.

mod held;
mod memory;
mod opening;
mod pause;
mod private;
mod receive;
mod reopening;
mod rest;

pub(super) use held::{Held, Unheld};
pub(crate) use memory::Memory;
pub(crate) use private::Private;
pub(crate) use receive::refusal;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{
    Backend, Cause, Client, Connection, Keep, Leases, Limits, OpenError, OpenServer, Outbox,
    ServerSource,
};
use crate::{era::Era, jsonrpc::ErrorBody};

/// Starts servers.
pub(crate) trait Nursery: fmt::Debug + Send + Sync {
    /// Reserves one server; refused if there are too many.
    fn reserve(&self) -> Result<Box<dyn Slot>, ErrorBody>;

    /// Waits, for a limited time, until there may be room for one more.
    fn room(&self) -> BoxFuture<'static, ()>;

    /// A server was started in place of one that ended.
    fn restarted(&self) {}
}

/// Room for one server; freed when dropped.
pub(crate) trait Slot: Send {
    /// Starts it for this client.
    fn launch(self: Box<Self>, client: Arc<Private>) -> Result<Launched, Cause>;
}

/// A server that was started for one client.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) outbox: Arc<Outbox>,
    /// Dropping it ends the server.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) stop: oneshot::Sender<()>,
}

/// Where a client gets further servers.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) nursery: Arc<dyn Nursery>,
    /// Whether a server that ended by itself is replaced.
    pub(super) revives: bool,
}

impl Source {
    /// Reserves another server.
    fn another(&self) -> Result<Box<dyn Slot>, Cause> {
        self.nursery.reserve().map_err(|error| Cause { message: error.message, data: error.data })
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Dedicated {
    nursery: Arc<dyn Nursery>,
    limits: Limits,
    /// Where a client gets another server after its server has ended.
    revives: bool,
    /// Where clients without sessions get theirs.
    leases: Arc<Leases>,
}

impl Dedicated {
    /// Servers from this source; `keeps` says which servers of clients without sessions wait for
    /// another request.
    pub(crate) fn new(
        nursery: Arc<dyn Nursery>,
        limits: Limits,
        revives: bool,
        keeps: Keep,
    ) -> Self {
        let source = Launcher { nursery: Arc::clone(&nursery), limits };
        let leases = Leases::new(Arc::new(source), limits.silence, keeps);
        Self { nursery, limits, revives, leases }
    }
}

#[cfg(test)]
impl Dedicated {
    /// How many servers clients without sessions use, or have returned.
    pub(super) fn leased(&self) -> usize {
        self.leases.taken()
    }
}

/// Starts servers that are leased.
#[derive(Debug)]
struct Launcher {
    nursery: Arc<dyn Nursery>,
    limits: Limits,
}

impl ServerSource for Launcher {
    fn reserve(&self) -> Result<OpenServer, ErrorBody> {
        let slot = self.nursery.reserve()?;
        let (limits, nursery) = (self.limits, Arc::clone(&self.nursery));
        Ok(Box::new(move |sink| {
            Private::open(slot, Some(sink), limits, Source { nursery, revives: false })
        }))
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        self.nursery.room()
    }
}

impl Backend for Dedicated {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            if client.era == Era::Modern {
                return Ok(self.leases.open(client.principal));
            }
            let slot = match self.nursery.reserve() {
                Ok(slot) => slot,
                Err(error) => {
                    let Some(room) = self.leases.make_room() else { return Err(error.into()) };
                    room.await;
                    self.nursery.reserve()?
                }
            };
            let nursery = Arc::clone(&self.nursery);
            let source = Source { nursery, revives: self.revives };
            let connection: Arc<dyn Connection> =
                Private::open(slot, client.unsolicited, self.limits, source);
            Ok(connection)
        })
    }

    fn end_subscriptions(&self) {
        self.leases.end_subscriptions();
    }

    /// Each client has a server to itself.
    fn lists_differ(&self) -> bool {
        true
    }
}
