//! A port of its own for health and metrics, apart from the clients.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response};
use http::{Request, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tower::ServiceExt;

use super::{host::is_rebound, listener::listen};
use crate::{
    config::{AllowedHosts, MetricsListenerConfig},
    error::Error,
    runtime::seats::{Seat, Seats},
    runtime::task,
};

/// Connections at a time: a few scrapers.
const MAX_CONNECTIONS: usize = 64;
/// Time for a request head, and of an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// Pause after an accept that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An open port; closed when dropped.
#[derive(Debug)]
pub(crate) struct MetricsPort {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl MetricsPort {
    /// Opens the port and serves these routes on it.
    pub(crate) fn open(config: &MetricsListenerConfig, routes: Router) -> Result<Self, Error> {
        let failed = |source| Error::Listen {
            host: config.host.clone(),
            port: config.port,
            flag: "--metricsPort",
            source,
        };
        let socket = listen(&config.host, config.port).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let socket = TcpListener::from_std(socket).map_err(failed)?;
        Ok(Self { address, accepting: task::spawn(accept(socket, routes)) })
    }

    /// The address that is listened on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsPort {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves until it is dropped; its connections end with it.
#[expect(clippy::infinite_loop, reason = "ends with the task")]
async fn accept(socket: TcpListener, routes: Router) {
    let seats: Arc<Seats> = Seats::new(Some(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection for the metrics could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        if let Some(seat) = seats.take(1) {
            let loopback = peer.ip().to_canonical().is_loopback();
            connections.spawn(serve(stream, routes.clone(), loopback, seat));
        }
    }
}

async fn serve(stream: TcpStream, routes: Router, loopback: bool, _seat: Seat) {
    let service = service_fn(move |request: Request<Incoming>| {
        let routes = routes.clone();
        async move { Ok::<_, Infallible>(answer(request, routes, loopback).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for the metrics ended early");
    }
}

/// No web page may read the metrics over loopback, whatever name it gives that.
async fn answer(request: Request<Incoming>, routes: Router, loopback: bool) -> Response {
    if loopback && is_rebound(request.headers(), &AllowedHosts::default()) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    }
    match routes.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
