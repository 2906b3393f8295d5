//! The connection between clients and servers.
//!
//! A front opens a [`Connection`] of a [`Backend`] for each of its clients and sends messages into
//! it. Answers come back through the [`Reply`] that was sent with the request, everything else
//! through the client's [`Sink`]. Neither side knows the other.

mod about;
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
mod holding;
mod ids;
mod initialize;
mod lifecycle;
mod link;
mod lists;
mod locked;
mod member;
pub(crate) mod merged;
mod modern;
mod objection;
mod outbox;
mod owed;
#[cfg(any(test, feature = "internals"))]
mod pending;
mod readiness;
mod refused;
mod replaceable;
mod reply;
mod serving;
mod shared;
mod sink;
mod state;
mod subscription;
mod tasks;
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
pub(crate) use objection::Objection;
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

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use futures_util::future::BoxFuture;

use crate::{
    config::Policy,
    era::Era,
    host::{Caller, Refusal, ServerId},
    identity::{Claims, Identity},
    jsonrpc::{Code, ErrorBody, Kind, Message},
    protocol::header::annotation::MirroredParameter,
    runtime::task,
};

/// From this backlog on, a server is paused if it feeds only one client.
pub(crate) const PAUSE_ABOVE: usize = 1024 * 1024;
/// At this backlog, a paused server continues.
pub(crate) const RESUME_BELOW: usize = 256 * 1024;

/// The client of a new connection.
#[derive(Default)]
pub(crate) struct Client {
    /// The era of its messages.
    pub(crate) era: Era,
    /// The identity for which it acts.
    pub(crate) principal: Identity,
    /// The address from which its requests come.
    pub(crate) address: Option<IpAddr>,
    /// Gets messages that do not answer a request; without it they are dropped.
    pub(crate) unsolicited: Option<Arc<dyn Sink>>,
    /// The request with which it came, if the front keeps it.
    pub(crate) caller: Option<Arc<Caller>>,
    /// The only request of the connection, for a client of the modern era.
    pub(crate) request: Option<Message>,
    /// The id of its session.
    pub(crate) session: Option<String>,
    /// Ends its session when the server has ended.
    pub(crate) hang_up: Option<Arc<dyn Fn() + Send + Sync>>,
    /// The names of the servers that it selects, if several are served as one.
    pub(crate) selection: Option<Vec<String>>,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub(crate) enum OpenError {
    /// The server's answer.
    Upstream(ErrorBody),
    /// The host refuses the client.
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

/// What a front serves: a server, or something that stands for servers.
pub(crate) trait Backend: Send + Sync {
    /// Opens a connection for one client.
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>>;

    /// Whether it serves clients of the modern era.
    fn serves_modern(&self) -> bool {
        true
    }

    /// The front closes: ends everything that does not end by itself.
    fn end_subscriptions(&self) {}

    /// What callers of an endpoint need that serves only this backend.
    fn policy(&self) -> Option<Arc<Policy>> {
        None
    }

    /// The objection to a request of a caller with these claims, before a server is needed for it.
    /// A connection refuses the request as well.
    fn objection(&self, _request: &Message, _claims: Option<&Claims>) -> Option<Objection> {
        None
    }

    /// Whether its lists may differ between clients.
    fn lists_differ(&self) -> bool {
        false
    }
}

/// A message from a server to the proxy.
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
    /// Returns `None` if the message was taken. While the upstream is busy, returns a future that
    /// must be awaited to send it.
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>>;

    /// The connection behind this one, which answers the questions below.
    fn inner(&self) -> Option<&dyn Connection> {
        None
    }

    /// The revisions that a server of the host supports, if it has said so.
    fn versions(&self) -> Option<&[String]> {
        self.inner()?.versions()
    }

    /// The arguments of a tool that its callers mirror in headers, if the tool is known.
    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.inner()?.mirrored(tool)
    }

    /// The host's server at the other end, if it is one.
    fn server(&self) -> Option<ServerId> {
        self.inner()?.server()
    }

    /// Whether its server has ended for good, or its client has disconnected; not every kind knows.
    fn is_over(&self) -> bool {
        let Some(inner) = self.inner() else { return false };
        inner.is_over()
    }

    /// What another replica needs to continue this session with a remote server, unless it has the
    /// version `known` already. `None` if nothing outlives the proxy.
    fn continuation(&self, known: u64) -> Option<Continuation> {
        self.inner()?.continuation(known)
    }

    /// Continues another replica's session, without a handshake. `memory` is what the client has
    /// set there; it `listens` if it has sent `notifications/initialized`. `false` if this is
    /// impossible; then nothing was changed.
    fn go_on(&self, with: &Continuation, memory: &Memory, listens: bool) -> bool {
        let Some(inner) = self.inner() else { return false };
        inner.go_on(with, memory, listens)
    }

    /// The same for a connection to several servers: what is needed for each of them, by its name,
    /// unless the version that is `known` of that name is the newest.
    fn continuations(&self, known: &dyn Fn(&str) -> u64) -> Vec<(String, Continuation)> {
        self.inner().map_or_else(Vec::new, |inner| inner.continuations(known))
    }

    /// Continues another replica's sessions with several servers, as [`Self::go_on`] does with one.
    /// Servers that are not named get a handshake.
    fn go_on_with(&self, with: &Continuations, memory: &Memory, listens: bool) -> bool {
        self.inner().is_some_and(|inner| inner.go_on_with(with, memory, listens))
    }

    /// The client leaves this proxy. Releases everything that is held for the client, in both cases
    /// of `how`, and passes `how` on to the connection behind this one.
    fn depart(&self, how: Departure);

    /// The client has disconnected.
    fn close(&self) {
        self.depart(Departure::Gone);
    }

    /// The same; before that, the server gets these messages, whose answers nobody needs.
    fn close_with(&self, last: Vec<Message>) {
        for message in last {
            let nobody = (message.kind() == Kind::Request).then(|| reply_to(&message, drop));
            if let Some(sending) = self.send(message, nobody, None) {
                task::spawn(sending);
            }
        }
        self.close();
    }
}

/// How a client leaves this proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It has disconnected: its running calls are cancelled and its subscriptions end.
    Gone,
    /// It continues at another replica: what outlives the proxy stays as it is.
    Moved,
}

/// Sessions with remote servers, by the names of the servers.
pub(crate) type Continuations = BTreeMap<String, Continuation>;

/// A session with a remote server, for the replica that continues it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Continuation {
    /// Different for each session of the same client.
    pub(crate) number: u64,
    /// `Mcp-Session-Id`, a secret.
    pub(crate) id: String,
    /// The negotiated revision.
    pub(crate) version: Option<String>,
}

#[cfg(test)]
mod tests;
