//! The result of a handshake with a remote server.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::HeaderValue;
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use super::cookies::Cookies;
use crate::protocol::MODERN;

/// The result of one handshake. It never changes: a new handshake makes a new session.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// Different for each session of the same client; never zero.
    generation: u64,
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
    /// Where messages are posted over HTTP+SSE; `None` over Streamable HTTP.
    messages_url: Option<Url>,
    /// `None` if messages cannot belong to a session.
    cookies: Option<Arc<Cookies>>,
    /// Whether the server got `notifications/initialized`.
    introduced: Arc<AtomicBool>,
    /// Whether a task keeps its standing stream open.
    heard: Arc<AtomicBool>,
    ended: CancellationToken,
}

impl Session {
    /// The session before the handshake.
    pub(super) fn nascent(generation: u64) -> Self {
        Self { generation, cookies: Some(Arc::default()), ..Self::default() }
    }

    /// In place of a session, for servers without sessions: the revision, sent with each request.
    pub(super) fn modern() -> Self {
        Self { version: Some(HeaderValue::from_static(MODERN)), ..Self::default() }
    }

    /// The same over HTTP+SSE.
    pub(super) fn over_sse(self, messages_url: Url) -> Self {
        Self { messages_url: Some(messages_url), ..self }
    }

    /// The session that the server has agreed to.
    pub(super) fn agreed(self, id: Option<HeaderValue>, version: Option<&str>) -> Self {
        // HTTP+SSE knows neither header.
        if self.messages_url.is_some() {
            return self;
        }
        let version = version.and_then(|version| HeaderValue::from_str(version).ok());
        Self { id, version, ..self }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn id(&self) -> Option<&HeaderValue> {
        self.id.as_ref()
    }

    pub(super) fn version(&self) -> Option<&HeaderValue> {
        self.version.as_ref()
    }

    pub(super) fn messages_url(&self) -> Option<&Url> {
        self.messages_url.as_ref()
    }

    pub(super) fn cookies(&self) -> Option<&Cookies> {
        self.cookies.as_deref()
    }

    /// Whether `notifications/initialized` was sent; it is sent once.
    pub(super) fn is_introduced(&self) -> bool {
        self.introduced.load(Ordering::Relaxed)
    }

    pub(super) fn introduced(&self) {
        self.introduced.store(true, Ordering::Relaxed);
    }

    /// The caller will keep the standing stream open; `false` if another task does.
    pub(super) fn hear(&self) -> bool {
        !self.heard.swap(true, Ordering::Relaxed)
    }

    /// Cancelled when the session is known to have ended.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }
}
