//! What an embedding program provides: servers of its own, and answers to questions about requests
//! that only it can answer.
//!
//! The front decides when each question is asked and how the answer is used. A front without a host
//! asks nothing and keeps no request heads.

use std::{any::Any, fmt, net::SocketAddr, sync::OnceLock};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Uri};
use tokio::io::DuplexStream;

/// Names one server of a host.
pub type ServerId = u32;

/// The head of a request, kept as long as it is needed.
pub struct Caller {
    /// Its method.
    pub method: Method,
    /// Its target, as sent.
    pub target: Uri,
    /// Its header fields, in order.
    pub headers: HeaderMap,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// This end of the connection; unknown for a tunnel or another replica.
    pub local: SocketAddr,
    /// The names of its header fields as they were spelled, each followed by a line break; empty if
    /// they were not kept.
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

/// A complete response that is sent as it is.
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
    /// The caller may not use the server, for this reason if one was given.
    Denied(Option<String>),
    /// Authentication or the creation of a server failed, with this message if it had one.
    Failed(Option<String>),
    /// A server was created but could not be connected.
    Unusable,
    /// The caller's scopes do not suffice.
    Scope {
        /// The required scopes.
        required: Vec<String>,
        /// What to tell the caller.
        description: Option<String>,
    },
    /// The server does not support the revision of the request.
    Legacy,
    /// Answer with this.
    Response(Box<Verbatim>),
}

/// The purpose of a new server.
#[derive(Clone, Debug)]
pub enum Opening {
    /// A client of the 2025 era; without a session id, a single request of it.
    Legacy(Option<String>),
    /// One 2026-07-28 request, with the resources to which it subscribes.
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

/// The server that was created for an [`Opening`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// A server of the requested era.
    AsAsked,
    /// A server of the 2025 era for a 2026-07-28 request, which is translated for it.
    Legacy,
}

/// A change at the servers of a host.
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

/// The result of a request for a path that is not an MCP endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// The response has begun; it is read from the connection.
    Taken,
    /// Nothing was sent, so the front continues.
    Untouched,
    /// The route failed before it sent anything.
    Failed,
}

/// Events that a client has missed.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Their stream; if it continues, so does the response.
    pub stream: u64,
    /// Ids and messages, one line of JSON each.
    pub events: Vec<(String, Bytes)>,
}

/// Why nothing can be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreplayed {
    /// The event is not kept.
    Unknown,
    /// The store failed.
    Failed,
}

/// Takes the replayed events. Later messages of the server follow them.
pub type Resume = Box<dyn FnOnce(Result<Replay, Unreplayed>) + Send>;

/// Takes the id of the event with which a stream begins; `None` if it could not be stored. Called
/// at once, so later messages of the server follow it.
pub type Begin = Box<dyn FnOnce(Option<String>) + Send>;

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

/// An embedding program. A dropped future means that the answer is no longer needed.
pub trait Host: Send + Sync + 'static {
    /// Whether requests to the MCP endpoints are authenticated by the host.
    fn authenticates(&self) -> bool;

    /// Whether the host answers paths that are not MCP endpoints.
    fn routes(&self) -> bool;

    /// Whether the host stores the events of its servers' streams, so that they can be resumed.
    fn stores_events(&self) -> bool;

    /// Stores an event that only gives a stream an id to resume from, before all messages that the
    /// server sends later. A host that has ended drops `begin`.
    fn prime(&self, server: ServerId, stream: u64, begin: Begin);

    /// Looks for events of a stream after this one. A host that has ended drops `resume`.
    fn replay(&self, server: ServerId, last_event_id: &str, resume: Resume);

    /// Who sends this request? A name for the caller, or `None` for nobody in particular. The
    /// server of the named session gets the other results, unless the session belongs to another
    /// caller.
    fn authenticate(
        &self,
        caller: &std::sync::Arc<Caller>,
        visited: Option<&Visited>,
    ) -> BoxFuture<'static, Result<Option<String>, Refusal>>;

    /// Whether pages of this origin may read responses; `None` sends no CORS headers.
    fn allows_origin(&self, origin: &str) -> BoxFuture<'static, Option<bool>>;

    /// Serves one HTTP/1.1 request, which is written to `connection`.
    fn route(
        &self,
        caller: &std::sync::Arc<Caller>,
        connection: DuplexStream,
    ) -> BoxFuture<'static, Routed>;

    /// Creates a server; ready when it takes messages.
    fn create(
        &self,
        server: ServerId,
        opening: Opening,
        caller: &std::sync::Arc<Caller>,
    ) -> BoxFuture<'static, Result<Made, Refusal>>;

    /// Takes a message, or returns what to await until it can be taken.
    fn deliver(&self, delivery: Delivery<'_>) -> Option<BoxFuture<'static, ()>>;

    /// A server is not needed any more. Called once for each one that was requested.
    fn close(&self, server: ServerId);
}
