//! Users of one SDK client share it by the rules of the core's [`Shares`]; JavaScript carries out
//! its effects with the client's methods.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use std::time::Duration;

use mcp_proxy_core::{ListenEnd, OpenCalls, ProgressTokens, ShareEffect, Shares};
use napi_derive::napi;

/// An action; `kind` says which one, and which of the other fields are set.
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
    /// The settled wish.
    pub wish: Option<u32>,
    /// The code of the error with which it is refused.
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

/// A number in JavaScript's range; nothing lives long enough to exceed it.
fn js(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn native(number: i64) -> u64 {
    number.try_into().unwrap_or_default()
}

/// Time since 1970, as in `Date.now()`: programs and their tests set that clock.
fn time(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
}

/// See the module. After each call, [`Self::take`] returns the actions.
#[derive(Debug, Default)]
#[napi]
pub struct NativeShares {
    shares: Shares,
    due: Vec<ShareEffect>,
}

#[napi]
impl NativeShares {
    /// For a client that nobody uses yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The actions that are due.
    #[napi]
    pub fn take(&mut self) -> Vec<Step> {
        self.due.drain(..).map(Step::from).collect()
    }

    /// The server is connected, with these capabilities (JSON) if it speaks 2026-07-28.
    #[napi]
    pub fn meet(&mut self, modern: Option<String>) {
        self.due.extend(self.shares.meet(modern.as_deref()));
    }

    /// A holder has come; this is the number of its lease.
    #[napi]
    pub fn attach(&mut self) -> i64 {
        let (lease, effects) = self.shares.attach();
        self.due.extend(effects);
        js(lease)
    }

    /// A holder has left.
    #[napi]
    pub fn detach(&mut self, lease: i64) {
        self.due.extend(self.shares.detach(native(lease)));
    }

    /// The holder wants updates of this resource.
    #[napi]
    pub fn want(&mut self, lease: i64, uri: String, wish: u32) {
        self.due.extend(self.shares.want(native(lease), &uri, wish));
    }

    /// The holder does not want them any more.
    #[napi]
    pub fn unwant(&mut self, lease: i64, uri: String, wish: u32) {
        self.due.extend(self.shares.unwant(native(lease), &uri, wish));
    }

    /// Whether the holder wants updates of exactly this resource.
    #[napi]
    pub fn holds(&self, lease: i64, uri: String) -> bool {
        self.shares.holds(native(lease), &uri)
    }

    /// Sets the holder's log level; returns what is wrong with an invalid one.
    #[napi]
    pub fn set_level(&mut self, lease: i64, level: String) -> Option<Step> {
        let (code, text) = self.shares.set_level(native(lease), &level).err()?;
        Some(Step { code: Some(code), text: Some(text), ..Step::default() })
    }

    /// Whether the holder gets a notification of this method, with this level or about this
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

    /// The server has opened a stream that carries these resources.
    #[napi]
    pub fn opened(&mut self, stream: i64, uris: Option<Vec<String>>, now: f64) {
        self.due.extend(self.shares.opened(native(stream), uris, time(now)));
    }

    /// A stream has ended for this reason, or could not be opened because of an error with this
    /// code.
    #[napi]
    pub fn ended(&mut self, stream: i64, reason: String, code: Option<i32>, now: f64) {
        let end = match reason.as_str() {
            "local" => ListenEnd::Local,
            "graceful" => ListenEnd::Graceful,
            _ => ListenEnd::Failed(code),
        };
        self.due.extend(self.shares.ended(native(stream), end, time(now)));
    }

    /// The pause before the next attempt is over.
    #[napi]
    pub fn rested(&mut self, connected: bool) {
        self.due.extend(self.shares.rested(connected));
    }

    /// Tries again, if it is time and the client is connected.
    #[napi]
    pub fn retry(&mut self, connected: bool) {
        self.due.extend(self.shares.retry(connected));
    }

    /// The client is no longer shared.
    #[napi]
    pub fn close(&mut self) {
        self.due.extend(self.shares.close());
    }
}

/// The progress tokens of running calls through SDK clients.
#[derive(Debug, Default)]
#[napi]
pub struct NativeProgressTokens(ProgressTokens);

#[napi]
impl NativeProgressTokens {
    /// Without tokens.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The token at the upstream for this raw token.
    #[napi]
    pub fn begin(&mut self, token: String) -> i64 {
        js(self.0.begin(&token))
    }

    /// The client's token for that of a running call.
    #[napi]
    pub fn restore(&self, own: i64) -> Option<String> {
        self.0.restore(native(own)).map(str::to_owned)
    }

    /// The call has ended.
    #[napi]
    pub fn end(&mut self, own: i64) {
        self.0.end(native(own));
    }
}

/// The unanswered calls of a client on standard input and output.
#[derive(Debug, Default)]
#[napi]
pub struct NativeOpenCalls(OpenCalls);

#[napi]
impl NativeOpenCalls {
    /// Without calls.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The client has sent a message with this raw id and this method; `cancelled` is the raw id
    /// that a cancellation names.
    #[napi]
    pub fn received(
        &mut self,
        id: Option<String>,
        method: Option<String>,
        cancelled: Option<String>,
    ) {
        self.0.received(id.as_deref(), method.as_deref(), cancelled.as_deref());
    }

    /// The client is sent the answer to the call with this raw id.
    #[napi]
    pub fn answered(&mut self, id: Option<String>) {
        self.0.answered(id.as_deref());
    }

    /// The client sends nothing more.
    #[napi]
    pub fn input_ended(&mut self) {
        self.0.input_ended();
    }

    /// Whether the client gets nothing more.
    #[napi]
    pub fn is_over(&self) -> bool {
        self.0.is_over()
    }
}
