//! POST of the 2026-07-28 revision: every request is independent.
//!
//! Each request has a connection of its own, which closes with the response: a client that
//! disconnects has cancelled. The response is JSON if the answer comes first, otherwise an event
//! stream.

use std::{future::poll_fn, sync::Arc};

use http::{HeaderMap, Request, StatusCode};

use super::{
    NO_EVENTS, encoding,
    exchange::Closing,
    is_json,
    refusal::{Refused, status_of},
};
use crate::{
    cluster::Outbound,
    downstream::http::session::{Encoding, Reading, Stream},
    downstream::http::{
        answer::standing,
        elsewhere::Handed,
        gate::Step,
        header::{PROTOCOL_VERSION, text},
        mount::Mount,
        phase::Phase,
        reject::Rejection,
        requester::{Head, Requester},
        response::{Response, empty_text, json_runs},
        selection::selection,
    },
    era::{
        Era,
        classify::{Posted, PostedKind, classify, classify_batch, validate},
    },
    identity::{Expiry, Identity},
    jsonrpc::{Body, Kind, Message, decode_string, find_member},
    protocol::{
        header::{
            annotation::MirroredParameter,
            mirror::{check_parameters, mirrored_name},
        },
        names_modern,
    },
    relay::{Client, LISTEN, Sink},
    runtime::beside::between_steps,
};

/// The kind of a body.
pub(super) enum Sorted {
    /// It goes to the code of the older era, which also refuses invalid bodies.
    Legacy(Result<Body, Rejection>),
    Modern(Message),
    Refused(Refused),
}

impl Mount {
    /// Tells messages of the modern era from others.
    pub(super) fn modern_message(
        &self,
        headers: &HeaderMap,
        body: Result<Body, Rejection>,
    ) -> Sorted {
        if !self.modern {
            return Sorted::Legacy(body);
        }
        let claims = |message: &Message| message.claims_version();
        let named =
            text(headers, &PROTOCOL_VERSION).is_some_and(|version| names_modern(version.trim()));
        match body {
            Ok(Body::One(message)) => {
                if named || claims(&message) {
                    sort(message, headers)
                } else {
                    Sorted::Legacy(Ok(Body::One(message)))
                }
            }
            Ok(Body::Many(messages)) if messages.iter().any(claims) => {
                let refusal = classify_batch(messages.iter().map(|message| posted(message, "")));
                match refusal {
                    Err(refusal) => Sorted::Refused(Refused::ladder(&refusal, None)),
                    Ok(_) => Sorted::Legacy(Ok(Body::Many(messages))),
                }
            }
            Err(invalid @ (Rejection::InvalidMessage | Rejection::NoMessage)) if named => {
                Sorted::Refused(Refused::invalid(&invalid))
            }
            body => Sorted::Legacy(body),
        }
    }

    /// Serves one message.
    pub(super) async fn post_modern(
        self: &Arc<Self>,
        incoming: &Head,
        message: Message,
    ) -> Result<Response, Rejection> {
        let (headers, caller) = (incoming.headers(), &incoming.body().caller);
        if !is_json(headers) {
            return Ok(self.refuse(&Refused::media_type(message.id())));
        }
        let is_request = message.kind() == Kind::Request;
        let length = message.bytes().len();
        between_steps(length).await;
        let encoding = self.modern_encoding(headers, &message)?;
        let name = mirrored_name(&message);
        if is_request && let Err(refused) = climb(&message, name.as_deref(), headers) {
            return Ok(self.refuse(&refused));
        }
        if self.common.cluster.is_some()
            && let Some(response) = Box::pin(self.hand_back(incoming, &message)).await
        {
            return response;
        }
        between_steps(length).await;
        let client = Client {
            era: Era::Modern,
            address: incoming.body().address,
            principal: self.principal(incoming),
            caller: caller.clone(),
            request: Some(message.clone()),
            selection: selection(incoming.uri()),
            ..Client::default()
        };
        let connection = match self.backend.open(client).await {
            Ok(connection) => connection,
            Err(error) => {
                return Ok(self.common.not_opened(
                    error,
                    Step::Open,
                    message.id().unwrap_or(b"null"),
                ));
            }
        };
        between_steps(length).await;
        let closing = Closing(connection);
        let tool = name.filter(|_| *message.method_bytes() == *b"tools/call");
        let mirrored = tool.and_then(|tool| closing.0.mirrored(&tool));
        if let Some(mirrored) = mirrored
            && let Err(refused) = mirrors(&mirrored, &message, headers)
        {
            return Ok(self.refuse(&refused));
        }
        let message = self.common.traced(headers, message);
        if !is_request {
            self.notify(&*closing.0, vec![message], None, caller.as_ref()).await;
            return Ok(empty_text(StatusCode::ACCEPTED));
        }
        Ok(self.call_modern(incoming, message, encoding, closing).await)
    }

    /// The form of the answer to this message.
    fn modern_encoding(
        &self,
        headers: &HeaderMap,
        message: &Message,
    ) -> Result<Encoding, Rejection> {
        let is_subscription = *message.method_bytes() == *LISTEN.as_bytes();
        let json = self.encoding == Encoding::Json && !is_subscription;
        let encoding = encoding(headers, if json { Encoding::Json } else { Encoding::Lazy })?;
        if is_subscription && encoding == Encoding::Json {
            return Err(Rejection::NotAcceptable(NO_EVENTS));
        }
        Ok(encoding)
    }

    /// Sends a request and returns its answer.
    async fn call_modern(
        self: &Arc<Self>,
        incoming: &Head,
        message: Message,
        encoding: Encoding,
        closing: Closing,
    ) -> Response {
        let is_subscription = *message.method_bytes() == *LISTEN.as_bytes();
        let Requester { identity, caller, .. } = incoming.body();
        let stream = Stream::new(encoding, 1).counted_in(&self.common.backlog);
        let stream = stream.named_by(self.registry.names());
        let (stream, reading) = stream.attached();
        let reply = self.common.reply(
            &message,
            Arc::clone(&stream) as Arc<dyn Sink>,
            (None, identity),
            &self.whose,
        );
        if let Some(sending) = closing.0.send(message, reply, caller.as_ref()) {
            sending.await;
        }
        self.await_answer(&stream, encoding, incoming.extensions().get()).await;
        if let Some(refused) = self.denied_call(&stream, 1, incoming.headers()) {
            return refused;
        }
        if is_subscription && stream.begin_events() {
            let expiry = Arc::new(Expiry::of(identity));
            return standing(self.streamed_until(reading, closing, expiry));
        }
        let response = self.answer_modern(&stream, reading, closing);
        if is_subscription { standing(response) } else { response }
    }

    /// Forwards a call that waits for its client at another replica. `None` if the call waits here,
    /// or does not exist any more.
    async fn hand_back(
        &self,
        incoming: &Head,
        message: &Message,
    ) -> Option<Result<Response, Rejection>> {
        let params = message.params()?;
        let state = find_member(message.bytes(), params, "requestState")?;
        let state = decode_string(message.text(state))?;
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = http::Method::POST;
        head.uri = incoming.uri().clone();
        head.headers = incoming.headers().clone();
        head.extensions = incoming.extensions().clone();
        let way = match self.common.way_to_giver(&state, &head)?.await {
            Ok(way) => way?,
            Err(rejection) => return Some(Err(rejection)),
        };
        let body = Outbound::from(message.bytes().clone());
        match Box::pin(way.take(head, body, &incoming.body().identity)).await {
            Ok(Handed::Answered(response)) => Some(Ok(response)),
            Ok(Handed::Here(..)) => Some(Err(Rejection::ReplicaAway)),
            Err(rejection) => Some(Err(rejection)),
        }
    }

    /// Waits for what decides the head of the response. If the client has closed its sending side,
    /// it may have disconnected, which cancels the call; that shows only when something is sent.
    async fn await_answer(&self, stream: &Stream, encoding: Encoding, phase: Option<&Phase>) {
        if encoding == Encoding::Json {
            return poll_fn(|context| stream.poll_ended(context)).await;
        }
        let begun = self.common.silence.limit(poll_fn(|context| stream.poll_begun(context)));
        let ended = async {
            match phase {
                Some(phase) => phase.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = begun => {}
            () = ended => {}
        }
    }

    /// The identity of a request. A host that tells callers apart decides alone.
    fn principal(&self, incoming: &Head) -> Identity {
        let identity = incoming.body().identity.clone();
        if self.common.authenticates() {
            return identity;
        }
        identity.or_presented(incoming.headers())
    }

    /// The response: JSON if the answer arrives first and in time, otherwise an event stream.
    fn answer_modern(
        self: &Arc<Self>,
        stream: &Stream,
        reading: Reading,
        closing: Closing,
    ) -> Response {
        if stream.begin_events() {
            return self.streamed(reading, closing);
        }
        let status = stream.error_code().map_or(StatusCode::OK, status_of);
        match reading.take_whole() {
            Some(runs) if !runs.is_empty() => json_runs(status, runs),
            _ => empty_text(StatusCode::ACCEPTED),
        }
    }
}

fn sort(message: Message, headers: &HeaderMap) -> Sorted {
    match classify(&posted(&message, &message.method()), headers) {
        Ok(Era::Legacy) => Sorted::Legacy(Ok(Body::One(message))),
        Ok(Era::Modern) => Sorted::Modern(message),
        Err(refusal) => Sorted::Refused(Refused::ladder(&refusal, message.id())),
    }
}

/// Checks a request against its headers, step by step.
fn climb(message: &Message, name: Option<&str>, headers: &HeaderMap) -> Result<(), Refused> {
    let method = message.method();
    let posted = Posted { name, ..posted(message, &method) };
    let refused = |refusal| Refused::ladder(&refusal, message.id());
    validate(&posted, headers).map(drop).map_err(refused)
}

/// Checks the mirrored parameters of a tool against its arguments.
fn mirrors(
    mirrored: &[MirroredParameter],
    message: &Message,
    headers: &HeaderMap,
) -> Result<(), Refused> {
    let arguments =
        message.params().and_then(|params| find_member(message.bytes(), params, "arguments"));
    check_parameters(headers, mirrored, message.bytes(), arguments)
        .map_err(|mismatch| Refused::mismatch(&mismatch, message.id()))
}

fn posted<'a>(message: &'a Message, method: &'a str) -> Posted<'a> {
    Posted {
        kind: match message.kind() {
            Kind::Request => PostedKind::Request,
            Kind::Notification => PostedKind::Notification,
            Kind::Result | Kind::Error => PostedKind::Response,
        },
        method,
        meta: message.meta().map(|span| message.text(span)),
        claims_version: message.claims_version(),
        name: None,
    }
}
