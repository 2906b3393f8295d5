//! The hinge between clients and servers.
//!
//! A front opens a [`Connection`] of a [`Backend`] for each of its clients and sends messages into
//! it; answers come back through the [`Reply`] that went with the request, everything else
//! through the client's [`Sink`]. Neither side knows the other.

mod ask;
mod cause;
mod crossing;
mod dedicated;
mod denied;
mod embedded;
mod entitled;
mod exchange;
mod expiry;
mod fan_out;
mod ids;
mod initialize;
mod link;
mod lists;
mod member;
pub(crate) mod merged;
mod modern;
mod outbox;
mod owed;
#[cfg(any(test, feature = "internals"))]
mod pending;
mod readiness;
mod replaceable;
mod reply;
mod shared;
mod sink;
mod subscription;
mod volume;
mod waiting;

pub(crate) use ask::{Answer, reply_to};
pub(crate) use cause::Cause;
pub(crate) use crossing::{Keep, Leases, OpenServer, ServerSource};
pub(crate) use dedicated::{Dedicated, Launched, Memory, Nursery, Private, Slot, refusal};
pub(crate) use denied::Denied;
pub(crate) use embedded::Embedded;
pub use embedded::Unsent;
pub(crate) use entitled::{Entitled, Exchange};
pub(crate) use exchange::{Ids, Limits};
pub(crate) use expiry::{period, timed_out};
pub(crate) use fan_out::Audience;
pub(crate) use ids::Unguessable;
pub(crate) use initialize::{InitializeResult, requested_version};
pub(crate) use member::{invalid_level, too_many_subscriptions};
pub(crate) use merged::guarded;
pub(crate) use modern::{LISTEN, failure, tell_end, unreported, untagged};
pub(crate) use outbox::Outbox;
#[cfg(any(test, feature = "internals"))]
pub(crate) use pending::Pending;
pub(crate) use readiness::{Named, OnDemand, Readiness, Servers, Unready};
pub(crate) use replaceable::{Leaving, Replaceable};
pub(crate) use reply::Reply;
pub(crate) use shared::Shared;
pub(crate) use sink::{Outgoing, Reader, Sink};
#[cfg(test)]
pub(crate) use subscription::MAX_SUBSCRIPTIONS;
pub(crate) use subscription::{Effect, Subscriptions};
pub(crate) use volume::Volume;

use std::{fmt, net::IpAddr, sync::Arc};

use futures_util::future::BoxFuture;

use crate::{
    config::Policy,
    era::Era,
    host::{Caller, Refusal, ServerId},
    identity::Identity,
    jsonrpc::{Code, ErrorBody, Message},
    protocol::header::annotation::MirroredParameter,
};

/// A backlog from which on the server that feeds it is paused, if it feeds nobody else.
pub(crate) const PAUSE_ABOVE: usize = 1024 * 1024;
/// The backlog at which a paused server goes on.
pub(crate) const RESUME_BELOW: usize = 256 * 1024;

/// The client of a new connection.
#[derive(Default)]
pub(crate) struct Client {
    /// The era in which it speaks, and is spoken to.
    pub(crate) era: Era,
    /// The identity that it acts for.
    pub(crate) principal: Identity,
    /// The address that its requests come from.
    pub(crate) address: Option<IpAddr>,
    /// Where messages go that do not answer a request; without it they are dropped.
    pub(crate) unsolicited: Option<Arc<dyn Sink>>,
    /// The request that it came with, where the front keeps it.
    pub(crate) caller: Option<Arc<Caller>>,
    /// The modern request that is all it has to say.
    pub(crate) request: Option<Message>,
    /// The id of its session.
    pub(crate) session: Option<String>,
    /// Ends its session from the server's side.
    pub(crate) hang_up: Option<Arc<dyn Fn() + Send + Sync>>,
    /// The names of the servers that it asks for, where several are served as one.
    pub(crate) selection: Option<Vec<String>>,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub(crate) enum OpenError {
    /// The server answers with this.
    Upstream(ErrorBody),
    /// The host does not serve the client.
    Refused(Refusal),
}

impl From<ErrorBody> for OpenError {
    fn from(error: ErrorBody) -> Self {
        Self::Upstream(error)
    }
}

impl OpenError {
    fn without_caller() -> Self {
        Self::Upstream(ErrorBody::new(Code::Internal, "this server is not reached over HTTP"))
    }
}

/// What a front serves.
pub(crate) trait Backend: Send + Sync {
    /// Opens a connection for one client.
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>>;

    /// Whether clients of the modern era are served.
    fn serves_modern(&self) -> bool {
        true
    }

    /// The front closes: ends what has no end of its own.
    fn end_subscriptions(&self) {}

    /// What callers of an endpoint need that serves this and nothing else.
    fn policy(&self) -> Option<Arc<Policy>> {
        None
    }
}

/// What a server says to the proxy.
pub(crate) trait Listener: Send + Sync {
    /// A message from the server.
    fn receive(&self, message: &Message);

    /// What to wait for before the next message is read.
    fn pause(&self) -> Option<BoxFuture<'_, ()>> {
        None
    }
}

/// One client's use of a [`Backend`].
pub(crate) trait Connection: fmt::Debug + Send + Sync {
    /// Takes a message from the client; a request comes with its reply.
    ///
    /// Returns nothing when the message was taken, or, while the upstream is busy, a future that
    /// has to be awaited to hand it over.
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>>;

    /// The connection that this one stands in front of, and that answers the questions below.
    fn inner(&self) -> Option<&dyn Connection> {
        None
    }

    /// The revisions that a server of the host takes, if it has said so.
    fn versions(&self) -> Option<&[String]> {
        self.inner()?.versions()
    }

    /// The parameters of a tool that its callers mirror in headers, if the tool is known.
    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.inner()?.mirrored(tool)
    }

    /// The host's server at the other end, if that is what it is.
    fn server(&self) -> Option<ServerId> {
        self.inner()?.server()
    }

    /// Whether its server has ended for good, or its client has gone; not every kind knows.
    fn is_over(&self) -> bool {
        let Some(inner) = self.inner() else { return false };
        inner.is_over()
    }

    /// What another replica needs to go on with this at a remote server, unless that is known by
    /// this number already. `None` where there is nothing that outlives the proxy.
    fn continuation(&self, _known: u64) -> Option<Continuation> {
        None
    }

    /// Goes on with what another replica had, in place of a handshake: a client has settled what is
    /// in the memory, and listens if it has said that it is ready. `false` if that cannot be done,
    /// and nothing was.
    fn go_on(&self, _with: &Continuation, _memory: &Memory, _listens: bool) -> bool {
        false
    }

    /// The client goes on with another replica: what outlives the proxy is left as it is.
    fn hand_on(&self) {
        self.close();
    }

    /// The client has gone: cancels what it has in flight and gives up its subscriptions.
    fn close(&self);
}

/// A session with a remote server, for whoever goes on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Continuation {
    /// Grows with each session that is opened in place of the one before.
    pub(crate) number: u64,
    /// `Mcp-Session-Id`, a secret.
    pub(crate) id: String,
    /// The revision that was agreed on.
    pub(crate) version: Option<String>,
}

#[cfg(test)]
mod tests;
