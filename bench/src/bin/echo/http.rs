//! The server over Streamable HTTP, without sessions: every answer is the body of its response.

use std::{convert::Infallible, io, net::Ipv4Addr};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::answer;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond));
        tokio::spawn(connection);
    }
}

async fn respond(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::POST {
        return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let mut line = Vec::new();
    let answered = match request.into_body().collect().await {
        Ok(body) => serde_json::from_slice(&body.to_bytes())
            .map_err(io::Error::other)
            .and_then(|message| answer::answer(&message, &mut line)),
        Err(error) => Err(io::Error::other(error)),
    };
    Ok(match answered {
        Err(_) => empty(StatusCode::BAD_REQUEST),
        Ok(()) if line.is_empty() => empty(StatusCode::ACCEPTED),
        Ok(()) => {
            line.pop_if(|last| *last == b'\n');
            json(line)
        }
    })
}

fn json(message: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(message));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
