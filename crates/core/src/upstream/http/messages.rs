//! The messages of one HTTP answer, whichever of the two content types it has.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use reqwest::Response;

use super::fault::{Fault, Kind};
use crate::{
    codec::event_reader::{Event, EventReader},
    jsonrpc::{Body, MAX_SERVER_BATCH, Message, split},
};

/// The reading half of an answer.
#[derive(Debug)]
pub(super) struct Messages {
    place: String,
    limit: usize,
    response: Response,
    form: Form,
    ready: VecDeque<Message>,
}

#[derive(Debug)]
enum Form {
    Json,
    Events(Box<EventReader>),
    Ended,
}

impl Messages {
    /// The messages of this answer; none if its body is empty, a fault if they cannot be messages.
    pub(super) async fn of(
        mut response: Response,
        place: String,
        limit: usize,
    ) -> Result<Option<Self>, Fault> {
        let form = match content_type(response.headers()).as_str() {
            "text/event-stream" => Form::Events(Box::new(EventReader::new(limit))),
            "application/json" => Form::Json,
            _ if response.content_length() == Some(0) => return Ok(None),
            other => {
                let what = if other.is_empty() { "no content type" } else { other };
                let text = format!("{place} answered with {what}, which holds no messages");
                let beginning = response.chunk().await.ok().flatten().unwrap_or_default();
                return Err(Fault::nonsense(text, &beginning));
            }
        };
        Ok(Some(Self { place, limit, response, form, ready: VecDeque::new() }))
    }

    pub(super) fn is_event_stream(&self) -> bool {
        matches!(self.form, Form::Events(_))
    }

    /// Goes on where another stream, of the same messages, was left.
    pub(super) fn resuming(mut self, last_id: String, retry: Option<Duration>) -> Self {
        let limit = self.limit;
        self.form = Form::Events(Box::new(EventReader::new(limit).resuming(last_id, retry)));
        self
    }

    /// Where the stream can be resumed, if it can.
    pub(super) fn last_id(&self) -> Option<&str> {
        match &self.form {
            Form::Events(reader) => reader.last_id().filter(|id| !id.is_empty()),
            _ => None,
        }
    }

    /// How long the server wants its client to wait before it comes back.
    pub(super) fn retry(&self) -> Option<Duration> {
        match &self.form {
            Form::Events(reader) => reader.retry(),
            _ => None,
        }
    }

    /// The next message; none when the answer has ended.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Fault> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            match &self.form {
                Form::Ended => return Ok(None),
                Form::Json => self.read_json().await?,
                Form::Events(_) => {
                    let Some(event) = self.next_event().await? else { return Ok(None) };
                    if event.is_message() {
                        self.queue(event.data)?;
                    }
                }
            }
        }
    }

    /// The next event of an event stream; none when it has ended.
    pub(super) async fn next_event(&mut self) -> Result<Option<Event>, Fault> {
        let Form::Events(reader) = &mut self.form else { return Ok(None) };
        loop {
            match reader.next_event() {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(_) => return Err(too_long(&self.place, self.limit)),
            }
            let read = self.response.chunk().await;
            match read.map_err(|error| Fault::of_answer(&self.place, error))? {
                Some(chunk) => reader.push(&chunk),
                None => return Ok(None),
            }
        }
    }

    async fn read_json(&mut self) -> Result<(), Fault> {
        let mut body = BytesMut::new();
        loop {
            let read = self.response.chunk().await;
            let Some(chunk) = read.map_err(|error| Fault::of_answer(&self.place, error))? else {
                break;
            };
            if body.len() + chunk.len() > self.limit {
                return Err(too_long(&self.place, self.limit));
            }
            body.extend_from_slice(&chunk);
        }
        self.form = Form::Ended;
        if body.trim_ascii().is_empty() { Ok(()) } else { self.queue(body.freeze()) }
    }

    fn queue(&mut self, text: Bytes) -> Result<(), Fault> {
        let beginning = text.clone();
        match split(text, MAX_SERVER_BATCH) {
            Ok(Body::One(message)) => self.ready.push_back(message),
            Ok(Body::Many(messages)) => self.ready.extend(messages),
            Err(invalid) => {
                let text = format!("{} sent what is no message: {invalid}", self.place);
                return Err(Fault::nonsense(text, &beginning));
            }
        }
        Ok(())
    }
}

fn too_long(place: &str, limit: usize) -> Fault {
    let text = format!("{place} sent a message of more than {limit} bytes (--maxLineSize)");
    Fault::new(Kind::Final, text).after_sending()
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}
