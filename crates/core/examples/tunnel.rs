//! Gives a small HTTP server a public URL.
//!
//! `tunnel HOST [SUBDOMAIN]` serves until Ctrl-C: `/hello`, `/echo` (POST), `/slow` (answers after a
//! second) and `/events?silence=SECONDS`, an event stream with a silence between its two events.

use std::{convert::Infallible, process::ExitCode, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use mcp_proxy_core::tunnel::{self, LocalServer};
use tokio::{net::TcpStream, time::sleep};
use tracing::{debug, error};

type Body = UnsyncBoxBody<Bytes, Infallible>;

struct Site;

impl LocalServer for Site {
    async fn serve(&self, connection: TcpStream) {
        let io = TokioIo::new(connection);
        let mut server = http1::Builder::new();
        server.keep_alive(false);
        if let Err(error) = server.serve_connection(io, service_fn(answer)).await {
            debug!("a connection failed: {error}");
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    Ok(match request.uri().path() {
        "/hello" => {
            let host = request.headers().get("host").map_or(&b""[..], |host| host.as_bytes());
            plain(Bytes::from([b"hello ", host].concat()))
        }
        "/echo" => plain(request.collect().await?.to_bytes()),
        "/slow" => {
            sleep(Duration::from_secs(1)).await;
            plain(Bytes::from("slow"))
        }
        "/events" => events(&request),
        _ => {
            let mut response = plain(Bytes::from("not here"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

fn plain(text: Bytes) -> Response<Body> {
    Response::new(Full::new(text).boxed_unsync())
}

fn events(request: &Request<Incoming>) -> Response<Body> {
    let silence = request.uri().query().and_then(|query| query.strip_prefix("silence="));
    let silence = Duration::from_secs(silence.and_then(|text| text.parse().ok()).unwrap_or(0));
    let stream = futures_util::stream::unfold(0, move |sent| async move {
        let event = match sent {
            0 => "data: one\n\n",
            1 => {
                sleep(silence).await;
                "data: two\n\n"
            }
            _ => return None,
        };
        Some((Ok(Frame::data(Bytes::from(event))), sent + 1))
    });
    let mut response = Response::new(StreamBody::new(stream).boxed_unsync());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static("text/event-stream"));
    response
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_ansi(false).init();
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| tunnel::DEFAULT_HOST.to_owned());
    let config = tunnel::Config { host, subdomain: arguments.next(), ..tunnel::Config::default() };
    let opened = tokio::select! {
        opened = tunnel::open(config, Site) => opened,
        _ = tokio::signal::ctrl_c() => return ExitCode::SUCCESS,
    };
    let tunnel = match opened {
        Ok(tunnel) => tunnel,
        Err(error) => {
            error!("no tunnel: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = tokio::signal::ctrl_c().await {
        error!("cannot wait for Ctrl-C: {error}");
    }
    tunnel.close().await;
    ExitCode::SUCCESS
}
