//! The bare relay, the yardstick: HTTP body → line to the child with the id replaced → line back as
//! `application/json`. One thread, no sessions, no checks, no limits; it stops when its child does,
//! and one stalled reader stalls everybody. A real proxy must be better in every respect but speed.
//! With only an address it relays the other way: lines of its input → HTTP bodies to the server
//! there → lines.

mod body;
mod child;
mod remote;
mod splice;

use std::{convert::Infallible, io, rc::Rc};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::LocalSet,
};

use crate::{body::Body, child::Child};

const SESSION_QUEUE: usize = 256;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(place) = arguments.next() else {
        return Err(io::Error::other("usage: bare <port> <command> [arguments…] | bare <address>"));
    };
    let Some(command) = arguments.next() else {
        let addr = place.parse().map_err(io::Error::other)?;
        return LocalSet::new().run_until(remote::relay(addr)).await;
    };
    let port = place.parse().map_err(io::Error::other)?;
    LocalSet::new().run_until(serve(port, &command, arguments.collect())).await
}

async fn serve(port: u16, command: &str, arguments: Vec<String>) -> io::Result<()> {
    let (child, closed) = Child::spawn(command, arguments)?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let accept = async {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(connection(stream, Rc::clone(&child)));
        }
    };
    tokio::select! {
        failed = accept => failed,
        ended = closed => ended.map_err(io::Error::other)?,
    }
}

async fn connection(stream: TcpStream, child: Rc<Child>) {
    let service = service_fn(move |request| answer(request, Rc::clone(&child)));
    // A client that disconnects ends its connection and nothing else.
    let _ended = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    child: Rc<Child>,
) -> Result<Response<Body>, Infallible> {
    let response = match (request.method(), request.uri().path()) {
        (&Method::POST, "/mcp") => call(request, &child).await,
        (&Method::POST, "/messages") => message(request, &child).await,
        (&Method::GET, "/sse") => session(&child),
        (&Method::DELETE, _) => empty(StatusCode::OK),
        _ => empty(StatusCode::NOT_FOUND),
    };
    Ok(response)
}

async fn call(request: Request<Incoming>, child: &Child) -> Response<Body> {
    let Ok(body) = request.into_body().collect().await else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let body = body.to_bytes();
    match splice::id(&body) {
        None => {
            child.notify(&body);
            empty(StatusCode::ACCEPTED)
        }
        Some(id) if splice::progress_token(&body).is_some() => {
            typed("text/event-stream", Body::Events(child.stream(&body, id)))
        }
        Some(id) => match child.call(&body, id).await {
            Ok(parts) => typed("application/json", Body::Parts(parts)),
            Err(_) => empty(StatusCode::BAD_GATEWAY),
        },
    }
}

/// A call of the HTTP+SSE transport; its answer goes out on the stream of its session.
async fn message(request: Request<Incoming>, child: &Child) -> Response<Body> {
    let session = request.uri().query().and_then(|query| query.strip_prefix("session="));
    let Some(session) = session.and_then(|number| number.parse::<usize>().ok()) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let Ok(body) = request.into_body().collect().await else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let body = body.to_bytes();
    match splice::id(&body) {
        None => child.notify(&body),
        Some(id) => child.call_in_session(&body, id, session),
    }
    empty(StatusCode::ACCEPTED)
}

fn session(child: &Child) -> Response<Body> {
    let (tx, rx) = mpsc::channel(SESSION_QUEUE);
    let endpoint = |number| format!("event: endpoint\ndata: /messages?session={number}\n\n");
    let first = child.open_session(tx.clone());
    // The queue is empty, and its reader is in this function, so there is room.
    let _sent = tx.try_send(Bytes::from(endpoint(first)));
    typed("text/event-stream", Body::Events(rx))
}

fn typed(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Parts([Bytes::new(), Bytes::new(), Bytes::new()]));
    *response.status_mut() = status;
    response
}
