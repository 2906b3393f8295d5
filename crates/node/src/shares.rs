//! What those share who use one SDK client: the core's [`Shares`], whose effects JavaScript carries
//! out with the client's methods.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use std::time::Duration;

use mcp_proxy_core::{ListenEnd, ProgressTokens, ShareEffect, Shares};
use napi_derive::napi;

/// Something to do; `kind` says what, and which of the others are there.
#[derive(Debug, Default)]
#[napi(object)]
pub struct Step {
    /// `subscribe`, `unsubscribe`, `open`, `close`, `retry`, `grant` or `refuse`.
    pub kind: String,
    /// The resource to subscribe to.
    pub uri: Option<String>,
    /// The number of the stream to open or close.
    pub stream: Option<i64>,
    /// The params of a stream to open, or why a wish is refused.
    pub text: Option<String>,
    /// The wish that is settled.
    pub wish: Option<u32>,
    /// The code of the error that it is refused with.
    pub code: Option<i32>,
    /// Milliseconds before the retry.
    pub pause: Option<f64>,
}

impl From<ShareEffect> for Step {
    fn from(effect: ShareEffect) -> Self {
        let step = |kind: &str| Self { kind: kind.to_owned(), ..Self::default() };
        match effect {
            ShareEffect::Subscribe(uri) => Self { uri: Some(uri), ..step("subscribe") },
            ShareEffect::Unsubscribe(uri) => Self { uri: Some(uri), ..step("unsubscribe") },
            ShareEffect::Open(stream, params) => {
                Self { stream: Some(js(stream)), text: Some(params), ..step("open") }
            }
            ShareEffect::Close(stream) => Self { stream: Some(js(stream)), ..step("close") },
            ShareEffect::RetryAfter(pause) => {
                Self { pause: Some(pause.as_secs_f64() * 1000.0), ..step("retry") }
            }
            ShareEffect::Grant(wish) => Self { wish: Some(wish), ..step("grant") },
            ShareEffect::Refuse(wish, reason) => {
                let (code, text) = reason.unzip();
                Self { wish: Some(wish), code, text, ..step("refuse") }
            }
        }
    }
}

/// A number as JavaScript counts; nothing lives long enough for more.
fn js(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn native(number: i64) -> u64 {
    number.try_into().unwrap_or_default()
}

/// What has passed since 1970, as `Date.now()` has it.
fn time(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
}

/// See the module. After each call, what is to be done is there to [`Self::take`].
#[derive(Debug, Default)]
#[napi]
pub struct NativeShares {
    shares: Shares,
    due: Vec<ShareEffect>,
}

#[napi]
impl NativeShares {
    /// Of a client that nobody uses yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to be done by now.
    #[napi]
    pub fn take(&mut self) -> Vec<Step> {
        self.due.drain(..).map(Step::from).collect()
    }

    /// The server is there, with these capabilities as JSON if it is of 2026-07-28.
    #[napi]
    pub fn meet(&mut self, modern: Option<String>) {
        self.due.extend(self.shares.meet(modern.as_deref()));
    }

    /// Somebody has come, whose lease has this number.
    #[napi]
    pub fn attach(&mut self) -> i64 {
        let (lease, effects) = self.shares.attach();
        self.due.extend(effects);
        js(lease)
    }

    /// Somebody has gone.
    #[napi]
    pub fn detach(&mut self, lease: i64) {
        self.due.extend(self.shares.detach(native(lease)));
    }

    /// The holder wants to hear of updates of this resource.
    #[napi]
    pub fn want(&mut self, lease: i64, uri: String, wish: u32) {
        self.due.extend(self.shares.want(native(lease), &uri, wish));
    }

    /// The holder does not want to hear of them any more.
    #[napi]
    pub fn unwant(&mut self, lease: i64, uri: String, wish: u32) {
        self.due.extend(self.shares.unwant(native(lease), &uri, wish));
    }

    /// Whether the holder wants to hear of updates of exactly this resource.
    #[napi]
    pub fn holds(&self, lease: i64, uri: String) -> bool {
        self.shares.holds(native(lease), &uri)
    }

    /// Sets the level from which on the holder wants log messages; what is wrong with one that is
    /// none.
    #[napi]
    pub fn set_level(&mut self, lease: i64, level: String) -> Option<Step> {
        let (code, text) = self.shares.set_level(native(lease), &level).err()?;
        Some(Step { code: Some(code), text: Some(text), ..Step::default() })
    }

    /// Whether the holder hears a notification of this method, of this level or about this
    /// resource.
    #[napi]
    pub fn entitles(
        &self,
        lease: i64,
        method: String,
        level: Option<String>,
        uri: Option<String>,
    ) -> bool {
        self.shares.entitles(native(lease), &method, level.as_deref(), uri.as_deref())
    }

    /// The server has answered a request about this resource.
    #[napi]
    pub fn answered(&mut self, uri: String, accepted: bool) {
        self.due.extend(self.shares.answered(&uri, accepted));
    }

    /// The server has begun a stream that carries these resources.
    #[napi]
    pub fn opened(&mut self, stream: i64, uris: Option<Vec<String>>, now: f64) {
        self.due.extend(self.shares.opened(native(stream), uris, time(now)));
    }

    /// A stream has ended for this reason, or was not begun because of an error with this code.
    #[napi]
    pub fn ended(&mut self, stream: i64, reason: String, code: Option<i32>, now: f64) {
        let end = match reason.as_str() {
            "local" => ListenEnd::Local,
            "graceful" => ListenEnd::Graceful,
            _ => ListenEnd::Failed(code),
        };
        self.due.extend(self.shares.ended(native(stream), end, time(now)));
    }

    /// The pause before a retry is over.
    #[napi]
    pub fn retry(&mut self) {
        self.due.extend(self.shares.retry());
    }

    /// The client is shared no longer.
    #[napi]
    pub fn close(&mut self) {
        self.due.extend(self.shares.close());
    }
}

/// The progress tokens of calls under way through SDK clients.
#[derive(Debug, Default)]
#[napi]
pub struct NativeProgressTokens(ProgressTokens);

#[napi]
impl NativeProgressTokens {
    /// None yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The token that stands upstream for this one, which is raw JSON.
    #[napi]
    pub fn begin(&mut self, token: String) -> i64 {
        js(self.0.begin(&token))
    }

    /// The client's token for that of a call under way.
    #[napi]
    pub fn restore(&self, own: i64) -> Option<String> {
        self.0.restore(native(own)).map(str::to_owned)
    }

    /// The call is over.
    #[napi]
    pub fn end(&mut self, own: i64) {
        self.0.end(native(own));
    }
}
