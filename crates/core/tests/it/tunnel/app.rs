//! The local HTTP server of the tests: a plain answer, an echo, a stream that is silent until it is
//! told to continue, and a fault.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use mcp_proxy_core::tunnel::LocalServer;
use tokio::{net::TcpStream, sync::Semaphore};

type Body = UnsyncBoxBody<Bytes, Infallible>;

#[derive(Clone)]
pub(crate) struct App {
    /// One permit lets one held stream end.
    pub(crate) release: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new() -> Self {
        Self { release: Arc::new(Semaphore::new(0)) }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let body = match request.uri().path() {
            "/hello" => {
                let host = request.headers()["host"].to_str().unwrap().to_owned();
                Full::new(Bytes::from(format!("hello {host}"))).boxed_unsync()
            }
            "/echo" => Full::new(request.collect().await.unwrap().to_bytes()).boxed_unsync(),
            "/held" => self.held(),
            path => panic!("no route for {path}"),
        };
        Ok(Response::new(body))
    }

    /// Two events with a silence between them.
    fn held(self) -> Body {
        let events = futures_util::stream::unfold(0, move |sent| {
            let release = Arc::clone(&self.release);
            async move {
                let event = match sent {
                    0 => "data: one\n\n",
                    1 => {
                        release.acquire().await.unwrap().forget();
                        "data: two\n\n"
                    }
                    _ => return None,
                };
                Some((Ok(Frame::data(Bytes::from(event))), sent + 1))
            }
        });
        StreamBody::new(events).boxed_unsync()
    }
}

impl LocalServer for App {
    async fn serve(&self, connection: TcpStream) {
        let service = service_fn(|request| self.clone().answer(request));
        // How a connection ends is up to the tunnel, not this server.
        let io = TokioIo::new(connection);
        drop(http1::Builder::new().keep_alive(false).serve_connection(io, service).await);
    }
}
