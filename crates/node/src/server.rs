//! `startHttpServer`: a front, its lifetime, and JavaScript's calls to it.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use std::{
    mem,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use bytes::Bytes;
use mcp_proxy_core::{
    Error, Guard, HttpServer, Proxy, Recording, Servers, Unsent,
    host::{Change, Host},
    tunnel::{self, Tunnel},
};
use napi::{Env, bindgen_prelude::Buffer};
use napi_derive::napi;
use serde_json::json;

use crate::{
    bridge::{Bridge, numbered},
    event::{Event, Kind, Listener, dispatch},
    fleet::Followed,
    invalid::invalid,
    options::Options,
    runtime,
};

/// What is served.
enum Front {
    Servers(HttpServer),
    Child(Proxy),
    Fleet(Followed),
}

impl Front {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Servers(server) => server.address(),
            Self::Child(proxy) => proxy.address(),
            Self::Fleet(fleet) => fleet.address(),
        }
    }

    async fn open_tunnel(&self, config: tunnel::Config) -> Result<Tunnel, tunnel::Error> {
        match self {
            Self::Servers(server) => server.open_tunnel(config).await,
            Self::Child(proxy) => proxy.open_tunnel(config).await,
            Self::Fleet(fleet) => fleet.open_tunnel(config).await,
        }
    }

    async fn close(self, grace: Option<Duration>) {
        match self {
            Self::Servers(server) => server.close(grace).await,
            Self::Child(proxy) => proxy.close().await,
            Self::Fleet(fleet) => fleet.close().await,
        }
    }
}

/// A front, and its tunnel.
struct Running {
    front: Front,
    tunnel: Option<Tunnel>,
    /// Time limit for closing.
    grace: Option<Duration>,
    /// Ended last, so that everything until the end is recorded.
    recording: Option<Recording>,
}

impl Running {
    async fn close(self) {
        self.front.close(self.grace).await;
        if let Some(tunnel) = self.tunnel {
            tunnel.close().await;
        }
        drop(self.recording);
    }
}

/// A front from its start to its end.
enum Life {
    Starting,
    Running(Box<Running>),
    Ended,
}

impl Life {
    /// Ends it; the caller must close what is running.
    fn end(life: &Mutex<Self>) -> Option<Running> {
        let mut life = life.lock().unwrap_or_else(PoisonError::into_inner);
        match mem::replace(&mut *life, Self::Ended) {
            Self::Running(running) => Some(*running),
            Self::Starting | Self::Ended => None,
        }
    }

    /// It runs from now on; returned if it was ended meanwhile.
    fn begin(life: &Mutex<Self>, running: Running) -> Option<Running> {
        let mut life = life.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*life, Self::Ended) {
            return Some(running);
        }
        *life = Self::Running(Box::new(running));
        None
    }
}

/// How long the end of a worker waits for its ports to be free.
const FAREWELL: Duration = Duration::from_secs(2);

/// A terminated worker leaves its thread's servers behind: they end with its environment.
fn end_with(env: Env, bridge: &Arc<Bridge>, life: &Arc<Mutex<Life>>) -> napi::Result<()> {
    let left = (Arc::clone(bridge), Arc::clone(life));
    env.add_env_cleanup_hook(left, |(bridge, life)| {
        bridge.finish(Event::new(Kind::Closed, 0));
        let (Some(running), Ok(runtime)) = (Life::end(&life), runtime::handle()) else { return };
        let (closed, wait) = mpsc::channel();
        runtime.spawn(async move {
            let running = Running { grace: Some(Duration::ZERO), ..running };
            running.close().await;
            drop(closed);
        });
        // It is closed when the other end is dropped.
        let _: Result<(), _> = wait.recv_timeout(FAREWELL);
    })?;
    Ok(())
}

/// A front that JavaScript has started.
#[napi]
pub struct NativeServer {
    bridge: Arc<Bridge>,
    servers: Servers,
    life: Arc<Mutex<Life>>,
    /// The last URL of the tunnel.
    tunnel_url: Mutex<Option<String>>,
}

/// Starts a front; `listener` gets the result and everything after it. It ends with a worker's
/// environment, and shares its port with the other workers of a cluster.
#[napi]
pub fn start_http_server(
    env: Env,
    options: String,
    listener: Listener<'_>,
    is_worker: bool,
    in_cluster: bool,
) -> napi::Result<NativeServer> {
    let mut options =
        Options::parse(&options).map_err(|wrong| invalid(env, "startHTTPServer", &wrong))?;
    options.http.shares_port = in_cluster;
    let bridge = Bridge::new(dispatch(&listener)?, options.callbacks);
    let servers = Servers::new(Arc::clone(&bridge) as Arc<dyn Host>);
    let life = Arc::new(Mutex::new(Life::Starting));
    if is_worker {
        end_with(env, &bridge, &life)?;
    }
    let server = NativeServer {
        bridge: Arc::clone(&bridge),
        servers: servers.clone(),
        life: Arc::clone(&life),
        tunnel_url: Mutex::default(),
    };
    let runtime = runtime::handle().map_err(napi::Error::from_reason)?;
    runtime.spawn(async move {
        match start(options, &bridge, &servers).await {
            Ok(started) => {
                let port = u32::from(started.front.address().port());
                match Life::begin(&life, started) {
                    None => bridge.tell(Event::new(Kind::Listening, port)),
                    Some(late) => late.close().await,
                }
            }
            Err(described) => bridge.finish(Event::new(Kind::Failed, 0).with_text(described)),
        }
    });
    Ok(server)
}

/// Starts what the options describe; or returns as JSON why that is impossible.
async fn start(
    options: Options,
    bridge: &Arc<Bridge>,
    servers: &Servers,
) -> Result<Running, String> {
    let grace = options.grace;
    let recording = options.recording.as_ref().map(Recording::start).transpose();
    let recording = recording.map_err(|error| describe(&error))?;
    let opening = open(&options, bridge, servers);
    let front = opening.await.map_err(|error| describe(&error))?;
    let wanted = match &front {
        Front::Fleet(fleet) => fleet.tunnel(),
        Front::Servers(_) | Front::Child(_) => options.tunnel,
    };
    let Some(config) = wanted else {
        return Ok(Running { front, tunnel: None, grace, recording });
    };
    match front.open_tunnel(config).await {
        Ok(tunnel) => Ok(Running { front, tunnel: Some(tunnel), grace, recording }),
        Err(error) => {
            front.close(None).await;
            let message = format!("the tunnel could not be opened: {error}");
            Err(json!({ "message": message }).to_string())
        }
    }
}

async fn open(options: &Options, bridge: &Arc<Bridge>, servers: &Servers) -> Result<Front, Error> {
    let host = Arc::clone(bridge) as Arc<dyn Host>;
    if let Some(fleet) = &options.fleet {
        let guard = fleet.guard.as_deref().and_then(guard);
        let host = options.callbacks.are_asked().then_some(host);
        return Ok(Front::Fleet(Followed::start(options.clone(), guard, host).await?));
    }
    let Some(upstream) = options.upstream.clone() else {
        let listening = HttpServer::listen(&options.http, host, servers, &options.policy);
        return listening.await.map(Front::Servers);
    };
    let guard = upstream.guard.as_deref().and_then(guard);
    let connected = Proxy::connect_guarded(options.proxy(upstream.config), guard).await?;
    let asks = options.callbacks.are_asked();
    let connected = if asks { connected.with_host(host) } else { connected };
    Ok(Front::Child(connected.listen().await?))
}

/// Ends the child if this process is killed; without it the child may live on.
fn guard(program: &Path) -> Option<Guard> {
    Guard::start(program)
        .inspect_err(
            |error| tracing::warn!(%error, "the server may keep running if this process is killed"),
        )
        .ok()
}

/// The members that Node gives errors of its own listeners.
fn describe(error: &Error) -> String {
    let Error::Listen { host, port, source, .. } = error else {
        return json!({ "message": error.to_string() }).to_string();
    };
    let code = match source.kind() {
        std::io::ErrorKind::AddrInUse => "EADDRINUSE",
        std::io::ErrorKind::PermissionDenied => "EACCES",
        std::io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
        _ => "ENOTFOUND",
    };
    json!({
        "message": error.to_string(),
        "properties": { "code": code, "syscall": "listen", "address": host, "port": port },
    })
    .to_string()
}

#[napi]
impl NativeServer {
    /// The public URL, or the last one. It may change when the tunnel server is restarted.
    #[napi]
    pub fn tunnel_url(&self) -> Option<String> {
        let life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match &*life {
            Life::Running(running) => running.tunnel.as_ref().map(Tunnel::url),
            Life::Starting | Life::Ended => None,
        };
        drop(life);
        let mut last = self.tunnel_url.lock().unwrap_or_else(PoisonError::into_inner);
        *last = now.or_else(|| last.take());
        last.clone()
    }

    /// Answers a question; an empty answer is a yes. `false` if nobody waits for it.
    #[napi]
    pub fn answer(&self, question: u32, answer: Option<String>) -> bool {
        self.bridge.answer(question, answer)
    }

    /// Sends a server's message; returns 0, or why it was not sent.
    #[napi]
    pub fn send(
        &self,
        server: u32,
        message: String,
        related: Option<String>,
        event_id: Option<String>,
    ) -> u32 {
        let _runtime = runtime::entered();
        let related = related.as_deref().map(str::as_bytes);
        let message = Bytes::from(message);
        match self.servers.send(server, message, related, event_id.as_deref()) {
            Ok(()) => 0,
            Err(Unsent::NoRequest) => 1,
            Err(Unsent::Closed) => 2,
            Err(_) => 3,
        }
    }

    /// The stream of a session on which a request is answered; 0 is the one for messages that
    /// answer no request.
    #[napi]
    pub fn stream_of(&self, server: u32, request: String) -> u32 {
        numbered(self.servers.stream_of(server, request.as_bytes()))
    }

    /// The large message was handled, and the event loop has had a turn.
    #[napi]
    pub fn taken(&self) {
        self.bridge.taken();
    }

    /// Ends the response stream of a request, or the standalone one, so that the client resumes it.
    #[napi]
    pub fn interrupt(&self, server: u32, related: Option<String>) {
        let _runtime = runtime::entered();
        self.servers.interrupt(server, related.as_deref().map(str::as_bytes));
    }

    /// A server supports only these revisions.
    #[napi]
    pub fn takes_versions(&self, server: u32, versions: Vec<String>) {
        self.servers.takes_versions(server, versions);
    }

    /// Reports a change to the open subscriptions: of a list, or of the resource with this URI.
    #[napi]
    pub fn notify(&self, list: String, uri: Option<String>) {
        let change = match (list.as_str(), uri) {
            ("tools", _) => Change::Tools,
            ("prompts", _) => Change::Prompts,
            (_, None) => Change::Resources,
            (_, Some(uri)) => Change::Resource(uri),
        };
        let _runtime = runtime::entered();
        self.servers.notify(&change);
    }

    /// Ends the session of a server.
    #[napi]
    pub fn hang_up(&self, server: u32) {
        let _runtime = runtime::entered();
        self.servers.hang_up(server);
    }

    /// The socket of a custom route wants more bytes.
    #[napi]
    pub fn route_want(&self, route: u32) {
        self.bridge.routes.want(route);
    }

    /// Bytes of a custom route's socket; `false` if nobody takes them.
    #[napi]
    pub fn route_write(&self, route: u32, bytes: Buffer) -> bool {
        self.bridge.routes.write(route, bytes.to_vec())
    }

    /// The socket of a custom route has ended.
    #[napi]
    pub fn route_end(&self, route: u32) {
        self.bridge.routes.end(route);
    }

    /// Stops listening and ends everything; the listener is told when that is done.
    #[napi]
    pub fn close(&self) -> napi::Result<()> {
        self.tunnel_url();
        let running = Life::end(&self.life);
        let bridge = Arc::clone(&self.bridge);
        runtime::handle().map_err(napi::Error::from_reason)?.spawn(async move {
            if let Some(running) = running {
                running.close().await;
            }
            bridge.finish(Event::new(Kind::Closed, 0));
        });
        Ok(())
    }
}
