//! One remote server as an HTTP endpoint: sends requests, and interprets the heads of answers.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::{Client, Response, Url};
use tokio::sync::watch;

use super::{
    auth::{Authorizer, Occasion, challenge::Challenge},
    client,
    fault::{Fault, Kind},
    messages::{Messages, Source},
    session::Session,
};
use crate::{config::RemoteConfig, error::Error, jsonrpc::Message, protocol, relay::Reply};

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const BOTH_TYPES: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Events are small and arrive one by one, and decoding would delay them.
const UNCODED: HeaderValue = HeaderValue::from_static("identity");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Most bytes that are read of an answer that explains a refusal.
const MAX_REFUSAL: usize = 64 * 1024;
/// Time limit for reading it.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Endpoint {
    client: Client,
    url: Url,
    headers: HeaderMap,
    source: Arc<Source>,
    authorizer: Option<Authorizer>,
}

/// Headers and the URL may contain secrets.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("place", &self.place()).finish_non_exhaustive()
    }
}

/// A server's reaction to a message.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was accepted, and has no answer.
    Accepted,
    /// Messages follow; with the session that the server has opened.
    Messages(Box<Messages>, Option<HeaderValue>),
}

impl Endpoint {
    pub(super) fn new(config: &RemoteConfig) -> Result<Self, Error> {
        let url = Url::parse(&config.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Error::Remote("the URL is not that of an HTTP server".to_owned()))?;
        let client = client::client(config)?;
        let headers = headers(config)?;
        let source = Source::new(config.name.as_deref(), place(&url), config.max_message_size);
        let authorizer = match &config.oauth {
            Some(oauth) => {
                let reach = client::for_others(config, oauth, &url)?;
                Some(Authorizer::new(oauth, reach, &url, source.number()))
            }
            None => None,
        };
        Ok(Self { client, url, headers, source, authorizer })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The server's URL without user, password and query, which may be secrets.
    pub(super) fn place(&self) -> String {
        self.source.place.clone()
    }

    /// Sends one message.
    pub(super) async fn post(&self, session: &Session, message: Bytes) -> Result<Answer, Fault> {
        self.post_with(session, message, HeaderMap::new()).await
    }

    /// The same with further headers.
    pub(super) async fn post_with(
        &self,
        session: &Session,
        message: Bytes,
        headers: HeaderMap,
    ) -> Result<Answer, Fault> {
        self.source.show_sent(&message);
        let url = session.messages_url().unwrap_or(&self.url);
        let request = self
            .client
            .post(url.clone())
            .header(header::ACCEPT, BOTH_TYPES)
            .header(header::CONTENT_TYPE, JSON)
            .headers(headers)
            .body(message);
        let response = self.send(request, session).await?;
        let opened = response.headers().get(&SESSION_ID).cloned();
        if matches!(response.status(), StatusCode::ACCEPTED | StatusCode::NO_CONTENT)
            || session.messages_url().is_some()
        {
            return Ok(Answer::Accepted);
        }
        let messages = Messages::of(response, &self.source).await?;
        Ok(messages
            .map_or(Answer::Accepted, |messages| Answer::Messages(Box::new(messages), opened)))
    }

    /// Opens the stream for messages that are not answers, or resumes any stream after `last`.
    pub(super) async fn listen(
        &self,
        session: &Session,
        last: Option<&str>,
    ) -> Result<Messages, Fault> {
        let mut request = self.client.get(self.url.clone()).header(header::ACCEPT, EVENT_STREAM);
        if let Some(last) = last.and_then(|last| HeaderValue::from_str(last).ok()) {
            request = request.header(LAST_EVENT_ID, last);
        }
        let response = self.send(request, session).await?;
        match Messages::of(response, &self.source).await? {
            Some(messages) if messages.is_event_stream() => Ok(messages),
            _ => Err(Fault::new(
                Kind::NoEndpoint,
                format!("{} did not answer with an event stream", self.place()),
            )),
        }
    }

    /// Ends a session.
    pub(super) async fn delete(&self, session: &Session) -> Result<(), Fault> {
        let request = self.client.request(Method::DELETE, self.url.clone());
        self.send(request, session).await.map(drop)
    }

    /// Gets the credentials that a refused request lacked; returns the fault if that is impossible.
    pub(super) fn authorize(
        &self,
        fault: Fault,
        occasion: Occasion,
    ) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            let (Some(authorizer), Some(challenge)) = (&self.authorizer, &fault.challenge) else {
                return Err(fault);
            };
            match authorizer.authorize(challenge, occasion).await {
                Ok(()) => Ok(()),
                Err(reason) => Err(fault.because(&reason)),
            }
        })
    }

    /// Notified of every sign-in from here on; `None` if nobody signs in.
    pub(super) fn sign_ins(&self) -> Option<watch::Receiver<u64>> {
        self.authorizer.as_ref().map(Authorizer::sign_ins)
    }

    /// Answers a ping on the server's behalf while a user signs in, which takes longer than a
    /// client waits; returns the reply to anything else.
    pub(super) fn answer_meanwhile(&self, request: &Message, reply: Reply) -> Option<Reply> {
        let waits = self.authorizer.as_ref().is_some_and(Authorizer::waits_for_somebody);
        if !waits || protocol::Method::of(&request.method()) != protocol::Method::Ping {
            return Some(reply);
        }
        let id = request.id().unwrap_or(b"null");
        let text = [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":{}}"#].concat();
        match Message::parse(text.into()) {
            Ok(pong) => {
                reply.response(&pong);
                None
            }
            Err(_) => Some(reply),
        }
    }

    fn head(&self, session: &Session) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.entry(header::ACCEPT_ENCODING).or_insert(UNCODED);
        let own = [(SESSION_ID, session.id()), (PROTOCOL_VERSION, session.version())];
        headers.extend(own.into_iter().filter_map(|(name, value)| Some((name, value?.clone()))));
        headers
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        session: &Session,
    ) -> Result<Response, Fault> {
        let place = self.place();
        let unsent = |error| Fault::of_request(&place, error);
        let mut request = request.headers(self.head(session)).build().map_err(unsent)?;
        let path = request.url().path().to_owned();
        // A configured cookie replaces all others.
        let cookies = session.cookies().filter(|_| !request.headers().contains_key(header::COOKIE));
        let cookie = cookies.and_then(|cookies| cookies.header(&path));
        request.headers_mut().extend(cookie.map(|cookie| (header::COOKIE, cookie)));
        let token = match &self.authorizer {
            Some(authorizer) => authorizer.sign(&mut request).await,
            None => None,
        };
        let response = self.client.execute(request).await.map_err(unsent)?;
        if let Some(cookies) = session.cookies() {
            cookies.keep(response.headers(), &path);
        }
        if let Some(authorizer) = &self.authorizer {
            authorizer.heed(response.status(), response.headers());
        }
        if response.status().is_success() {
            return Ok(response);
        }
        let challenge = challenge(&response, token).filter(|_| self.authorizer.is_some());
        let mut fault = refusal(&place, response, session.id().is_some()).await;
        fault.challenge = challenge.map(Box::new);
        Err(fault)
    }
}

/// A client that returns each answer as it is, with the configured headers.
pub(crate) fn probe(config: &RemoteConfig) -> Result<(Client, HeaderMap), Error> {
    Ok((client::unredirected(config)?, headers(config)?))
}

fn headers(config: &RemoteConfig) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let parsed = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value).ok());
        let (key, mut value) = parsed.ok_or_else(|| {
            Error::Remote(format!("the header {name:?} cannot be sent as it is given"))
        })?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    if let Some(token) = &config.bearer_token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            Error::Remote(
                "the bearer token contains characters that a header must not \
                           have"
                    .to_owned(),
            )
        })?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

/// The server's demand for credentials; a 403 counts only if the token lacks scopes.
fn challenge(response: &Response, used: Option<String>) -> Option<Challenge> {
    let headers = response.headers().get_all(header::WWW_AUTHENTICATE).into_iter();
    let challenge = Challenge::parse(headers.filter_map(|value| value.to_str().ok()), used);
    let wanted = match response.status() {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => challenge.wants_more_scope(),
        _ => false,
    };
    wanted.then_some(challenge)
}

fn place(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// The fault for an answer without success.
async fn refusal(place: &str, response: Response, in_session: bool) -> Fault {
    let status = response.status();
    let headers = response.headers().clone();
    let target = redirect_target(&response);
    let body = beginning(response).await;
    if let Some(target) = target {
        let text = format!(
            "{place} redirects to {target}; credentials are not sent to another URL, so give that \
             one instead"
        );
        return Fault::of_status(Kind::Final, status, text, &[]);
    }
    let kind = match status.as_u16() {
        401 | 403 | 407 => Kind::Unauthorized,
        404 if in_session => Kind::SessionLost,
        400 if in_session => Kind::SessionDoubtful,
        400 | 404 | 405 | 406 | 410 | 415 | 501 => Kind::NoEndpoint,
        429 | 503 => Kind::Busy { retry_after: retry_after(&headers) },
        408 | 502 | 504 => Kind::Broken,
        _ => Kind::Final,
    };
    let mut fault = Fault::of_status(kind, status, format!("{place} answered {status}"), &body);
    // A server that names a time to come back has not run the request.
    if matches!(kind, Kind::Busy { retry_after: Some(_) }) {
        fault.ran = false;
    }
    fault
}

fn redirect_target(response: &Response) -> Option<String> {
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    let target = response.url().join(location).ok()?;
    response.status().is_redirection().then(|| place(&target))
}

async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_REFUSAL {
                break;
            }
        }
    };
    drop(tokio::time::timeout(REFUSAL_TIMEOUT, reading).await);
    body
}

/// `Retry-After` in seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
