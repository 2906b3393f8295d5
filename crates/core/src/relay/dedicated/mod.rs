//! A server of its own for each client.
//!
//! The client's own handshake is forwarded, and everything crosses in both directions as it is;
//! only the ids of the client's requests are the proxy's, because a client may repeat its own.

mod memory;
mod private;
mod receive;

pub(crate) use memory::Memory;
pub(crate) use private::Private;
pub(crate) use receive::refusal;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{Backend, Cause, Client, Connection, Limits, OpenError, Outbox};
use crate::jsonrpc::ErrorBody;

/// Where servers come from.
pub(crate) trait Nursery: fmt::Debug + Send + Sync {
    /// The right to start one server; refused when there are too many.
    fn reserve(&self) -> Result<Box<dyn Slot>, ErrorBody>;
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

/// See the module.
#[derive(Debug)]
pub(crate) struct Dedicated {
    nursery: Arc<dyn Nursery>,
    limits: Limits,
    /// Start another server for a client whose server has ended.
    revives: bool,
}

impl Dedicated {
    pub(crate) fn new(nursery: Arc<dyn Nursery>, limits: Limits, revives: bool) -> Self {
        Self { nursery, limits, revives }
    }
}

impl Backend for Dedicated {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            let slot = self.nursery.reserve()?;
            let again = self.revives.then(|| Arc::clone(&self.nursery));
            let connection: Arc<dyn Connection> =
                Private::open(slot, client.unsolicited, self.limits, again);
            Ok(connection)
        })
    }
}
