//! What one HTTP front serves, and the state that its requests share.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::JoinHandle;
use tracing::{Level, Span};

use super::{
    admin::{self, Admin},
    auth::Auth,
    body::BodyLimits,
    cors::Cors,
    held::MAX_KEPT_BYTES,
    sse::SseSessions,
    ticker::Ticker,
};
use crate::{
    config::{AllowedHosts, HttpConfig},
    downstream::http::session::{Encoding, Events, Registry, reap},
    host::Host,
    jsonrpc::{Kind, Message, decode_string, find_member},
    metrics::{Call, Metrics},
    relay::{Backend, Readiness, Reply, Sink},
    runtime::seats::{Seat, Seats},
    runtime::task,
    telemetry::{short, traffic},
};

/// What a front is put in front of, and what it shares with the rest of the proxy.
#[derive(Clone)]
pub(crate) struct Behind {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) connections: Arc<Seats>,
    pub(crate) metrics: Option<Arc<Metrics>>,
    pub(crate) shows_metrics: bool,
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

/// See the module.
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as users set them")]
pub(crate) struct Front {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) registry: Arc<Registry>,
    pub(super) sse: Arc<SseSessions>,
    pub(super) seats: Arc<Seats>,
    /// Room for the bytes of messages that outlive their connections.
    pub(super) kept: Arc<Seats>,
    pub(super) admin: axum::Router,
    /// `/metrics` is served here too, behind the key.
    pub(super) shows_metrics: bool,
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) auth: Auth,
    pub(super) cors: Option<Cors>,
    pub(super) allowed_hosts: AllowedHosts,
    pub(super) stream_endpoint: Option<String>,
    pub(super) sse_endpoint: Option<String>,
    pub(super) stateless: bool,
    /// Messages of the modern era are served on the stream endpoint.
    pub(super) modern: bool,
    pub(super) encoding: Encoding,
    pub(super) events: Events,
    pub(super) max_in_flight: Option<usize>,
    pub(super) body_limits: BodyLimits,
    pub(super) trace_context: bool,
    pub(super) keep_alive: HeaderValue,
    pub(super) normalize_charset: bool,
    pub(super) host: Option<Arc<dyn Host>>,
    /// How long a response head may wait for the first message, so that both travel in one packet.
    pub(super) head_delay: Ticker,
    /// How long a modern answer may take before the response begins without it.
    pub(super) silence: Ticker,
    reaper: Option<JoinHandle<()>>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Front {
    /// A front for this backend; needs a runtime.
    pub(crate) fn new(config: HttpConfig, behind: Behind) -> Self {
        let registry = Arc::<Registry>::default();
        let sse = Arc::<SseSessions>::default();
        let admin = Admin {
            readiness: behind.readiness,
            metrics: behind.metrics.clone(),
            registry: Arc::clone(&registry),
            sse: Arc::clone(&sse),
            connections: behind.connections,
        };
        let timeout = config.session_idle_timeout;
        let reaper = timeout.map(|timeout| task::spawn(reap(Arc::clone(&registry), timeout)));
        let seconds = config.keep_alive_timeout.as_secs();
        Self {
            modern: config.modern && behind.backend.serves_modern(),
            backend: behind.backend,
            registry,
            sse,
            seats: Seats::new(Some(config.max_sessions)),
            kept: Seats::new(Some(MAX_KEPT_BYTES)),
            admin: admin::routes(admin),
            shows_metrics: behind.shows_metrics,
            metrics: behind.metrics,
            auth: Auth::new(config.auth),
            cors: config.cors.map(Cors::new),
            allowed_hosts: config.allowed_hosts,
            stream_endpoint: config.stream_endpoint,
            sse_endpoint: config.sse_endpoint,
            stateless: config.stateless,
            encoding: if config.enable_json_response {
                Encoding::Json
            } else {
                Encoding::EventStream
            },
            events: config.event_store.map_or(Events::Forgotten, Events::Kept),
            max_in_flight: config.max_in_flight,
            body_limits: BodyLimits { size: config.max_body_size, time: config.body_timeout },
            trace_context: config.trace_context,
            keep_alive: HeaderValue::try_from(format!("timeout={seconds}"))
                .unwrap_or(HeaderValue::from_static("timeout=300")),
            normalize_charset: config.normalize_charset,
            host: None,
            head_delay: Ticker::new(HEAD_DELAY),
            silence: Ticker::new(SILENCE),
            reaper,
        }
    }

    /// Asks this host whatever only the embedding program can answer.
    pub(crate) fn with_host(mut self, host: Arc<dyn Host>) -> Self {
        if host.stores_events() {
            self.events = Events::StoredOutside;
        }
        self.host = Some(host);
        self
    }

    /// What the proxy says about itself, for a port of its own.
    pub(crate) fn admin(&self) -> axum::Router {
        self.admin.clone()
    }

    /// The reply to a message from a client, if it is a request.
    pub(super) fn reply(
        &self,
        message: &Message,
        sink: Arc<dyn Sink>,
        seat: Option<Seat>,
    ) -> Option<Reply> {
        traffic!("->", message.bytes(), sink.session());
        if message.kind() != Kind::Request {
            return None;
        }
        let call = self.metrics.as_ref().map(|metrics| {
            let tool = || message.name().map(Cow::into_owned);
            Box::new(Call::begin(metrics, &message.method(), tool))
        });
        let span = span_of(message, &*sink);
        Some(Reply::to(message, sink).seated(seat).counted(call).traced(span))
    }

    /// Ends every session: open streams end, sessions are unknown from now on.
    pub(crate) fn close(&self) {
        if let Some(reaper) = &self.reaper {
            reaper.abort();
        }
        self.sse.close_all();
        self.backend.end_subscriptions();
        for session in self.registry.remove_all() {
            session.close();
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.close();
    }
}

/// The span of a call, if spans of calls are wanted.
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

/// Long enough for a local server, too short for anybody to notice.
const HEAD_DELAY: Duration = Duration::from_millis(20);

/// Short enough for whoever carries the answer to see signs of life.
const SILENCE: Duration = Duration::from_secs(12);

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A header's text; an unreadable one counts as empty, which names nothing.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(if values.next().is_some() { "" } else { first.to_str().unwrap_or_default() })
}
