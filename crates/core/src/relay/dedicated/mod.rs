//! A server of its own for each client.
//!
//! The client's own handshake is forwarded, and everything crosses in both directions as it is;
//! only the ids of the client's requests are the proxy's, because a client may repeat its own.

mod held;
mod memory;
mod pause;
mod private;
mod receive;
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

/// Where servers come from.
pub(crate) trait Nursery: fmt::Debug + Send + Sync {
    /// The right to start one server; refused when there are too many.
    fn reserve(&self) -> Result<Box<dyn Slot>, ErrorBody>;

    /// Waits until there may be room for one more, but not for long.
    fn room(&self) -> BoxFuture<'static, ()>;

    /// A server was started in place of one that had ended.
    fn restarted(&self) {}
}

/// The right to start one server, given up when dropped.
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

/// Where a client's further servers come from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) nursery: Arc<dyn Nursery>,
    /// There is another server when one has ended by itself.
    pub(super) revives: bool,
}

impl Source {
    /// The right to start another server.
    fn another(&self) -> Result<Box<dyn Slot>, Cause> {
        self.nursery.reserve().map_err(|error| Cause { message: error.message, data: error.data })
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Dedicated {
    nursery: Arc<dyn Nursery>,
    limits: Limits,
    /// Start another server for a client whose server has ended.
    revives: bool,
    /// Where clients without sessions have theirs from.
    leases: Arc<Leases>,
}

impl Dedicated {
    /// Servers from there; `keeps` those of clients without sessions for their next request.
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
    /// How many servers clients without sessions have, or have left.
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
}
