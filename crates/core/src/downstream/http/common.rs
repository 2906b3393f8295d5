//! What all mounts of a port share: authentication, metrics and limits.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tracing::{Level, Span};

use super::{admission::Admission, backlog::Backlog, behind::Behind, terms::Terms, ticker::Ticker};
use crate::{
    cluster::Cluster,
    config::HttpConfig,
    host::Host,
    identity::{Callback, Identity},
    jsonrpc::{Kind, Message, decode_string, find_member},
    metrics::{Call, Metrics, Whose},
    relay::{Reply, Sink},
    runtime::seats::{Seat, Seats},
    telemetry::{audit::Audit, short, traffic},
    watch::{Frame, Payload, Point, TAP},
};

/// See the module.
pub(crate) struct Common {
    terms: RwLock<Arc<Terms>>,
    /// Clients without a certificate are refused.
    pub(super) needs_certificate: bool,
    /// The host's callback, asked about every request to an endpoint in addition.
    pub(super) callback: Option<Callback>,
    pub(super) host: Option<Arc<dyn Host>>,
    /// The other replicas, where there are any.
    pub(super) cluster: Option<Arc<Cluster>>,
    pub(super) metrics: Option<Arc<Metrics>>,
    /// One seat for each session of any mount.
    pub(super) seats: Arc<Seats>,
    pub(super) audit: Audit,
    /// The limits for one address.
    pub(super) admission: Arc<Admission>,
    /// The bytes that wait for clients.
    pub(super) backlog: Arc<Backlog>,
    /// Room for the bytes of messages that outlive their connections.
    pub(super) kept: Arc<Seats>,
    /// How long a response head may wait for the first message, so that both travel in one packet.
    pub(super) head_delay: Ticker,
    /// How long a modern answer may take before the response begins without it.
    pub(super) silence: Ticker,
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl Common {
    /// The parts of a port's configuration that concern its mounts.
    pub(super) fn new(config: &HttpConfig, behind: Behind, terms: Terms) -> Self {
        let Behind { host, cluster, metrics, .. } = behind;
        Self {
            terms: RwLock::new(Arc::new(terms)),
            needs_certificate: config.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()),
            callback: host.as_ref().and_then(Callback::of),
            host,
            cluster,
            metrics,
            seats: Seats::new(Some(config.max_sessions)),
            audit: Audit::default(),
            admission: Arc::new(Admission::new(config.max_connections_per_ip, config.rate_limit)),
            backlog: Backlog::new(config.max_buffered),
            kept: Seats::new(Some(MAX_KEPT_BYTES)),
            head_delay: Ticker::new(HEAD_DELAY),
            silence: Ticker::new(SILENCE),
        }
    }

    /// The terms that currently apply to requests.
    pub(super) fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Applies these terms to requests from now on.
    pub(super) fn adopt(&self, terms: Terms) {
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(terms);
    }

    /// The reply for a client's message, if it is a request.
    pub(super) fn reply(
        &self,
        message: &Message,
        sink: Arc<dyn Sink>,
        (seat, identity): (Option<Seat>, &Identity),
        whose: &Whose,
    ) -> Option<Reply> {
        traffic!("->", message.bytes(), sink.session());
        TAP.show(|| {
            Frame::new(Point::FromClient, Payload::of(message.bytes()))
                .in_session(sink.session())
                .on_stream(Arc::as_ptr(&sink))
                .of_exchange()
        });
        if message.kind() != Kind::Request {
            return None;
        }
        let call = self.metrics.as_ref().map(|metrics| {
            let name = || message.name().map(Cow::into_owned);
            Box::new(Call::begin(metrics, whose, &message.method(), name))
        });
        let span = span_of(message, &*sink);
        Some(Reply::to(message, sink).by(identity).seated(seat).counted(call).traced(span))
    }

    /// Sets the servers that are merged: their names and prefixes.
    pub(crate) fn merge(&self, servers: &[(String, String)]) {
        if let Some(metrics) = &self.metrics {
            metrics.merge(servers);
        }
    }

    /// The owner of the calls of an endpoint that serves the server with this name.
    pub(crate) fn whose(&self, name: &str) -> Whose {
        self.metrics.as_ref().map_or(Whose::Anybody, |metrics| metrics.of_server(name))
    }

    pub(super) fn count_rejection(&self, reason: &'static str) {
        if let Some(metrics) = &self.metrics {
            metrics.rejected(reason);
        }
    }
}

/// The span of a call, if spans are enabled for calls.
fn span_of(request: &Message, sink: &dyn Sink) -> Option<Box<Span>> {
    tracing::span_enabled!(target: "mcp_proxy::calls", Level::INFO).then(|| {
        let parent = request.meta().and_then(|meta| {
            decode_string(request.text(find_member(request.bytes(), meta, "traceparent")?))
        });
        Box::new(tracing::info_span!(
            target: "mcp_proxy::calls",
            "call",
            method = &*request.method(),
            target = request.name().map(Cow::into_owned).or_else(|| request.uri()),
            session = short(sink.session()),
            traceparent = parent,
            outcome = tracing::field::Empty,
        ))
    })
}

/// Bytes of messages that may wait after their connections have ended; further ones wait only as
/// long as their connections.
const MAX_KEPT_BYTES: usize = 64 * 1024 * 1024;

/// Long enough for a local server, too short to be noticed.
const HEAD_DELAY: Duration = Duration::from_millis(20);

/// Short enough that proxies on the way see signs of life.
const SILENCE: Duration = Duration::from_secs(12);
