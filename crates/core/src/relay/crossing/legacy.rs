//! What provides the legacy server for modern requests.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{crossings::Crossings, origin::Origin};
use crate::{
    era::modern_to_legacy::Greeting,
    jsonrpc::{ErrorBody, Message},
    relay::{Connection, OpenError, Sink},
};

/// A legacy connection, and what its server said about itself.
pub(super) type Subscribed = Result<(Arc<dyn Connection>, Greeting), Unsubscribed>;

/// Why a subscription has no connection.
#[derive(Debug)]
pub(super) enum Unsubscribed {
    NotOpened(OpenError),
    /// The handshake was answered with this.
    NotGreeted(Option<Message>),
}

impl From<ErrorBody> for Unsubscribed {
    fn from(error: ErrorBody) -> Self {
        Self::NotOpened(error.into())
    }
}

/// Provides the legacy server for modern requests.
pub(super) trait Legacy: Send + Sync {
    fn crossings(&self) -> &Arc<Crossings>;

    /// The server for this request.
    fn origin(self: Arc<Self>, request: &Message) -> Result<Arc<dyn Origin>, ErrorBody>;

    /// A legacy connection that sends standalone messages to this sink, and what its server said
    /// about itself.
    fn subscribe(
        self: Arc<Self>,
        request: &Message,
        sink: Arc<dyn Sink>,
    ) -> BoxFuture<'static, Subscribed>;

    /// Passes a notification on, if that makes sense.
    fn notify(&self, _notification: Message) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// After a refusal because of missing room: what to wait for before one more attempt.
    fn room(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// The request has ended, in any way.
    fn close(&self);
}
