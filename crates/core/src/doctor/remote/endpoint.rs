//! What answers at the URL, and how: transport, streams, browsers, eras.

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{
    probe::{Probe, Reply},
    signing,
};
use crate::{
    config::{RemoteConfig, UpstreamProtocol},
    doctor::{
        checks::introduction,
        codes::{
            BUFFERING, CUT_OFF, FORBIDDEN, HOST_REFUSED, NO_ANSWER, NO_CORS, NO_STREAM_TYPE,
            NOT_MCP, NOTIFICATION_REFUSED, ONLY_LEGACY, ONLY_MODERN, OTHER_PATH, REDIRECTED,
            REDIRECTED_AWAY, REFUSED, SERVER_FAULT, SSE_ONLY, UNAUTHORIZED,
        },
        peer::said,
        report::{Outcome, Stage},
    },
    era::modern_server::{DISCOVER, Envelope},
    protocol::{LATEST_LEGACY, MODERN},
};

/// Time limit for the head of an event stream.
const HEAD: Duration = Duration::from_secs(8);
/// A stream that ends sooner was ended by the server itself.
const AT_ONCE: Duration = Duration::from_secs(2);
/// Usual paths of MCP servers.
const PATHS: [&str; 4] = ["/mcp", "/sse", "/", "/mcp/"];
/// Most redirects that are followed.
const REDIRECTS: usize = 3;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) probe: Probe,
    pub(super) url: Url,
}

/// How a server is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// Streamable HTTP of the 2025 era.
    Session,
    /// Streamable HTTP of 2026-07-28.
    Modern,
    /// HTTP+SSE.
    Sse,
}

impl Endpoint {
    /// Sends the handshake and judges the answer.
    pub(super) async fn meet(&mut self, config: &RemoteConfig, stage: &mut Stage) -> Met {
        for _ in 0..=REDIRECTS {
            let reply = match self.probe.post(&self.url, &initialize(), &[]).await {
                Ok(reply) => reply,
                Err(problem) => {
                    stage.fail(NO_ANSWER, problem);
                    return Met::Session;
                }
            };
            if !reply.status.is_redirection() {
                return self.judge(config, &reply, stage).await;
            }
            if !self.follow(&reply, stage) {
                return Met::Session;
            }
        }
        stage.fail(REDIRECTED_AWAY, "it redirects again and again");
        Met::Session
    }

    /// Follows redirects, as the proxy would.
    fn follow(&mut self, reply: &Reply, stage: &mut Stage) -> bool {
        let to = self.url.join(reply.header("location")).ok();
        let Some(to) = to else {
            stage.fail(REDIRECTED_AWAY, format!("{} without a place to go", reply.status));
            return false;
        };
        let text =
            format!("{} to {}", reply.status.as_u16(), crate::doctor::place::place(to.as_str()));
        let keeps = matches!(reply.status.as_u16(), 307 | 308) && to.origin() == self.url.origin();
        if !keeps {
            stage.fail(REDIRECTED_AWAY, text);
            return false;
        }
        stage.find(REDIRECTED, "", text);
        self.url = to;
        true
    }

    async fn judge(&mut self, config: &RemoteConfig, reply: &Reply, stage: &mut Stage) -> Met {
        let message = reply.message();
        if reply.status.is_success()
            && let Some(result) = message.as_ref().and_then(|message| message.get("result"))
        {
            return self.met(reply, result, stage).await;
        }
        match reply.status {
            StatusCode::UNAUTHORIZED => {
                let code = if self.probe.has_credentials() { FORBIDDEN } else { UNAUTHORIZED };
                stage.fail(code, "401 Unauthorized");
                signing::examine(&self.probe, &self.url, reply, stage).await;
            }
            StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => {
                let excerpt = reply.excerpt();
                let is_host = reply.status != StatusCode::FORBIDDEN
                    || excerpt.to_lowercase().contains("host");
                let code = if is_host { HOST_REFUSED } else { FORBIDDEN };
                stage.fail(code, format!("{}: {excerpt}", reply.status.as_u16()));
            }
            status if status.is_server_error() => {
                stage.fail(SERVER_FAULT, format!("{}: {}", status, reply.excerpt()));
            }
            _ => return self.other(config, reply, message, stage).await,
        }
        Met::Session
    }

    async fn met(&mut self, reply: &Reply, result: &Value, stage: &mut Stage) -> Met {
        if !matches!(reply.kind().as_str(), "application/json" | "text/event-stream") {
            stage.fail(NO_STREAM_TYPE, format!("Content-Type is {:?}", reply.kind()));
            return Met::Session;
        }
        introduction::check(result, stage);
        stage.says(introduction::named(result));
        if stage.outcome == Outcome::Failed {
            return Met::Session;
        }
        self.probe.session = reply.headers.get("mcp-session-id").cloned();
        let version = result["protocolVersion"].as_str().unwrap_or_default();
        self.probe.revision = HeaderValue::from_str(version).ok();
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        match self.probe.post(&self.url, &initialized, &[]).await {
            Ok(reply) if reply.status.is_success() => {}
            Ok(reply) => {
                let text = format!("{} to notifications/initialized", reply.status);
                stage.find(NOTIFICATION_REFUSED, "", text);
            }
            Err(problem) => stage.find(NOTIFICATION_REFUSED, "", problem),
        }
        Met::Session
    }

    /// The answer is not that of a 2025-era server: finds out what it is instead.
    async fn other(
        &mut self,
        config: &RemoteConfig,
        reply: &Reply,
        message: Option<Value>,
        stage: &mut Stage,
    ) -> Met {
        if self.speaks_modern().await {
            stage.says(format!("revision {MODERN}"));
            if config.protocol == UpstreamProtocol::Legacy {
                stage.find(ONLY_MODERN, "", "it refuses initialize");
            }
            return Met::Modern;
        }
        if let Some(error) = message.as_ref().map(|message| &message["error"])
            && error.is_object()
        {
            stage.fail(REFUSED, said(error));
            return Met::Session;
        }
        if self.is_sse(&self.url).await {
            stage.says("HTTP+SSE");
            stage.find(SSE_ONLY, "", "it answers GET with an event stream, and refuses POST");
            return Met::Sse;
        }
        let text = format!("{} with {:?}: {}", reply.status, reply.kind(), reply.excerpt());
        match self.elsewhere().await {
            Some(place) => stage.fail(OTHER_PATH, format!("{place} answers")),
            None => stage.fail(NOT_MCP, text),
        }
        Met::Session
    }

    async fn is_sse(&self, url: &Url) -> bool {
        let Ok(Some(response)) = self.probe.stream(url, HEAD).await else { return false };
        let kind = response.headers().get("content-type");
        response.status().is_success()
            && kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
    }

    /// Another path of the same host where an MCP server answers.
    async fn elsewhere(&self) -> Option<String> {
        for path in PATHS {
            let mut url = self.url.clone();
            url.set_path(path);
            if url == self.url {
                continue;
            }
            let shown = crate::doctor::place::place(url.as_str());
            if let Ok(reply) = self.probe.post(&url, &initialize(), &[]).await
                && (reply.message().is_some_and(|message| message["result"].is_object())
                    || (reply.status == StatusCode::UNAUTHORIZED && path == "/mcp"))
            {
                return Some(shown);
            }
            if path == "/sse" && self.is_sse(&url).await {
                return Some(shown);
            }
        }
        None
    }

    async fn speaks_modern(&self) -> bool {
        let members = format!("{{{}}}", Envelope::of_proxy(crate::VERSION).members());
        let meta: Value = serde_json::from_str(&members).unwrap_or_default();
        let message = json!({ "jsonrpc": "2.0", "id": "doctor", "method": DISCOVER,
                              "params": { "_meta": meta } });
        let headers = [("mcp-protocol-version", MODERN), ("mcp-method", DISCOVER)];
        let plain = self.probe.without_session();
        let Ok(reply) = plain.post(&self.url, &message, &headers).await else { return false };
        let versions =
            reply.message().map(|message| message["result"]["supportedVersions"].clone());
        let versions = versions.as_ref().and_then(Value::as_array);
        versions.is_some_and(|versions| versions.iter().any(|version| version == MODERN))
    }

    /// Which eras the server speaks.
    pub(super) async fn eras(&self, config: &RemoteConfig, met: Met, stage: &mut Stage) {
        let modern = met == Met::Modern || self.speaks_modern().await;
        stage.says(match (met, modern) {
            (Met::Modern, _) => MODERN.to_owned(),
            (_, true) => format!("2025 and {MODERN}"),
            (_, false) => "2025".to_owned(),
        });
        if config.protocol == UpstreamProtocol::Modern && !modern {
            stage.find(ONLY_LEGACY, "", "it speaks the handshake of the 2025 era only");
        }
    }

    /// Watches a silent stream for this long.
    pub(super) async fn watch(&self, hold: Duration, stage: &mut Stage) {
        let began = Instant::now();
        let mut response = match self.probe.stream(&self.url, HEAD).await {
            Ok(Some(response)) => response,
            Ok(None) => {
                let text = format!("no head of the event stream within {} s", HEAD.as_secs());
                return stage.find(BUFFERING, "", text);
            }
            Err(problem) => return stage.find(CUT_OFF, "", problem),
        };
        if !response.status().is_success() {
            return stage.says(format!("{}: no stream without a call", response.status().as_u16()));
        }
        let coding =
            response.headers().get("content-encoding").and_then(|value| value.to_str().ok());
        if let Some(coding) = coding.filter(|coding| *coding != "identity") {
            stage.find(BUFFERING, "", format!("the event stream is compressed ({coding})"));
        }
        let end = began + hold;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match timeout(left, response.chunk()).await {
                Ok(Ok(Some(_))) => {}
                Ok(ended) => return cut(began.elapsed(), ended.is_err(), stage),
                Err(_) => return stage.says(format!("open for {} s", hold.as_secs())),
            }
        }
    }

    /// Whether a web page could use the server.
    pub(super) async fn browsers(&self, stage: &mut Stage) {
        const ORIGIN: &str = "https://mcp-client.example";
        const WANTED: [&str; 3] = ["content-type", "mcp-session-id", "mcp-protocol-version"];
        let wanted = WANTED.join(", ");
        let headers = [
            ("origin", ORIGIN),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", wanted.as_str()),
        ];
        let reply = match self.probe.send(Method::OPTIONS, &self.url, &headers, false).await {
            Ok(reply) => reply,
            Err(problem) => return stage.find(NO_CORS, "", problem),
        };
        let allowed = reply.header("access-control-allow-origin");
        let taken = reply.header("access-control-allow-headers").to_lowercase();
        if !reply.status.is_success() {
            stage.find(NO_CORS, "", format!("OPTIONS is answered with {}", reply.status));
        } else if allowed != "*" && allowed != ORIGIN {
            stage.find(NO_CORS, "", "other origins are not allowed");
        } else if let Some(missing) =
            WANTED.iter().find(|name| taken != "*" && !taken.contains(**name))
        {
            stage.find(NO_CORS, "", format!("the header {missing} is not allowed"));
        } else {
            stage.says("CORS is in order");
        }
    }

    /// Ends the session.
    pub(super) async fn leave(&self) {
        if self.probe.session.is_some() {
            // A server that keeps its sessions is not faulty.
            drop(self.probe.send(Method::DELETE, &self.url, &[], true).await);
        }
    }
}

/// A stream ended while it was watched.
fn cut(lasted: Duration, broke: bool, stage: &mut Stage) {
    if !broke && lasted <= AT_ONCE {
        return stage.says("the server ends it at once");
    }
    let how = if broke { "broke off" } else { "ended" };
    stage.find(CUT_OFF, "", format!("the stream {how} after {} s", lasted.as_secs()));
}

fn initialize() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": LATEST_LEGACY,
        "capabilities": {},
        "clientInfo": { "name": "mcp-proxy", "version": crate::VERSION },
    } })
}
