//! From the messages of one POST to its response.

use std::{future::poll_fn, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use uuid::Uuid;

use super::{ended, session::add_session_id};
use crate::{
    downstream::http::session::{Attachment, Encoding, Ledger, Stream},
    downstream::http::{
        held::Held,
        mount::Mount,
        reject::Rejection,
        requester::{Head, Requester},
        response::{Response, ResponseBody, empty_text, event_stream, json_runs},
    },
    host::Caller,
    identity::Identity,
    jsonrpc::{Kind, Message},
    relay::{Connection, Reader as _, Reply},
    runtime::seats::Seat,
    telemetry::traffic,
    watch::{Frame, Payload, Point, TAP},
};

/// The connection for the messages.
pub(super) enum Route {
    Session(Visit),
    /// Messages without a session have a connection of their own.
    Alone(Arc<dyn Connection>),
}

/// Messages of a session.
pub(super) struct Visit {
    pub(super) attachment: Attachment,
    pub(super) primes: bool,
    /// The session was opened by these messages.
    pub(super) founded: bool,
    /// One for each request.
    pub(super) seats: Seat,
}

/// How many of them are requests.
fn requests(messages: &[Message]) -> usize {
    messages.iter().filter(|message| message.kind() == Kind::Request).count()
}

/// The connection, and the request with the messages.
#[derive(Clone, Copy)]
struct Way<'a> {
    connection: &'a dyn Connection,
    caller: Option<&'a Arc<Caller>>,
}

/// Closes the connection of a POST without a session when its response ends.
pub(super) struct Closing(pub(super) Arc<dyn Connection>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Keeps a session in use while a response is sent.
struct Use {
    /// The stream with the answer to `initialize`.
    founded: Option<Arc<Stream>>,
    attachment: Attachment,
}

impl Drop for Use {
    fn drop(&mut self) {
        if self.founded.as_ref().is_some_and(|stream| !stream.is_delivered()) {
            self.attachment.session().doubt();
        }
    }
}

/// Waits until other replicas can know of a call, unless all its answers come earlier. A client
/// that has an event of its stream may return to any replica, which must then know what to answer.
async fn await_record(ledger: &Ledger, stream: &Stream) {
    let answered = poll_fn(|context| stream.poll_ended(context));
    tokio::select! {
        biased;
        () = answered => {}
        () = ledger.recorded() => {}
    }
}

impl Mount {
    /// Sends the messages to the server and returns the response.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        route: Route,
        messages: Vec<Message>,
        incoming: &Head,
        encoding: Encoding,
    ) -> Result<Response, Rejection> {
        match route {
            Route::Session(visit) => {
                self.exchange_in_session(visit, messages, incoming, encoding).await
            }
            Route::Alone(connection) => {
                let closing = Closing(connection);
                Ok(self.exchange_alone(closing, messages, incoming, encoding).await)
            }
        }
    }

    async fn exchange_in_session(
        self: &Arc<Self>,
        visit: Visit,
        messages: Vec<Message>,
        incoming: &Head,
        encoding: Encoding,
    ) -> Result<Response, Rejection> {
        let Visit { attachment, primes, founded, seats } = visit;
        let Requester { identity, caller, .. } = incoming.body();
        let (requests, session) = (requests(&messages), attachment.session());
        let opened = session.open_stream(Stream::new(encoding, requests));
        let opened = opened.zip(session.connection().cloned());
        let ((stream, reading), connection) = opened.ok_or_else(|| ended(session))?;
        if let (Some(ledger), Some(number)) = (session.ledger(), stream.number()) {
            ledger.begin(number, ids(&messages));
        }
        // From here on the responses on the stream are settled, even if this future is dropped.
        let owed = self.owe(messages, &stream, (Some(seats), identity));
        if let Some(ledger) = session.ledger() {
            ledger.settled().await;
        }
        if primes && stream.is_event_stream() {
            session.prime(&stream);
        }
        let held = send_all(Way { connection: &*connection, caller: caller.as_ref() }, owed);
        if stream.is_event_stream() && !held.is_empty() {
            // The head is not delayed: with its first event the client can return for the answers,
            // even if this connection breaks.
            drop(self.keep(held).await);
        } else {
            held.sent().await;
        }
        self.await_beginning(&stream).await;
        if let Some(ledger) = session.ledger().filter(|_| stream.is_event_stream()) {
            await_record(ledger, &stream).await;
        }
        if let Some(refused) = self.denied_call(&stream, requests, incoming.headers()) {
            return Ok(refused);
        }
        let name = attachment.session().name().clone();
        match reading.take_whole() {
            Some(runs) if runs.is_empty() && attachment.session().has_ended() => {
                // What was sent to its server has no answer yet.
                let lost = attachment.session().is_elsewhere().then_some(Rejection::ReplicaLost);
                Err(lost.unwrap_or(Rejection::UnknownSession))
            }
            Some(runs) => {
                let mut response = response(runs, encoding);
                add_session_id(&mut response, &name);
                Ok(response)
            }
            None => {
                let founded = founded.then_some(stream);
                Ok(self.stream_response(reading, &name, Use { founded, attachment }))
            }
        }
    }

    async fn exchange_alone(
        self: &Arc<Self>,
        closing: Closing,
        messages: Vec<Message>,
        incoming: &Head,
        encoding: Encoding,
    ) -> Response {
        let Requester { identity, caller, .. } = incoming.body();
        let requests = requests(&messages);
        let (stream, reading) = Stream::new(encoding, requests).attached();
        let way = Way { connection: &*closing.0, caller: caller.as_ref() };
        let owed = self.owe(messages, &stream, (None, identity));
        send_all(way, owed).sent().await;
        if requests == 0 {
            return empty_text(StatusCode::ACCEPTED);
        }
        self.await_beginning(&stream).await;
        if let Some(refused) = self.denied_call(&stream, requests, incoming.headers()) {
            return refused;
        }
        match reading.take_whole() {
            Some(runs) => response(runs, encoding),
            None => self.streamed(reading, closing),
        }
    }

    /// The answer to the only request on a stream, if it was refused because of its sender.
    pub(super) fn denied_call(
        &self,
        stream: &Stream,
        requests: usize,
        headers: &HeaderMap,
    ) -> Option<Response> {
        let denied = stream.denied().filter(|_| requests == 1)?;
        Some(self.common.denied_call(denied, headers, self.stream_endpoint()))
    }

    /// Waits for what decides the head of the response: everything, for JSON; for an event stream the
    /// first message or a moment without one, once it is known whether the request is refused.
    async fn await_beginning(&self, stream: &Stream) {
        if !stream.is_event_stream() {
            return poll_fn(|context| stream.poll_ended(context)).await;
        }
        poll_fn(|context| stream.poll_decided(context)).await;
        let begun = poll_fn(|context| stream.poll_begun(context));
        self.common.head_delay.limit(begun).await;
    }

    /// The messages, with replies for their requests on this stream.
    fn owe(
        &self,
        messages: Vec<Message>,
        stream: &Arc<Stream>,
        (mut seats, identity): (Option<Seat>, &Identity),
    ) -> Vec<(Message, Option<Reply>)> {
        let owe = |message: Message| {
            let request = message.kind() == Kind::Request;
            let bytes = message.bytes().len();
            let seat = seats.as_mut().filter(|_| request).and_then(|seats| seats.split(bytes));
            let reply =
                self.common.reply(&message, Arc::clone(stream) as _, (seat, identity), &self.whose);
            (message, reply)
        };
        messages.into_iter().map(owe).collect()
    }

    /// Sends messages that get no answer.
    pub(super) async fn notify(
        &self,
        connection: &dyn Connection,
        messages: Vec<Message>,
        session: Option<Uuid>,
        caller: Option<&Arc<Caller>>,
    ) {
        for message in messages {
            traffic!("->", message.bytes(), session);
            TAP.show(|| {
                Frame::new(Point::FromClient, Payload::of(message.bytes()))
                    .in_session(session)
                    .of_exchange()
            });
            if let Some(sending) = connection.send(message, None, caller) {
                sending.await;
            }
        }
    }
}

/// The raw ids of the requests among these.
fn ids(messages: &[Message]) -> Vec<Bytes> {
    let requests = messages.iter().filter(|message| message.kind() == Kind::Request);
    requests.filter_map(|request| Some(Bytes::copy_from_slice(request.id()?))).collect()
}

/// The response with everything on a stream.
fn response(runs: Vec<Bytes>, encoding: Encoding) -> Response {
    if runs.is_empty() {
        return empty_text(StatusCode::ACCEPTED);
    }
    match encoding {
        Encoding::EventStream => event_stream(ResponseBody::Whole(runs.into_iter())),
        Encoding::Json | Encoding::Lazy => json_runs(StatusCode::OK, runs),
    }
}

fn send_all(way: Way<'_>, messages: Vec<(Message, Option<Reply>)>) -> Held {
    let mut held = Held::default();
    for (message, reply) in messages {
        let bytes = message.bytes().len();
        held.add(bytes, way.connection.send(message, reply, way.caller));
    }
    held
}
