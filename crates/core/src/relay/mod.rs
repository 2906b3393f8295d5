//! The hinge between clients and servers.
//!
//! A front opens a [`Connection`] of a [`Backend`] for each of its clients and sends messages into
//! it; answers come back through the [`Reply`] that went with the request, everything else
//! through the client's [`Sink`]. Neither side knows the other.

mod cause;
mod exchange;
mod fan_out;
mod initialize;
mod member;
mod outbox;
mod reply;
mod shared;
mod subscription;

pub(crate) use cause::Cause;
pub(crate) use initialize::{InitializeResult, requested_version};
pub(crate) use outbox::Outbox;
pub(crate) use reply::Reply;
pub(crate) use shared::Shared;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::jsonrpc::{Edit, ErrorBody, Message};

/// A message on its way to a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) source: &'a Bytes,
    pub(crate) edits: &'a [Edit<'a>],
    /// Whether this is the response that ends an exchange.
    pub(crate) response: bool,
}

/// Where messages for a client go. Never blocks: what does not fit is the sink's to settle.
pub(crate) trait Sink: Send + Sync {
    fn write(&self, outgoing: Outgoing<'_>);

    /// An exchange on this sink will get no response.
    fn forget(&self);
}

/// What a front serves.
pub(crate) trait Backend: Send + Sync {
    /// Opens a connection for one client. Messages that answer none of its requests go to
    /// `unsolicited`; a client without such a channel gets none.
    fn open(
        &self,
        unsolicited: Option<Arc<dyn Sink>>,
    ) -> BoxFuture<'_, Result<Arc<dyn Connection>, ErrorBody>>;
}

/// One client's use of a [`Backend`].
pub(crate) trait Connection: fmt::Debug + Send + Sync {
    /// Takes a message from the client; a request comes with its reply.
    ///
    /// Returns nothing when the message was taken, or, while the upstream is busy, a future that
    /// has to be awaited to hand it over.
    fn send(&self, message: Message, reply: Option<Reply>) -> Option<BoxFuture<'static, ()>>;

    /// The client has gone: cancels what it has in flight and gives up its subscriptions.
    fn close(&self);
}
