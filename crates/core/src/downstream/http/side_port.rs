//! A separate port that is not for clients: health and metrics, or the inspection page.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use http::{Request, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle, JoinSet},
};
use tower::ServiceExt;

use super::{head::MAX_HEAD, host::is_foreign, sockets::listen};
use crate::{config::AllowedHosts, error::Error, runtime::task};

/// Most connections at a time: a few scrapers.
const MAX_CONNECTIONS: usize = 64;
/// Time limit for a request head, and for an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// Pause after an accept that failed because resources ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An open port; closed when dropped.
#[derive(Debug)]
pub(crate) struct SidePort {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl SidePort {
    /// Opens the port and serves these routes on it; over loopback only under these host names.
    pub(crate) fn open(
        (host, port): (&str, u16),
        flag: &'static str,
        routes: Router,
        allowed: AllowedHosts,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Listen { host: host.to_owned(), port, flag, source };
        let socket = listen(host, port).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let socket = TcpListener::from_std(socket).map_err(failed)?;
        let service = Arc::new(Service { routes, allowed });
        Ok(Self { address, accepting: task::spawn(accept(socket, service)) })
    }

    /// The address on which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SidePort {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The routes, and the allowed host names.
struct Service {
    routes: Router,
    allowed: AllowedHosts,
}

/// A connection that can be closed to make room for another.
struct Guest {
    task: AbortHandle,
    /// Whether one of its requests is being answered.
    is_busy: Arc<AtomicBool>,
}

/// Serves until it is dropped; its connections end with it.
#[expect(clippy::infinite_loop, reason = "ends with the task")]
async fn accept(socket: TcpListener, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    let mut guests: VecDeque<Guest> = VecDeque::new();
    loop {
        let (stream, peer) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection to the metrics or inspection port could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        guests.retain(|guest| !guest.task.is_finished());
        if guests.len() >= MAX_CONNECTIONS && !make_room(&mut guests) {
            continue;
        }
        let loopback = peer.ip().to_canonical().is_loopback();
        let is_busy = Arc::new(AtomicBool::new(false));
        let serving = serve(stream, Arc::clone(&service), loopback, Arc::clone(&is_busy));
        guests.push_back(Guest { task: connections.spawn(serving), is_busy });
    }
}

/// Closes the oldest connection that is not being answered, so that idle connections cannot keep
/// health checks out.
fn make_room(guests: &mut VecDeque<Guest>) -> bool {
    let idle = guests.iter().position(|guest| !guest.is_busy.load(Ordering::Relaxed));
    let Some(guest) = idle.and_then(|at| guests.remove(at)) else { return false };
    guest.task.abort();
    true
}

async fn serve(stream: TcpStream, service: Arc<Service>, loopback: bool, is_busy: Arc<AtomicBool>) {
    let answering = service_fn(move |request: Request<Incoming>| {
        let (service, is_busy) = (Arc::clone(&service), Arc::clone(&is_busy));
        async move {
            is_busy.store(true, Ordering::Relaxed);
            let answer = service.answer(request, loopback).await;
            is_busy.store(false, Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), answering)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the metrics or inspection port ended early");
    }
}

impl Service {
    /// Protects against web pages: over loopback, requests under a foreign host name are refused.
    async fn answer(&self, request: Request<Incoming>, loopback: bool) -> Response {
        if loopback && is_foreign(request.headers(), &self.allowed) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::FORBIDDEN;
            return response;
        }
        match self.routes.clone().oneshot(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
