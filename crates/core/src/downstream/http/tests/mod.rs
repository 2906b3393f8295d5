//! Several endpoints behind one port, whose table is exchanged while it serves.

mod entitled;
mod exchange;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{
    Behind, Lifetime, Limits, Listener, Mount, Paths, Patience, Port, Routes,
    reserved::{Access, Reserved},
};
use crate::{
    config::{AuthConfig, HttpConfig},
    host::Caller,
    identity::Bearer,
    jsonrpc::Message,
    relay::{Backend, Client, Connection, Departure, OnDemand, OpenError, Reply},
    runtime::seats::Seats,
};

/// Answers every request at once with its own name.
#[derive(Clone, Copy, Debug)]
struct Named(&'static str);

impl Backend for Named {
    fn open(&self, _client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        ready(Ok(Arc::new(*self) as _)).boxed()
    }
}

impl Connection for Named {
    fn send(
        &self,
        _message: Message,
        reply: Option<Reply>,
        _caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        if let Some(reply) = reply {
            reply.result(format!(r#"{{"name":"{}"}}"#, self.0).as_bytes());
        }
        None
    }

    fn depart(&self, _: Departure) {}
}

/// A port with a table that the test exchanges.
struct World {
    port: Arc<Port>,
    listener: Listener,
    config: HttpConfig,
}

impl World {
    fn new(auth: AuthConfig) -> Self {
        Self::guarded(auth, None)
    }

    fn guarded(auth: AuthConfig, bearer: Option<Arc<Bearer>>) -> Self {
        let config = HttpConfig { auth, ..HttpConfig::default() };
        let connections = Seats::new(None);
        let behind = Behind {
            readiness: Arc::new(OnDemand),
            connections: Arc::clone(&connections),
            metrics: None,
            shows_metrics: false,
            host: None,
            bearer,
            cluster: None,
        };
        let port = Arc::new(Port::new(&config, behind));
        let long = Duration::from_mins(1);
        let limits = Limits {
            patience: Patience { head: long, idle: long, write: None },
            connections,
            lifetime: Lifetime::default(),
        };
        let socket = Listener::bind("127.0.0.1", 0, "--port").unwrap();
        let listener = Listener::start(socket, None, limits, Arc::clone(&port)).unwrap();
        Self { port, listener, config }
    }

    /// An endpoint below this prefix.
    fn mount(&self, prefix: &str, name: &'static str) -> Arc<Mount> {
        let paths = match prefix {
            "" => Paths::of(&self.config),
            prefix => Paths::below(prefix, &self.config),
        };
        Mount::new(&self.config, paths, Arc::new(Named(name)), Arc::clone(self.port.common()))
    }

    fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> Response<Incoming> {
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let body = Full::new(Bytes::from(body.to_owned()));
        sender.send_request(request.body(body).unwrap()).await.unwrap()
    }

    async fn get(&self, path: &str) -> Response<Incoming> {
        self.send(Request::get(path).header("accept", "text/event-stream"), "").await
    }

    async fn post(&self, path: &str, session: Option<&str>, body: &str) -> Response<Incoming> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        self.send(request, body).await
    }

    /// Opens a session and returns its id.
    async fn initialize(&self, path: &str) -> String {
        let response = self.post(path, None, INITIALIZE).await;
        assert_eq!(response.status(), StatusCode::OK);
        let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        whole(response).await;
        id
    }
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;

async fn whole(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// What has arrived up to this text.
async fn until(response: &mut Response<Incoming>, text: &str) -> String {
    let mut read = String::new();
    while !read.contains(text) {
        let frame = response.body_mut().frame().await.expect("more").unwrap();
        read.push_str(std::str::from_utf8(frame.data_ref().expect("data")).unwrap());
    }
    read
}

#[test]
fn a_reserved_prefix_ends_with_a_segment() {
    let takes = |path: &str| {
        let router = axum::Router::new();
        let reserved = Reserved { prefix: "/servers", access: Access::Everybody, router };
        Routes::default().with_reserved(reserved).reserved(path).is_some()
    };
    assert!(takes("/servers") && takes("/servers/a"));
    assert!(!takes("/serversx") && !takes("/mcp"));
}
