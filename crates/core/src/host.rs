//! What a program that embeds the front has to say: servers of its own, and questions about
//! requests that only it can answer.
//!
//! The front decides when each question is asked and what happens to the answer. A front without a
//! host asks nothing and keeps no request heads.

use std::{any::Any, fmt, net::SocketAddr, sync::OnceLock};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Uri};
use tokio::io::DuplexStream;

/// Names one server of a host.
pub type ServerId = u32;

/// The head of a request, as long as anybody needs it.
pub struct Caller {
    /// Its method.
    pub method: Method,
    /// Its target, as sent.
    pub target: Uri,
    /// Its header fields, in order.
    pub headers: HeaderMap,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// This end of it; nothing is known of that of a tunnel or of another replica.
    pub local: SocketAddr,
    /// The names of its header fields as they were spelled, each ended by a line break; empty if they were not kept.
    pub spelled: Vec<u8>,
    /// Whether the connection is TLS.
    pub encrypted: bool,
    /// What the host keeps about the request; dropped with it.
    pub note: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("method", &self.method)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// A whole response that the host wants to be sent as it is.
#[derive(Clone, Debug)]
pub struct Verbatim {
    /// Status code.
    pub status: u16,
    /// Reason phrase; may be empty.
    pub reason: String,
    /// Header fields, repeated ones one by one.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
}

/// Why a host does not serve a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The caller is not who may use the server, for this reason if one was given.
    Denied(Option<String>),
    /// Authentication or the making of a server failed, with this message if it had one.
    Failed(Option<String>),
    /// A server was made and could not be put to use.
    Unusable,
    /// The caller's authorization does not cover what is needed.
    Scope {
        /// The scopes that are needed.
        required: Vec<String>,
        /// What to tell the caller.
        description: Option<String>,
    },
    /// The server cannot serve the revision that the request is of.
    Legacy,
    /// Answer with this.
    Response(Box<Verbatim>),
}

/// What a server is made for.
#[derive(Clone, Debug)]
pub enum Opening {
    /// A client of the 2025 era; without the id of a session, one request of it.
    Legacy(Option<String>),
    /// One request of the 2026-07-28 revision, which wants to hear of these resources.
    Modern(Vec<String>),
}

/// The session that a request names, if it exists.
#[derive(Clone, Debug)]
pub struct Visited {
    /// Its server.
    pub server: ServerId,
    /// The identity that opened it, from [`Host::authenticate`]; `None` without one.
    pub subject: Option<String>,
}

/// What was made of an [`Opening`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// A server of the era that was asked for.
    AsAsked,
    /// A server of the 2025 era for a request of 2026-07-28, which is translated for it.
    Legacy,
}

/// What may have changed at the servers of a host.
#[derive(Clone, Debug)]
pub enum Change {
    /// The list of prompts.
    Prompts,
    /// The list of resources.
    Resources,
    /// The list of tools.
    Tools,
    /// The resource with this URI.
    Resource(String),
}

/// What became of a request for a path that is not an MCP endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// The response was begun; it is read from the connection.
    Taken,
    /// Nothing was sent, so the front goes on.
    Untouched,
    /// The route failed before it sent anything.
    Failed,
}

/// Events that a client has missed.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The stream that they are of; if it goes on, so does the response.
    pub stream: u64,
    /// Ids and messages, one line of JSON each.
    pub events: Vec<(String, Bytes)>,
}

/// Why there is nothing to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreplayed {
    /// The event is not kept.
    Unknown,
    /// The store failed.
    Failed,
}

/// Takes what was replayed. What the server says afterwards comes behind it.
pub type Resume = Box<dyn FnOnce(Result<Replay, Unreplayed>) + Send>;

/// A message from a client to a server of the host.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// Which server.
    pub server: ServerId,
    /// The message, one line of JSON.
    pub text: &'a [u8],
    /// The request that carried it.
    pub caller: &'a std::sync::Arc<Caller>,
}

/// An embedding program. Futures that are dropped are questions that nobody asks any more.
pub trait Host: Send + Sync + 'static {
    /// Whether requests to the MCP endpoints are authenticated by the host.
    fn authenticates(&self) -> bool;

    /// Whether the host answers paths that are not MCP endpoint.
    fn routes(&self) -> bool;

    /// Whether the host stores the events of its servers' streams, so that they can be resumed.
    fn stores_events(&self) -> bool;

    /// Stores an event that only gives a stream an id to resume from; its id, unless that failed.
    fn prime(&self, server: ServerId, stream: u64) -> BoxFuture<'static, Option<String>>;

    /// Looks for what was sent on a stream after this event. A host that is gone drops `resume`.
    fn replay(&self, server: ServerId, last_event_id: &str, resume: Resume);

    /// Who sends this request? A name for the caller, or `None` for nobody in particular. The
    /// server of the session that it names learns of what else was found out, unless the session
    /// is somebody else's.
    fn authenticate(
        &self,
        caller: &std::sync::Arc<Caller>,
        visited: Option<&Visited>,
    ) -> BoxFuture<'static, Result<Option<String>, Refusal>>;

    /// Whether responses may be read by pages of this origin; `None` sends no CORS headers.
    fn allows_origin(&self, origin: &str) -> BoxFuture<'static, Option<bool>>;

    /// Serves one HTTP/1.1 request that is written to `connection`.
    fn route(
        &self,
        caller: &std::sync::Arc<Caller>,
        connection: DuplexStream,
    ) -> BoxFuture<'static, Routed>;

    /// Makes a server; ready when it takes messages.
    fn create(
        &self,
        server: ServerId,
        opening: Opening,
        caller: &std::sync::Arc<Caller>,
    ) -> BoxFuture<'static, Result<Made, Refusal>>;

    /// Takes a message, or says what to await until it can be taken.
    fn deliver(&self, delivery: Delivery<'_>) -> Option<BoxFuture<'static, ()>>;

    /// A server is not needed any more. Called once for each that was asked for.
    fn close(&self, server: ServerId);
}
