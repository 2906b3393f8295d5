//! POST: messages from a client, checked in the original's order.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, request::Parts};

use super::{
    check_version, encoding, ended,
    exchange::{Route, Visit},
    is_json,
    modern::Sorted,
    primes,
};
use crate::{
    cluster::Outbound,
    downstream::http::session::{Attachment, MAX_INITIALIZE, Registry, Session, Stream},
    downstream::http::{
        body::{self, Unread, check_coding},
        elsewhere::Handed,
        gate::Step,
        header::{PROTOCOL_VERSION, session_id, text},
        mount::Mount,
        reject::Rejection,
        requester::{Head, Requester},
        response::{Response, empty_text},
        selection::selection,
    },
    era::Era,
    identity::Denial,
    jsonrpc::{Body, Invalid, Kind, MAX_BATCH, Message, split},
    protocol::{Method, is_revision, primes_streams},
    relay::{Client, Sink, requested_version},
    runtime::beside::beside,
};

impl Mount {
    /// `POST` to the stream endpoint.
    pub(in crate::downstream::http) async fn post(
        self: &Arc<Self>,
        mut head: Parts,
        mut body: Outbound,
        requester: Requester,
    ) -> Result<Response, Rejection> {
        if let Some(rejection) = body::refused(&body, self.common.terms().body_limits) {
            body::discard(body);
            return Err(rejection);
        }
        let named = session_id(&head.headers).filter(|_| !self.stateless);
        // The session is attached before the body is read, so that it does not end during a slow
        // upload.
        let mut attachment = named.map(|id| self.registry.attach(id));
        let Requester { identity, address, caller } = requester;
        let session = attachment.as_ref().and_then(|known| Some(known.as_ref()?.session()));
        let visited = session.and_then(|known| Some((&**known.connection()?, known.owner())));
        let identity = match self.common.admit(&mut head, visited, identity).await {
            Ok(identity) => identity,
            Err(denial) => return self.denied_post(denial, body).await,
        };
        if self.common.cluster.is_some()
            && matches!(attachment, Some(None))
            && let Some(id) = session_id(&head.headers).map(str::to_owned)
        {
            match self.hand_over(&id, head, body, &identity).await? {
                Handed::Answered(response) => return Ok(response),
                Handed::Here(here, unread) => (head, body) = (here, unread),
            }
            attachment = Some(self.registry.attach(&id));
        }
        // A session of another identity is treated as unknown.
        let own = |known: &Attachment| known.session().is_shown(&identity);
        let attachment = attachment.map(|attachment| attachment.filter(own));
        let end = head.extensions.get();
        let body = match body::read(body, self.common.terms().body_limits, end).await {
            Ok(body) => parse(body).await,
            Err(Unread::Rejected(rejection)) => return Err(rejection),
            // It is not a message, but the request is reported like any other.
            Err(Unread::Aborted) => Err(Rejection::InvalidMessage),
        };
        let incoming = Request::from_parts(head, Requester { identity, address, caller });
        check_coding(incoming.headers())?;
        let body = match self.modern_message(incoming.headers(), body) {
            Sorted::Legacy(body) => body,
            Sorted::Modern(message) => return self.post_modern(&incoming, message).await,
            Sorted::Refused(refused) => return Ok(self.refuse(&refused)),
        };
        match attachment {
            // A client that still has the session of an earlier run starts over.
            Some(None) if begins(&body) => self.begin_session(&incoming, body).await,
            Some(None) => Err(Rejection::UnknownSession),
            Some(Some(attachment)) => self.post_to_session(&incoming, attachment, body).await,
            None if self.stateless => self.post_alone(&incoming, body).await,
            None => self.begin_session(&incoming, body).await,
        }
    }

    /// A POST without one of our sessions must open one.
    async fn begin_session(
        self: &Arc<Self>,
        incoming: &Head,
        body: Result<Body, Rejection>,
    ) -> Result<Response, Rejection> {
        match body {
            Ok(Body::One(message)) if is_initialize(&message) => {
                self.create_session(incoming, message).await
            }
            // A version header that is not a revision is reported first.
            Ok(_) if names_nothing(incoming.headers()) => {
                check_version(incoming.headers(), None).and(Err(Rejection::NoSession))
            }
            Ok(_) if self.common.authenticates() => Ok(self.common.no_session(body_id(&body))),
            _ => Err(Rejection::NoSession),
        }
    }

    /// A refusal answers the id of its request; a body that is too large is reported first.
    async fn denied_post(&self, denial: Denial, body: Outbound) -> Result<Response, Rejection> {
        let body = match body::skim(body, self.common.terms().body_limits).await {
            Ok(body) => body.map(|body| understood(split(body, MAX_BATCH))),
            Err(Unread::Rejected(rejection)) => return Err(rejection),
            Err(Unread::Aborted) => None,
        };
        Ok(self.common.denied(denial, body.as_ref().map_or(b"null", body_id)))
    }

    async fn post_to_session(
        self: &Arc<Self>,
        incoming: &Head,
        attachment: Attachment,
        body: Result<Body, Rejection>,
    ) -> Result<Response, Rejection> {
        let (headers, caller) = (incoming.headers(), incoming.body().caller.as_ref());
        let encoding = encoding(headers, self.encoding)?;
        let messages = acceptable(headers, body)?;
        if messages.iter().any(is_initialize) {
            return Err(if messages.len() == 1 {
                Rejection::AlreadyInitialized
            } else {
                Rejection::InitializeInBatch
            });
        }
        let session = attachment.session();
        if session.has_ended() {
            // The session ended while the body arrived.
            return Err(ended(session));
        }
        check_version(headers, session.connection())?;
        if let Some(ledger) = session.ledger() {
            if let Some(connection) = session.connection() {
                ledger.follow(&**connection);
            }
            for message in &messages {
                ledger.note(message);
            }
        }
        let (calls, bytes) = requests(&messages);
        let seats = session.admit(calls, bytes).ok_or(Rejection::TooManyCalls)?;
        let messages = self.common.all_traced(headers, messages);
        if count_requests(&messages) == 0 {
            if let Some(ledger) = session.ledger() {
                ledger.settled().await;
            }
            if let Some(connection) = session.connection() {
                self.notify(&**connection, messages, Some(session.id()), caller).await;
            }
            return Ok(empty_text(StatusCode::ACCEPTED));
        }
        let primes = primes(headers, attachment.session());
        let route = Route::Session(Visit { attachment, primes, founded: false, seats });
        self.exchange(route, messages, incoming, encoding).await
    }

    async fn create_session(
        self: &Arc<Self>,
        incoming: &Head,
        message: Message,
    ) -> Result<Response, Rejection> {
        let (headers, caller) = (incoming.headers(), &incoming.body().caller);
        let encoding = encoding(headers, self.encoding)?;
        let messages = acceptable(headers, Ok(Body::One(message)))?;
        if messages.iter().any(|message| message.bytes().len() > MAX_INITIALIZE) {
            return Err(Rejection::BodyTooLarge { limit: MAX_INITIALIZE });
        }
        let messages = self.common.all_traced(headers, messages);
        let seat = self.common.seats.take(1).ok_or(Rejection::TooManySessions)?;
        let owner = incoming.body().identity.clone();
        let session =
            self.registry.create(owner, self.events.clone(), self.common.terms().max_in_flight);
        let attachment = Attachment::new(session);
        let session = attachment.session();
        let (calls, bytes) = requests(&messages);
        let seats = session.admit(calls, bytes).ok_or(Rejection::TooManyCalls)?;
        let unsolicited: Arc<dyn Sink> = Arc::<Stream>::clone(session.standalone());
        let client = Client {
            era: Era::Legacy,
            address: incoming.body().address,
            principal: session.owner().clone(),
            request: None,
            unsolicited: Some(unsolicited),
            session: Some(session.name().as_str().to_owned()),
            hang_up: caller.is_some().then(|| self.registry.ending(session)),
            caller: caller.clone(),
            selection: selection(incoming.uri()),
        };
        let connection = match self.backend.open(client).await {
            Ok(connection) => connection,
            Err(error) => return Ok(self.common.not_opened(error, Step::Open, id_of(&messages))),
        };
        let version = messages.first().and_then(requested_version);
        let primes = version.is_some_and(|version| primes_streams(&version));
        session.connect(connection, primes);
        if let (Some(store), Some(message)) = (self.store(), messages.first()) {
            self.record(store, session, message);
        }
        self.registry.insert(Arc::clone(session), seat);
        if session.has_ended() {
            // The server was closed while the connection was being opened.
            self.registry.remove(session.id());
            session.close();
            return Err(Rejection::UnknownSession);
        }
        let founding = Founding { registry: &self.registry, session: Some(Arc::clone(session)) };
        let route = Route::Session(Visit { attachment, primes, founded: true, seats });
        let response = self.exchange(route, messages, incoming, encoding).await?;
        founding.told();
        Ok(response)
    }

    /// Serves a POST without a session, on a connection of its own.
    async fn post_alone(
        self: &Arc<Self>,
        incoming: &Head,
        body: Result<Body, Rejection>,
    ) -> Result<Response, Rejection> {
        let (headers, caller) = (incoming.headers(), &incoming.body().caller);
        let encoding = encoding(headers, self.encoding)?;
        let messages = acceptable(headers, body)?;
        let initializing = messages.iter().any(is_initialize);
        if initializing && messages.len() > 1 {
            return Err(Rejection::InitializeInBatch);
        }
        if !initializing {
            check_version(headers, None)?;
        }
        let messages = self.common.all_traced(headers, messages);
        let requests = count_requests(&messages);
        if messages.is_empty() {
            return Ok(empty_text(StatusCode::ACCEPTED));
        }
        let principal = incoming.body().identity.clone();
        let client = Client {
            principal,
            address: incoming.body().address,
            caller: caller.clone(),
            selection: selection(incoming.uri()),
            ..Client::default()
        };
        let connection = match self.backend.open(client).await {
            Ok(connection) => connection,
            Err(error) => return Ok(self.common.not_opened(error, Step::Open, id_of(&messages))),
        };
        let response =
            self.exchange(Route::Alone(connection), messages, incoming, encoding).await?;
        Ok(if requests == 0 { empty_text(StatusCode::ACCEPTED) } else { response })
    }
}

/// A session whose client does not know it yet. Dropping this closes it, since nobody can ever use
/// it.
struct Founding<'a> {
    registry: &'a Registry,
    session: Option<Arc<Session>>,
}

impl Founding<'_> {
    /// The head of the response is being sent.
    fn told(mut self) {
        self.session = None;
    }
}

impl Drop for Founding<'_> {
    fn drop(&mut self) {
        let Some(session) = &self.session else { return };
        self.registry.remove(session.id());
        session.close();
    }
}

/// Whether there is a version header that is not a revision.
fn names_nothing(headers: &HeaderMap) -> bool {
    let version = text(headers, &PROTOCOL_VERSION).map(str::trim);
    version.is_some_and(|version| !version.is_empty() && !is_revision(version))
}

fn begins(body: &Result<Body, Rejection>) -> bool {
    matches!(body, Ok(Body::One(message)) if is_initialize(message))
}

/// The id to which a refusal of the whole body replies.
fn body_id(body: &Result<Body, Rejection>) -> &[u8] {
    match body {
        Ok(Body::One(message)) => message.id().unwrap_or(b"null"),
        _ => b"null",
    }
}

async fn parse(body: Bytes) -> Result<Body, Rejection> {
    understood(beside(body.len(), move || split(body, MAX_BATCH)).await)
}

fn understood(parsed: Result<Body, Invalid>) -> Result<Body, Rejection> {
    parsed.map_err(|error| match error {
        Invalid::Syntax(_) | Invalid::Utf8(_) => {
            crate::telemetry::console_error!("[mcp-proxy] error parsing body {error}");
            Rejection::InvalidMessage
        }
        Invalid::Shape(_) => Rejection::NoMessage,
        Invalid::LongId => Rejection::LongId,
        Invalid::TooMany(_) => Rejection::BatchTooLong,
    })
}

/// The messages of a body, checked for this transport.
fn acceptable(
    headers: &HeaderMap,
    body: Result<Body, Rejection>,
) -> Result<Vec<Message>, Rejection> {
    if !is_json(headers) {
        return Err(Rejection::UnsupportedMediaType);
    }
    match body? {
        Body::One(message) => Ok(vec![message]),
        Body::Many(messages) => Ok(messages),
    }
}

fn is_initialize(message: &Message) -> bool {
    message.kind() == Kind::Request
        && Method::of_bytes(&message.method_bytes()) == Method::Initialize
}

/// The number of requests among the messages, and their bytes.
fn requests(messages: &[Message]) -> (usize, usize) {
    let requests = messages.iter().filter(|message| message.kind() == Kind::Request);
    requests.fold((0, 0), |(count, bytes), request| (count + 1, bytes + request.bytes().len()))
}

fn count_requests(messages: &[Message]) -> usize {
    messages.iter().filter(|message| message.kind() == Kind::Request).count()
}

fn id_of(messages: &[Message]) -> &[u8] {
    messages.first().and_then(Message::id).unwrap_or(b"null")
}
