//! From the messages of one POST to its response.

use std::{future::poll_fn, sync::Arc};

use http::{StatusCode, header::CONTENT_TYPE};
use uuid::Uuid;

use super::session::add_session_id;
use crate::{
    downstream::http::session::{Attachment, Encoding, Reading, Stream},
    downstream::http::{
        held::Held,
        mount::Mount,
        response::{Response, ResponseBody, empty_text, event_stream, json_runs},
    },
    host::Caller,
    jsonrpc::{Kind, Message},
    relay::Connection,
    runtime::seats::Seat,
    telemetry::traffic,
};

/// Whose messages these are.
pub(super) enum Route {
    Session {
        attachment: Attachment,
        primes: bool,
        /// One for each request.
        seats: Seat,
    },
    /// Messages without a session have a connection to themselves.
    Alone(Arc<dyn Connection>),
}

/// Where messages go, and the request that carried them.
#[derive(Clone, Copy)]
struct Way<'a> {
    connection: &'a dyn Connection,
    caller: Option<&'a Arc<Caller>>,
}

/// Closes the connection of a POST without a session with its response.
pub(super) struct Closing(pub(super) Arc<dyn Connection>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Mount {
    /// Sends the messages upstream and answers with what comes back.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        route: Route,
        messages: Vec<Message>,
        caller: Option<&Arc<Caller>>,
    ) -> Response {
        let requests = messages.iter().filter(|message| message.kind() == Kind::Request).count();
        let stream = Stream::new(self.encoding, requests);
        match route {
            Route::Session { attachment, primes, seats } => {
                let (stream, reading) = attachment.session().open_stream(stream);
                if primes && stream.is_event_stream() {
                    self.prime(attachment.session(), &stream).await;
                }
                let Some(connection) = attachment.session().connection().cloned() else {
                    return empty_text(StatusCode::ACCEPTED);
                };
                let way = Way { connection: &*connection, caller };
                let held = self.send_all(way, messages, &stream, Some(seats));
                if stream.is_event_stream() && !held.is_empty() {
                    // The head is not held up: with its first event the client can come back for
                    // the answers, whatever becomes of this connection.
                    drop(self.keep(held).await);
                } else {
                    held.sent().await;
                }
                self.await_beginning(&stream).await;
                let id = attachment.session().id();
                match self.whole(&reading) {
                    Some(mut response) => {
                        add_session_id(&mut response, id);
                        response
                    }
                    None => self.stream_response(reading, attachment),
                }
            }
            Route::Alone(connection) => {
                let closing = Closing(connection);
                let (stream, reading) = stream.attached();
                let way = Way { connection: &*closing.0, caller };
                self.send_all(way, messages, &stream, None).sent().await;
                if requests == 0 {
                    return empty_text(StatusCode::ACCEPTED);
                }
                self.await_beginning(&stream).await;
                self.whole(&reading).unwrap_or_else(|| self.streamed(reading, closing))
            }
        }
    }

    /// Waits for what decides the head of the response: everything, for JSON; the first message or
    /// a moment without one, for an event stream.
    async fn await_beginning(&self, stream: &Stream) {
        if !stream.is_event_stream() {
            return poll_fn(|context| stream.poll_ended(context)).await;
        }
        let begun = poll_fn(|context| stream.poll_begun(context));
        self.common.head_delay.limit(begun).await;
    }

    fn send_all(
        &self,
        way: Way<'_>,
        messages: Vec<Message>,
        stream: &Arc<Stream>,
        mut seats: Option<Seat>,
    ) -> Held {
        let mut held = Held::default();
        for message in messages {
            let request = message.kind() == Kind::Request;
            let seat = seats.as_mut().filter(|_| request).and_then(Seat::split);
            let reply = self.common.reply(&message, Arc::clone(stream) as _, seat);
            let bytes = message.bytes().len();
            held.add(bytes, way.connection.send(message, reply, way.caller));
        }
        held
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
            if let Some(sending) = connection.send(message, None, caller) {
                sending.await;
            }
        }
    }

    /// The response to a stream that is complete already.
    fn whole(&self, reading: &Reading) -> Option<Response> {
        let runs = reading.take_whole()?;
        if runs.is_empty() {
            return Some(empty_text(StatusCode::ACCEPTED));
        }
        Some(match self.encoding {
            Encoding::EventStream => event_stream(ResponseBody::Whole(runs.into_iter())),
            Encoding::Json | Encoding::Lazy => {
                let response = json_runs(StatusCode::OK, runs);
                debug_assert!(response.headers().contains_key(CONTENT_TYPE));
                response
            }
        })
    }
}
