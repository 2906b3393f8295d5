//! HTTP/1.1 as bytes: requests are written exactly as given, answers are read according to their
//! framing.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Instant,
};

use serde_json::Value;

use super::{DEADLINE, Event, EventStream, event};

/// A request; its text is exactly what is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, headers: Vec::new(), body: None }.header("Host", "127.0.0.1")
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).header("Content-Type", "application/json").body(body)
    }

    /// A POST to `/mcp` with the usual headers.
    pub(crate) fn mcp(body: impl Into<Vec<u8>>) -> Self {
        Self::post("/mcp", body).header("Accept", "application/json, text/event-stream")
    }

    /// A GET of `/mcp` as clients send it.
    pub(crate) fn listen(session: &str) -> Self {
        Self::get("/mcp").header("Accept", "text/event-stream").header("Mcp-Session-Id", session)
    }

    /// The same, sent to another place.
    pub(crate) fn at(self, target: &str) -> Self {
        Self { target: target.to_owned(), ..self }
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a header, in place of those of the same name.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        let mut request = self.without(name);
        request.headers.push((name.to_owned(), value.to_owned()));
        request
    }

    /// Adds a header beside those of the same name.
    pub(crate) fn and_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn session(self, id: &str) -> Self {
        self.header("Mcp-Session-Id", id)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// An answer read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a header that occurs once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        event::parse(&self.body)
    }

    /// The messages of the answer, whether it is an event stream or JSON.
    pub(crate) fn messages(&self) -> Vec<String> {
        if self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return self.events().into_iter().filter_map(Event::message).collect();
        }
        vec![self.text().to_owned()]
    }

    /// The only message of the answer.
    pub(crate) fn message(&self) -> String {
        let mut messages = self.messages();
        assert_eq!(messages.len(), 1, "one message in {self:?}");
        messages.remove(0)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    let value = values.next().map(|(_, value)| value.as_str());
    assert!(values.next().is_none(), "{name} occurs once");
    value
}

/// A byte stream that can be read and written.
pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection; answers are read one after the other.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

enum Framing {
    Nothing,
    Length(usize),
    Chunked,
    Close,
}

/// An answer whose head is read.
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    connection: Connection,
    framing: Framing,
}

impl Connection {
    pub(crate) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), buffer: Vec::new() }
    }

    pub(crate) fn to(port: u16) -> Self {
        Self::new(TcpStream::connect(("127.0.0.1", port)).expect("the peer accepts"))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the peer takes bytes");
        self.stream.flush().expect("the peer takes bytes");
    }

    /// Writes as much as the peer takes.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) {
        // A peer that closes early may have answered already.
        drop(self.stream.write_all(bytes));
    }

    /// Writes a request and reads its whole answer; the connection stays usable.
    pub(crate) fn exchange(&mut self, request: &Request) -> Response {
        self.write(&request.bytes());
        if request.method == "HEAD" {
            let (status, headers, _) = self.head();
            return Response { status, headers, body: Vec::new() };
        }
        self.response()
    }

    /// Reads the interim answer that asks for the body.
    pub(crate) fn expect_continue(&mut self) {
        assert_eq!(self.line(), "HTTP/1.1 100 Continue");
        assert_eq!(self.line(), "");
    }

    /// Reads a whole answer.
    pub(crate) fn response(&mut self) -> Response {
        let (status, headers, mut framing) = self.head();
        let mut body = Vec::new();
        let start = Instant::now();
        while self.more(&mut framing, &mut body) {
            assert!(start.elapsed() < DEADLINE, "{status}: an answer without an end");
        }
        Response { status, headers, body }
    }

    /// Writes a request and reads the head of its answer.
    pub(crate) fn begin(mut self, request: &Request) -> Incoming {
        self.write(&request.bytes());
        let (status, headers, framing) = self.head();
        Incoming { status, headers, connection: self, framing }
    }

    /// Writes a request whose answer must be an event stream.
    pub(crate) fn stream(self, request: &Request) -> EventStream {
        let mut answer = self.begin(request);
        if answer.status != 200 {
            let status = answer.status;
            panic!("{status}: {}", answer.text());
        }
        EventStream::new(answer)
    }

    /// Reads to the end of the connection; returns whatever arrived.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.buffer);
        // A reset also ends it; what came before it counts.
        drop(self.stream.read_to_end(&mut rest));
        rest
    }

    /// Reads something into the buffer; `false` at the end of the connection.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        let count = loop {
            match self.stream.read(&mut chunk) {
                // A read with a deadline is interrupted when the test is stopped and continued, or
                // when the machine is suspended (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read.expect("bytes before the deadline"),
            }
        };
        self.buffer.extend_from_slice(&chunk[..count]);
        count > 0
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).expect("a head is text");
            }
            assert!(self.fill(), "the connection ended inside a line: {:?}", self.buffer);
        }
    }

    fn head(&mut self) -> (u16, Vec<(String, String)>, Framing) {
        let line = self.line();
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header");
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let framing = framing(status, &headers);
        (status, headers, framing)
    }

    /// Appends the next piece of a body; `false` when it is complete.
    fn more(&mut self, framing: &mut Framing, body: &mut Vec<u8>) -> bool {
        match framing {
            Framing::Nothing | Framing::Length(0) => false,
            Framing::Length(left) => {
                assert!(!self.buffer.is_empty() || self.fill(), "the body is cut off");
                let count = self.buffer.len().min(*left);
                body.extend(self.buffer.drain(..count));
                *left -= count;
                true
            }
            Framing::Chunked => {
                let size = usize::from_str_radix(&self.line(), 16).expect("a chunk size");
                while self.buffer.len() < size + 2 {
                    assert!(self.fill(), "the body is cut off");
                }
                body.extend(self.buffer.drain(..size));
                assert_eq!(self.line(), "", "a chunk ends where it says");
                size > 0
            }
            Framing::Close => {
                let open = self.fill();
                body.append(&mut self.buffer);
                open
            }
        }
    }
}

impl Incoming {
    /// Appends the next piece of the body; `false` when it is complete.
    pub(crate) fn more(&mut self, body: &mut Vec<u8>) -> bool {
        self.connection.more(&mut self.framing, body)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The whole body.
    fn text(&mut self) -> String {
        let mut body = Vec::new();
        while self.more(&mut body) {}
        String::from_utf8_lossy(&body).into_owned()
    }
}

fn framing(status: u16, headers: &[(String, String)]) -> Framing {
    if matches!(status, 204 | 304) {
        return Framing::Nothing;
    }
    if let Some(length) = header(headers, "content-length") {
        return Framing::Length(length.parse().expect("a length"));
    }
    match header(headers, "transfer-encoding") {
        Some(coding) => {
            assert_eq!(coding, "chunked");
            Framing::Chunked
        }
        None => Framing::Close,
    }
}
