//! One endpoint: a backend, its sessions, their events, and the paths under which it is served.
//!
//! Requests and open streams hold their mount. A mount that was removed from its port's table
//! serves them to their end; then its unused sessions end, too.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    common::Common,
    events::Events as EventBody,
    response::{Response, event_stream},
    sse_sessions::SseSessions,
    target,
};
use crate::{
    config::{DEFAULT_SSE_ENDPOINT, DEFAULT_STREAM_ENDPOINT, HttpConfig},
    downstream::http::session::{Encoding, Events, Holdings, Reading, Registry, reap},
    identity::{Endpoint, Expiry},
    metrics::Whose,
    relay::Backend,
    runtime::task,
};

/// Where HTTP+SSE clients of the only endpoint, or of the first of several, post.
const MESSAGES: &str = "/messages";

/// The paths of an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// Streamable HTTP.
    pub(crate) stream: Option<String>,
    /// The event stream of HTTP+SSE.
    pub(crate) sse: Option<String>,
    /// Where clients of HTTP+SSE post.
    pub(crate) messages: Messages,
    /// Where they are told to post: a path, or a reference relative to the event stream.
    announced: String,
    /// The path that this resolves to, if it is another one.
    posts: Option<String>,
}

/// How POSTs of HTTP+SSE clients are recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Messages {
    /// By this prefix of the raw target, which is how the original matches them.
    Prefix(String),
    /// By this path.
    Path(String),
}

impl Paths {
    /// The paths of a proxy with one endpoint.
    pub(crate) fn of(config: &HttpConfig) -> Self {
        let (stream, sse) = (config.stream_endpoint.clone(), config.sse_endpoint.clone());
        let own = |path: &String| path != DEFAULT_SSE_ENDPOINT && sse.as_ref() != stream.as_ref();
        // Several proxies on one host can be told apart only by the paths of their streams.
        let own = sse.clone().filter(own);
        let announced = config.messages_endpoint.clone().or(own);
        let announced = announced.unwrap_or_else(|| MESSAGES.to_owned());
        let posts = target::resolved(sse.as_deref().unwrap_or("/"), &announced);
        let posts = (posts != MESSAGES && Some(&posts) != stream.as_ref()).then_some(posts);
        Self { stream, sse, messages: Messages::Prefix(MESSAGES.to_owned()), announced, posts }
    }

    /// The value of the `endpoint` event, after the removed path prefix.
    pub(super) fn announced(&self, prefix: &str) -> String {
        let prefix = if self.announced.starts_with('/') { prefix } else { "" };
        format!("{prefix}{}", self.announced)
    }

    /// The path at which messages are taken, besides the usual one.
    pub(super) fn posts(&self) -> Option<&str> {
        self.posts.as_deref()
    }

    /// Paths below a prefix, for example `/servers/NAME`: always the usual ones.
    pub(crate) fn below(prefix: &str, config: &HttpConfig) -> Self {
        let join = |path: &str| format!("{prefix}{path}");
        Self {
            stream: config.stream_endpoint.as_ref().map(|_| join(DEFAULT_STREAM_ENDPOINT)),
            sse: config.sse_endpoint.as_ref().map(|_| join(DEFAULT_SSE_ENDPOINT)),
            messages: Messages::Path(format!("{prefix}{MESSAGES}")),
            announced: format!("{prefix}{MESSAGES}"),
            posts: None,
        }
    }
}

/// How long sessions may be idle, and the task that closes idle ones.
type Reaper = (Option<Duration>, Option<JoinHandle<()>>);

/// See the module.
pub(crate) struct Mount {
    pub(super) common: Arc<Common>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) registry: Arc<Registry>,
    pub(super) sse: Arc<SseSessions>,
    pub(super) paths: Paths,
    pub(super) stateless: bool,
    /// Whether 2026-07-28 messages are served on the stream endpoint.
    pub(super) modern: bool,
    pub(super) encoding: Encoding,
    pub(super) events: Events,
    /// The owner of its calls.
    pub(super) whose: Whose,
    reaper: Mutex<Reaper>,
    over: CancellationToken,
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl Mount {
    /// An endpoint for this backend; needs a runtime.
    pub(crate) fn new(
        config: &HttpConfig,
        paths: Paths,
        backend: Arc<dyn Backend>,
        common: Arc<Common>,
    ) -> Arc<Self> {
        Self::counted(config, paths, backend, common, Whose::Anybody)
    }

    /// The same; its calls are counted for one of several servers.
    pub(crate) fn counted(
        config: &HttpConfig,
        paths: Paths,
        backend: Arc<dyn Backend>,
        common: Arc<Common>,
        whose: Whose,
    ) -> Arc<Self> {
        let names = common.cluster.as_ref().map(|cluster| Arc::clone(cluster.names()));
        let registry = Arc::new(Registry::counted_in(Arc::clone(&common.backlog), names));
        let reaper = Mutex::new(reaper(&registry, config.session_idle_timeout));
        let host = common.host.clone().filter(|host| host.stores_events());
        let kept = || config.event_store.map_or(Events::Forgotten, Events::Kept);
        let encodings = [Encoding::EventStream, Encoding::Json];
        Arc::new(Self {
            modern: config.modern && backend.serves_modern(),
            common,
            backend,
            registry,
            sse: Arc::default(),
            paths,
            stateless: config.stateless,
            encoding: encodings[usize::from(config.enable_json_response)],
            events: host.map_or_else(kept, Events::Hosted),
            whose,
            reaper,
            over: CancellationToken::new(),
        })
    }

    /// Its Streamable HTTP endpoint.
    pub(super) fn stream_endpoint(&self) -> Option<Endpoint<'_>> {
        let path = self.paths.stream.as_deref()?;
        Some(Endpoint { path, policy: self.backend.policy() })
    }

    /// Its HTTP+SSE endpoint.
    pub(super) fn sse_endpoint(&self) -> Option<Endpoint<'_>> {
        let path = self.paths.sse.as_deref()?;
        Some(Endpoint { path, policy: self.backend.policy() })
    }

    /// Applies this configuration to its sessions from now on.
    pub(super) fn adopt(&self, config: &HttpConfig) {
        let mut known = self.reaper();
        if known.0 == config.session_idle_timeout {
            return;
        }
        let other = reaper(&self.registry, config.session_idle_timeout);
        if let (_, Some(before)) = std::mem::replace(&mut *known, other) {
            before.abort();
        }
    }

    fn reaper(&self) -> MutexGuard<'_, Reaper> {
        self.reaper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The response that streams this; the mount lives at least as long.
    pub(super) fn streamed(
        self: &Arc<Self>,
        reading: Reading,
        guard: impl Send + Sync + 'static,
    ) -> Response {
        let metrics = self.common.metrics.as_ref();
        event_stream(EventBody::new(reading, metrics, (guard, Arc::clone(self))))
    }

    /// The same, for a stream that answers no call: it ends when its reader's credentials expire.
    pub(super) fn streamed_until(
        self: &Arc<Self>,
        reading: Reading,
        guard: impl Send + Sync + 'static,
        expiry: Arc<Expiry>,
    ) -> Response {
        let metrics = self.common.metrics.as_ref();
        let events = EventBody::new(reading, metrics, (guard, Arc::clone(self)));
        event_stream(events.until(expiry))
    }

    /// The memory that its sessions use.
    pub(super) fn held(&self) -> Holdings {
        let held = self.registry.held();
        let (sse_sessions, sse_queued) = self.sse.held();
        Holdings { sse_sessions, queued_bytes: held.queued_bytes + sse_queued, ..held }
    }

    /// Ends streams that answer no call, after the endpoint was removed from the table; calls
    /// continue.
    pub(crate) fn retire(&self) {
        self.registry.end_standalone();
        self.sse.close_idle();
    }

    /// Cancelled when the last request and the last stream have ended.
    #[cfg_attr(not(test), expect(dead_code, reason = "servers know when they have answered"))]
    pub(crate) fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Ends every session: open streams end, and their ids become unknown.
    pub(crate) fn close(&self) {
        if let (_, Some(reaper)) = &*self.reaper() {
            reaper.abort();
        }
        self.sse.close_all();
        self.backend.end_subscriptions();
        for session in self.registry.remove_all() {
            if session.ledger().is_some() { session.hand_on() } else { session.close() }
        }
    }
}

/// Closes sessions that have been idle for this long.
fn reaper(registry: &Arc<Registry>, timeout: Option<Duration>) -> Reaper {
    let reaping = timeout.map(|timeout| task::spawn(reap(Arc::clone(registry), timeout)));
    (timeout, reaping)
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.close();
        self.over.cancel();
    }
}
