//! From the messages of one POST to its response.

use std::{future::poll_fn, sync::Arc};

use http::{StatusCode, header::CONTENT_TYPE};

use super::session::{add_session_id, stream_response};
use crate::{
    downstream::http::{
        events::Events,
        front::{Front, HEAD_DELAY},
        response::{Response, ResponseBody, empty_text, event_stream, json_runs},
    },
    jsonrpc::{Kind, Message},
    relay::{Connection, Reply, Sink},
    session::{Attachment, Stream},
};

/// Whose messages these are.
pub(super) enum Route {
    Session {
        attachment: Attachment,
        primes: bool,
    },
    /// Messages without a session have a connection to themselves.
    Alone(Arc<dyn Connection>),
}

/// Closes the connection of a POST without a session with its response.
struct Closing(Arc<dyn Connection>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A stream whose response has not begun: a client that leaves now leaves the stream behind.
struct Unread(Option<Arc<Stream>>);

impl Unread {
    fn begin(mut self) -> Option<Arc<Stream>> {
        self.0.take()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if let Some(stream) = self.0.take() {
            stream.detach();
        }
    }
}

impl Front {
    /// Sends the messages upstream and answers with what comes back.
    pub(super) async fn exchange(&self, route: Route, messages: Vec<Message>) -> Response {
        let requests = messages.iter().filter(|message| message.kind() == Kind::Request).count();
        let stream = Stream::new(self.encoding, requests);
        match route {
            Route::Session { attachment, primes } => {
                let stream = attachment.session().open_stream(stream);
                if primes && stream.is_event_stream() {
                    stream.prime();
                }
                let Some(connection) = attachment.session().connection().cloned() else {
                    return empty_text(StatusCode::ACCEPTED);
                };
                let unread = Unread(Some(Arc::clone(&stream)));
                send_all(&*connection, messages, &stream).await;
                self.await_beginning(&stream).await;
                let id = attachment.session().id();
                let Some(stream) = unread.begin() else { return empty_text(StatusCode::ACCEPTED) };
                match whole(&stream) {
                    Some(mut response) => {
                        stream.detach();
                        add_session_id(&mut response, id);
                        response
                    }
                    None => stream_response(stream, attachment),
                }
            }
            Route::Alone(connection) => {
                let closing = Closing(connection);
                let stream = Arc::new(stream);
                send_all(&*closing.0, messages, &stream).await;
                if requests == 0 {
                    return empty_text(StatusCode::ACCEPTED);
                }
                self.await_beginning(&stream).await;
                whole(&stream).unwrap_or_else(|| {
                    event_stream(ResponseBody::Events(Events::new(stream, closing)))
                })
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
        drop(tokio::time::timeout(HEAD_DELAY, begun).await);
    }
}

async fn send_all(connection: &dyn Connection, messages: Vec<Message>, stream: &Arc<Stream>) {
    for message in messages {
        let reply = (message.kind() == Kind::Request)
            .then(|| Reply::to(&message, Arc::clone(stream) as Arc<dyn Sink>));
        if let Some(sending) = connection.send(message, reply) {
            sending.await;
        }
    }
}

/// The response to a stream that is complete already.
fn whole(stream: &Stream) -> Option<Response> {
    let runs = stream.take_whole()?;
    if runs.is_empty() {
        return Some(empty_text(StatusCode::ACCEPTED));
    }
    Some(if stream.is_event_stream() {
        event_stream(ResponseBody::Whole(runs.into_iter()))
    } else {
        let response = json_runs(StatusCode::OK, runs);
        debug_assert!(response.headers().contains_key(CONTENT_TYPE));
        response
    })
}
