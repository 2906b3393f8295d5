//! Single HTTP requests to the endpoint. Answers are seen as they are: no redirect is followed, and
//! nothing is retried.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::{Client, Response, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::{config::RemoteConfig, error::Error, upstream};

/// Most bytes that are read of an answer.
const MOST: usize = 2 * 1024 * 1024;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    client: Client,
    headers: HeaderMap,
    pub(super) session: Option<HeaderValue>,
    pub(super) revision: Option<HeaderValue>,
    limit: Duration,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Probe {
    pub(super) fn new(config: &RemoteConfig) -> Result<Self, Error> {
        let (client, headers) = upstream::probe(config)?;
        let limit = config.connection_timeout.min(Duration::from_secs(15));
        Ok(Self { client, headers, session: None, revision: None, limit })
    }

    /// The same without a session.
    pub(super) fn without_session(&self) -> Self {
        Self { session: None, revision: None, ..self.clone() }
    }

    /// Posts a message; reads until its answer has arrived.
    pub(super) async fn post(
        &self,
        url: &Url,
        message: &Value,
        more: &[(&'static str, &'static str)],
    ) -> Result<Reply, String> {
        let mut request = self
            .client
            .post(url.clone())
            .headers(self.all())
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header(header::CONTENT_TYPE, "application/json")
            .body(message.to_string());
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let answered = async {
            let response = request.send().await.map_err(shown)?;
            read(response).await
        };
        self.within(answered).await
    }

    /// Sends any other request.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&'static str, &str)],
        secrets: bool,
    ) -> Result<Reply, String> {
        let mut request = self.client.request(method, url.clone());
        if secrets {
            request = request.headers(self.all());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answered = async {
            let response = request.send().await.map_err(shown)?;
            read(response).await
        };
        self.within(answered).await
    }

    /// Opens an event stream; returns its head, or nothing if it does not come in time.
    pub(super) async fn stream(
        &self,
        url: &Url,
        limit: Duration,
    ) -> Result<Option<Response>, String> {
        let request = self
            .client
            .get(url.clone())
            .headers(self.all())
            .header(header::ACCEPT, "text/event-stream")
            .send();
        match timeout(limit, request).await {
            Ok(response) => response.map(Some).map_err(shown),
            Err(_) => Ok(None),
        }
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        match timeout(self.limit, work).await {
            Ok(done) => done,
            Err(_) => Err(format!("no answer in {} s", self.limit.as_secs())),
        }
    }

    fn all(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        let mut add = |name: &'static str, value: &Option<HeaderValue>| {
            if let Some(value) = value {
                headers.insert(HeaderName::from_static(name), value.clone());
            }
        };
        add("mcp-session-id", &self.session);
        add("mcp-protocol-version", &self.revision);
        headers
    }

    /// Whether requests carry credentials.
    pub(super) fn has_credentials(&self) -> bool {
        self.headers.contains_key(header::AUTHORIZATION)
            || self.headers.keys().any(|name| name.as_str().contains("key"))
    }
}

impl Reply {
    /// The type of the body, without parameters.
    pub(super) fn kind(&self) -> String {
        let value = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    }

    /// A header as text.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The JSON-RPC message in the body, in either form.
    pub(super) fn message(&self) -> Option<Value> {
        let whole: Option<Value> = serde_json::from_slice(&self.body).ok();
        whole.filter(is_message).or_else(|| answer_in(&self.body))
    }

    /// The beginning of the body.
    pub(super) fn excerpt(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(200)]).into_owned()
    }
}

fn is_message(value: &Value) -> bool {
    value.is_object() && (!value["jsonrpc"].is_null() || value["error"]["code"].is_i64())
}

/// The answer among the events of a stream.
fn answer_in(body: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    text.split("\n\n").find_map(|event| {
        let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
        let value: Value = serde_json::from_str(&data.join("\n")).ok()?;
        (is_message(&value) && value["method"].is_null()).then_some(value)
    })
}

/// Reads the body; of an event stream, only up to the answer.
async fn read(mut response: Response) -> Result<Reply, String> {
    let (status, headers) = (response.status(), response.headers().clone());
    let is_stream = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let mut body = Vec::new();
    let began = Instant::now();
    while body.len() < MOST {
        // A stream without an answer is read for a limited time.
        let patience = Duration::from_secs(10).saturating_sub(began.elapsed());
        match timeout(patience, response.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
            Ok(Err(error)) => return Err(shown(error)),
            Ok(Ok(None)) | Err(_) => break,
        }
        if is_stream && answer_in(&body).is_some() {
            break;
        }
    }
    Ok(Reply { status, headers, body })
}

fn shown(error: reqwest::Error) -> String {
    upstream::error_chain(&error.without_url())
}
