//! A frame as one line of JSON, in recordings and for the page.

use std::{
    borrow::Cow,
    collections::HashMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    Detail, Frame, Http, Life, Payload, Point, Redaction, TAP, frame::TAIL, object::Object,
    rendered::Rendered,
};

/// Most streams that are told apart; only open ones matter.
const MAX_STREAMS: usize = 65_536;
/// Most servers whose names are remembered.
const MAX_SERVERS: usize = 4096;

/// Writes frames as lines, redacted.
#[derive(Debug)]
pub(crate) struct Scribe {
    redaction: Redaction,
    started: Instant,
    wall: SystemTime,
    /// Streams by their addresses in memory, which are not shown.
    streams: HashMap<usize, u64>,
    next_stream: u64,
    /// Names of servers by their numbers.
    names: HashMap<u32, Option<String>>,
    requests: Rendered,
    responses: Rendered,
}

#[derive(Serialize)]
struct HttpLine<'a> {
    method: &'a str,
    target: Cow<'a, str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
    /// Nanoseconds to the head of the response.
    took: u64,
    request: &'a RawValue,
    response: &'a RawValue,
}

#[derive(Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
enum EventLine<'a> {
    Opened {
        transport: &'static str,
    },
    Closed,
    Started {
        name: Cow<'a, str>,
        pid: Option<u32>,
    },
    Ended {
        name: Cow<'a, str>,
        outcome: Cow<'a, str>,
    },
    Restarting {
        name: Cow<'a, str>,
        attempt: u32,
        after: u64,
    },
    #[serde(rename = "sign-in")]
    SignIn {
        step: &'static str,
        detail: Cow<'a, str>,
    },
}

impl Scribe {
    /// Counts time from now on.
    pub(crate) fn new(redaction: Redaction) -> Self {
        Self {
            redaction,
            started: Instant::now(),
            wall: SystemTime::now(),
            streams: HashMap::new(),
            next_stream: 1,
            names: HashMap::new(),
            requests: Rendered::new(),
            responses: Rendered::new(),
        }
    }

    /// When it began, for a person and for a program.
    pub(crate) fn started(&self) -> String {
        timestamp(self.wall)
    }

    /// When it began.
    pub(crate) fn wall(&self) -> SystemTime {
        self.wall
    }

    /// Whether secrets are removed.
    pub(crate) fn redacts(&self) -> bool {
        !self.redaction.is_off()
    }

    fn since(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.started))
    }

    /// Appends the frame with this number, and a line feed.
    pub(crate) fn write(&mut self, number: u64, frame: &Frame, to: &mut Vec<u8>) {
        self.write_beginning(number, frame, usize::MAX, to);
    }

    /// The same; of a message, only about the first `most` bytes.
    pub(crate) fn write_beginning(
        &mut self,
        number: u64,
        frame: &Frame,
        most: usize,
        to: &mut Vec<u8>,
    ) {
        let stream = frame.stream.map(|stream| self.stream(stream));
        frame.server.inspect(|server| self.know(*server));
        if let Some(Detail::Http(http)) = &frame.detail {
            self.requests.turn_to(&http.request, &self.redaction);
            self.responses.turn_to(&http.response, &self.redaction);
        }
        let payload = &frame.payload;
        let whole = payload.whole();
        let redacted = self.redaction.text(&whole);
        let is_cut = payload.kept() < payload.length() || redacted.len() > most;
        let tail = is_cut.then(|| self.tail(payload, &redacted));
        let bytes = &redacted[..redacted.len().min(most)];
        let (text, base64) = match payload.length() {
            0 => (None, None),
            _ => match simdutf8::compat::from_utf8(bytes) {
                Ok(text) => (Some(text), None),
                // A character may have been cut in two.
                Err(error) if is_cut && error.error_len().is_none() => {
                    (std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(), None)
                }
                Err(_) => (None, Some(STANDARD.encode(bytes))),
            },
        };
        let mut line = Object::new(to);
        line.number("n", number);
        line.number("t", self.since(frame.at));
        line.text("point", point(frame.point));
        if let Some(server) = frame.server {
            line.number("server", u64::from(server));
            if let Some(Some(name)) = self.names.get(&server) {
                line.text("name", name);
            }
        }
        if let Some(id) = frame.session {
            line.text("session", shortened(id, &mut [0; SESSION]));
        }
        if let Some(stream) = stream {
            line.number("stream", stream);
        }
        if let Some(exchange) = frame.exchange {
            line.number("exchange", exchange);
        }
        if let Some(text) = text {
            line.text("text", text);
        }
        if let Some(base64) = base64 {
            line.text("base64", &base64);
        }
        if let Some(tail) = tail {
            line.number("cut", payload.length() as u64);
            line.text("tail", &tail);
        }
        match &frame.detail {
            Some(Detail::Http(http)) => line.value("http", &self.http(http)),
            Some(Detail::Life(what)) => line.value("event", &self.event(what)),
            None => {}
        }
        line.end();
        to.push(b'\n');
    }

    /// Appends that this many frames are missing here, and a line feed.
    pub(crate) fn lost(&self, count: u64, to: &mut Vec<u8>) {
        self.gap("lost", count, to);
    }

    /// Appends that this many frames are kept but not written here, and a line feed.
    pub(crate) fn skipped(&self, count: u64, to: &mut Vec<u8>) {
        self.gap("skipped", count, to);
    }

    fn gap(&self, what: &'static str, count: u64, to: &mut Vec<u8>) {
        let mut line = Object::new(to);
        line.text("point", what);
        line.number("t", self.since(Instant::now()));
        line.number(what, count);
        line.end();
        to.push(b'\n');
    }

    fn stream(&mut self, place: usize) -> u64 {
        if self.streams.len() >= MAX_STREAMS {
            self.streams.clear();
        }
        *self.streams.entry(place).or_insert_with(|| {
            self.next_stream += 1;
            self.next_stream - 1
        })
    }

    /// The end of a message whose beginning was written.
    fn tail(&self, payload: &Payload, redacted: &[u8]) -> String {
        if payload.kept() < payload.length() {
            return String::from_utf8_lossy(&self.redaction.text(payload.tail())).into_owned();
        }
        let from = redacted.len().saturating_sub(TAIL);
        String::from_utf8_lossy(&redacted[from..]).into_owned()
    }

    /// Remembers a server's name, if its configuration gives it one.
    fn know(&mut self, server: u32) {
        if self.names.len() >= MAX_SERVERS {
            self.names.clear();
        }
        self.names.entry(server).or_insert_with(|| TAP.label(server));
    }

    fn http<'a>(&'a self, http: &'a Http) -> HttpLine<'a> {
        HttpLine {
            method: http.method.as_str(),
            target: self.redaction.target(&http.target),
            status: http.status.as_u16(),
            refused: http.refused,
            took: nanos(http.took),
            request: self.requests.current(),
            response: self.responses.current(),
        }
    }

    fn event<'a>(&self, life: &'a Life) -> EventLine<'a> {
        let clean = |text: &'a str| self.redaction.line(text);
        match life {
            Life::Opened(transport) => EventLine::Opened { transport },
            Life::Closed => EventLine::Closed,
            Life::Started { name, pid } => EventLine::Started { name: clean(name), pid: *pid },
            Life::Ended { name, outcome } => {
                EventLine::Ended { name: clean(name), outcome: clean(outcome) }
            }
            Life::Restarting { name, attempt, after } => {
                EventLine::Restarting { name: clean(name), attempt: *attempt, after: nanos(*after) }
            }
            Life::SignIn { step, detail } => {
                EventLine::SignIn { step: step.name(), detail: clean(detail) }
            }
        }
    }
}

/// Length of what is shown of a session's id.
const SESSION: usize = 8;

/// The beginning of a session's id, as the log shows it.
fn shortened(id: Uuid, shown: &mut [u8; SESSION]) -> &str {
    let mut whole = [0; uuid::fmt::Simple::LENGTH];
    let whole = id.as_simple().encode_lower(&mut whole);
    shown.copy_from_slice(&whole.as_bytes()[..SESSION]);
    std::str::from_utf8(shown).unwrap_or_default()
}

fn point(point: Point) -> &'static str {
    match point {
        Point::FromClient => "from-client",
        Point::ToClient => "to-client",
        Point::ToServer => "to-server",
        Point::FromServer => "from-server",
        Point::Http => "http",
        Point::Session => "session",
        Point::Server => "server",
        Point::Stderr => "stderr",
    }
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// RFC 3339 with milliseconds, in UTC.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days from 0000-03-01.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::{config::RedactionConfig, watch::Payload};

    fn line(frame: &Frame) -> Value {
        let mut scribe = Scribe::new(Redaction::new(&RedactionConfig::default()));
        let mut text = Vec::new();
        scribe.write(7, frame, &mut text);
        assert_eq!(memchr::memchr(b'\n', &text), Some(text.len() - 1));
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn a_message_keeps_its_bytes_but_for_its_secrets() {
        let text = "{\"a\" :\n1.0,\"password\":\"x\"}";
        let frame = Frame::new(Point::FromClient, Payload::copied(text.as_bytes()));
        let line = line(&frame.on_stream("x").of_server(2));
        assert_eq!(line["text"], "{\"a\" :\n1.0,\"password\":\"[redacted]\"}");
        assert_eq!(
            (&line["n"], &line["stream"], &line["server"]),
            (&json!(7), &json!(1), &json!(2))
        );
        assert_eq!(line["point"], "from-client");
    }

    #[test]
    fn a_session_is_named_as_in_the_log() {
        let id = Uuid::new_v4();
        let frame = Frame::new(Point::FromClient, Payload::copied(b"{}")).in_session(Some(id));
        assert_eq!(line(&frame)["session"], crate::telemetry::short(Some(id)));
    }

    #[test]
    fn bytes_that_are_no_text_are_base64() {
        let frame = Frame::new(Point::Stderr, Payload::copied(b"\xff\xfe"));
        assert_eq!(line(&frame)["base64"], "//4=");
    }

    #[test]
    fn what_was_cut_says_how_long_it_was() {
        let whole = Payload::of(&Bytes::from("ä".repeat(100)));
        let frame = Frame::new(Point::FromServer, whole.cut(10, 3).unwrap());
        let line = line(&frame);
        assert_eq!((&line["text"], &line["cut"]), (&json!("ä"), &json!(200)));
        assert_eq!(line["tail"], "ä".repeat(100));
    }

    #[test]
    fn times_are_written_as_people_write_them() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_796_024_735, "2026-11-30T07:45:35.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
        ] {
            let at = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(timestamp(at), expected);
        }
    }
}
