//! Servers of the program that embeds the front, one per client.
//!
//! Ids need no change, since every server has one client. Messages that a server sends on its own
//! go to the stream of the request to which they belong, or to the client's own stream. For a
//! 2026-07-28 client, one server is created for each request; if the server does not know that
//! revision, the request is translated.

mod server;
mod unsent;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use self::unsent::Unsent;

use self::server::{Server, Siblings};
use super::{Backend, Client, Connection, OpenError, crossing::Hosted};
use crate::{
    era::{Era, modern_to_legacy::Filter},
    host::{Caller, Change, Host, Made, Opening, ServerId},
    identity::Identity,
    jsonrpc::{Message, escape},
    protocol::header::annotation::MirroredParameter,
};

const LISTEN: &str = "subscriptions/listen";

/// A notification of a change.
fn changed(what: &str, uri: Option<&str>) -> Bytes {
    let uri = uri.map(|uri| format!(r#""uri":{}"#, escape(uri))).unwrap_or_default();
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/{what}","params":{{{uri}}}}}"#).into()
}

/// All servers of one host.
pub(crate) struct Embedded {
    host: Arc<dyn Host>,
    next: AtomicU32,
    servers: Mutex<HashMap<ServerId, Weak<Server>>>,
    /// Servers that do not know the revision of their client.
    hosted: Hosted,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    pub(crate) fn new(host: Arc<dyn Host>) -> Arc<Self> {
        Arc::new(Self {
            host,
            next: AtomicU32::new(1),
            servers: Mutex::default(),
            hosted: Hosted::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServerId, Weak<Server>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> Vec<Arc<Server>> {
        self.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// Reports a change to the modern subscriptions that asked for it.
    pub(crate) fn notify(&self, change: &Change) {
        let text = match change {
            Change::Prompts => changed("prompts/list_changed", None),
            Change::Resources => changed("resources/list_changed", None),
            Change::Tools => changed("tools/list_changed", None),
            Change::Resource(uri) => changed("resources/updated", Some(uri)),
        };
        let Ok(notification) = Message::parse(text) else { return };
        for server in self.live() {
            server.pass_on(&notification);
        }
        self.hosted.pass_on(&notification);
    }

    fn server(&self, id: ServerId) -> Option<Arc<Server>> {
        self.lock().get(&id).and_then(Weak::upgrade)
    }

    /// Sends a server's message; `related` is the raw id of the request to which it belongs.
    pub(crate) fn send(
        &self,
        id: ServerId,
        text: Bytes,
        related: Option<&[u8]>,
        event_id: Option<&str>,
    ) -> Result<(), Unsent> {
        let message = Message::parse(text).map_err(|_| Unsent::Invalid)?;
        self.server(id).ok_or(Unsent::Closed)?.send_down(&message, related, event_id)
    }

    /// The stream on which this request is answered.
    pub(crate) fn stream_of(&self, id: ServerId, request: &[u8]) -> u64 {
        self.server(id).map_or(0, |server| server.stream_of(request))
    }

    /// Ends the response stream of a request, or the standalone stream; both can be resumed.
    pub(crate) fn interrupt(&self, id: ServerId, related: Option<&[u8]>) {
        if let Some(server) = self.server(id) {
            server.interrupt(related);
        }
    }

    /// The server supports these revisions; only the first call counts.
    pub(crate) fn takes_versions(&self, id: ServerId, versions: Vec<String>) {
        if let Some(server) = self.server(id) {
            server.takes_versions(versions);
        }
    }

    /// The server has ended: so does its client's session, or its one request.
    pub(crate) fn hang_up(&self, id: ServerId) {
        if let Some(server) = self.server(id) {
            server.hang_up();
        }
    }

    /// Registers a server, which closes itself if it is dropped.
    fn enter(self: &Arc<Self>, make: impl FnOnce(Server) -> Server) -> Arc<Server> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let server = Server::new(id, Arc::clone(&self.host), Arc::<Self>::downgrade(self));
        let server = Arc::new(make(server));
        self.lock().insert(id, Arc::downgrade(&server));
        server
    }

    async fn open_session(
        self: &Arc<Self>,
        client: Client,
        caller: Arc<Caller>,
    ) -> Result<Arc<dyn Connection>, OpenError> {
        let Client { unsolicited, session, hang_up, .. } = client;
        let server = self.enter(|server| server.with_session(unsolicited, hang_up));
        let created = self.host.create(server.id(), Opening::Legacy(session), &caller);
        created.await.map_err(OpenError::Refused)?;
        Ok(server)
    }

    /// The connection of one modern request, to a server of its own, unless it continues a call
    /// that has one.
    async fn open_modern(
        self: &Arc<Self>,
        principal: Identity,
        request: Message,
        caller: Arc<Caller>,
    ) -> Result<Arc<dyn Connection>, OpenError> {
        if let Some(connection) = self.hosted.returning(&principal, &request) {
            return Ok(connection);
        }
        let server = self
            .enter(|server| server.with_request(&request, principal.clone(), Arc::clone(&caller)));
        let opening = Opening::Modern(wanted_resources(&request));
        let created = self.host.create(server.id(), opening, &caller);
        match created.await.map_err(OpenError::Refused)? {
            Made::AsAsked => {
                server.speaks(Era::Modern);
                Ok(server)
            }
            Made::Legacy => Ok(self.hosted.open(principal, &request, |sink| {
                server.speaks_to(sink);
                server
            })),
        }
    }
}

impl Siblings for Embedded {
    fn learn_tools(&self, principal: &Identity, tools: &Message) {
        self.hosted.learn_tools(principal, tools);
    }

    fn mirrored(&self, principal: &Identity, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.hosted.mirrored(principal, tool)
    }

    fn remove(&self, id: ServerId) -> bool {
        self.lock().remove(&id).is_some()
    }
}

impl Backend for Arc<Embedded> {
    fn open(&self, mut client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            let caller = client.caller.take().ok_or_else(OpenError::without_caller)?;
            match client.request.take() {
                Some(request) => self.open_modern(client.principal, request, caller).await,
                None => self.open_session(client, caller).await,
            }
        })
    }

    fn end_subscriptions(&self) {
        for server in self.live() {
            server.end_subscription();
        }
        self.hosted.end();
    }
}

/// The resources to which a request subscribes.
fn wanted_resources(request: &Message) -> Vec<String> {
    if request.method() != LISTEN {
        return Vec::new();
    }
    Filter::of(request).map(|filter| filter.resource_subscriptions).unwrap_or_default()
}
