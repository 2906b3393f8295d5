//! What one HTTP front serves, and the state that its requests share.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::JoinHandle;

use super::{admin, auth::Auth, cors::Cors, sse::SseSessions};
use crate::{
    config::{AllowedHosts, EventStoreConfig, HttpConfig},
    relay::Backend,
    session::{Encoding, Registry, reap},
};

/// Most sessions of one front, of either transport.
pub(super) const MAX_SESSIONS: usize = 65_536;

/// See the module.
pub(crate) struct Front {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) registry: Arc<Registry>,
    pub(super) sse: Arc<SseSessions>,
    pub(super) admin: axum::Router,
    pub(super) auth: Auth,
    pub(super) cors: Option<Cors>,
    pub(super) allowed_hosts: AllowedHosts,
    pub(super) stream_endpoint: Option<String>,
    pub(super) sse_endpoint: Option<String>,
    pub(super) stateless: bool,
    pub(super) encoding: Encoding,
    pub(super) event_store: Option<EventStoreConfig>,
    pub(super) max_body_size: Option<usize>,
    pub(super) keep_alive: HeaderValue,
    reaper: Option<JoinHandle<()>>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Front {
    /// A front for this backend; needs a runtime.
    pub(crate) fn new(config: HttpConfig, backend: Arc<dyn Backend>) -> Self {
        let registry = Arc::new(Registry::new(MAX_SESSIONS));
        let timeout = config.session_idle_timeout;
        let reaper = timeout.map(|timeout| tokio::spawn(reap(Arc::clone(&registry), timeout)));
        let seconds = config.keep_alive_timeout.as_secs();
        Self {
            backend,
            registry,
            sse: Arc::default(),
            admin: admin::routes(),
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
            event_store: config.event_store,
            max_body_size: config.max_body_size,
            keep_alive: HeaderValue::try_from(format!("timeout={seconds}"))
                .unwrap_or(HeaderValue::from_static("timeout=300")),
            reaper,
        }
    }

    /// Ends every session: open streams end, sessions are unknown from now on.
    pub(crate) fn close(&self) {
        if let Some(reaper) = &self.reaper {
            reaper.abort();
        }
        self.sse.close_all();
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

/// How long a response head may wait for the first message, so that head and message travel in
/// one packet. Long enough for a local server, too short for anybody to notice.
pub(super) const HEAD_DELAY: Duration = Duration::from_millis(20);

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A header's text; an unreadable one counts as empty, which names nothing.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}
