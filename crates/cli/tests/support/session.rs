//! Sessions of both HTTP transports, opened as clients open them.

use serde_json::{Value, json};

use super::{Connection, Event, EventStream, LATEST, Proxy, Request, Response};

/// An `initialize` request for this revision.
pub(crate) fn initialize(version: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"init","method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}},"clientInfo":{{"name":"wire","version":"1"}}}}}}"#
    )
}

/// The same with these capabilities.
pub(crate) fn initialize_with(capabilities: &str) -> String {
    let plain = initialize(LATEST);
    plain.replace(r#""capabilities":{}"#, &format!(r#""capabilities":{capabilities}"#))
}

/// A `tools/call` request; id and arguments are raw JSON.
pub(crate) fn call(id: &str, tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    )
}

fn shown(request: Request, token: Option<&str>) -> Request {
    match token {
        Some(token) => request.header("Authorization", &format!("Bearer {token}")),
        None => request,
    }
}

/// A session of the Streamable HTTP endpoint.
pub(crate) struct Session<'p> {
    proxy: &'p Proxy,
    pub(crate) id: String,
    version: String,
    /// Sent along with every request.
    token: Option<String>,
}

impl<'p> Session<'p> {
    pub(crate) fn open(proxy: &'p Proxy) -> Self {
        Self::open_as(proxy, LATEST)
    }

    /// A session of this revision.
    pub(crate) fn open_as(proxy: &'p Proxy, version: &str) -> Self {
        Self::begin(proxy, version, initialize(version))
    }

    /// A session of a client with these capabilities.
    pub(crate) fn open_with(proxy: &'p Proxy, capabilities: &str) -> Self {
        Self::begin(proxy, LATEST, initialize_with(capabilities))
    }

    /// A session with this access token.
    pub(crate) fn open_by(proxy: &'p Proxy, token: &str) -> Self {
        Self::begin_by(proxy, LATEST, initialize(LATEST), Some(token))
    }

    /// The same session, with another access token from now on.
    pub(crate) fn by(&self, token: &str) -> Self {
        let (id, version) = (self.id.clone(), self.version.clone());
        Self { proxy: self.proxy, id, version, token: Some(token.to_owned()) }
    }

    fn begin(proxy: &'p Proxy, version: &str, initialize: String) -> Self {
        Self::begin_by(proxy, version, initialize, None)
    }

    fn begin_by(proxy: &'p Proxy, version: &str, initialize: String, token: Option<&str>) -> Self {
        let response = proxy.send(&shown(Request::mcp(initialize), token));
        assert_eq!(response.status, 200, "initialize: {}", response.text());
        let id = response.header("mcp-session-id").expect("a session id").to_owned();
        let token = token.map(str::to_owned);
        let session = Self { proxy, id, version: version.to_owned(), token };
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(session.post(initialized).status, 202);
        session
    }

    /// A POST of this body in the session.
    pub(crate) fn request(&self, body: impl Into<Vec<u8>>) -> Request {
        let request = Request::mcp(body).session(&self.id);
        let request = request.header("Mcp-Protocol-Version", &self.version);
        shown(request, self.token.as_deref())
    }

    pub(crate) fn post(&self, body: impl Into<Vec<u8>>) -> Response {
        self.proxy.send(&self.request(body))
    }

    /// A POST whose answer is read as it arrives.
    pub(crate) fn stream(&self, body: impl Into<Vec<u8>>) -> EventStream {
        self.proxy.stream(&self.request(body))
    }

    /// The response to a tool call; it must be the only message of the answer.
    pub(crate) fn call(&self, id: &str, tool: &str, arguments: &str) -> String {
        self.post(call(id, tool, arguments)).message()
    }

    /// The session's standalone event stream.
    pub(crate) fn listen(&self) -> EventStream {
        self.proxy.stream(&self.listening())
    }

    /// The request for the session's standalone event stream.
    pub(crate) fn listening(&self) -> Request {
        let request = Request::listen(&self.id).header("Mcp-Protocol-Version", &self.version);
        shown(request, self.token.as_deref())
    }

    /// Events after this one, on its stream.
    pub(crate) fn resume(&self, last: &str) -> EventStream {
        self.proxy.stream(&self.listening().header("Last-Event-ID", last))
    }

    pub(crate) fn delete(&self) -> Response {
        let request = Request::new("DELETE", "/mcp").session(&self.id);
        self.proxy.send(&shown(request, self.token.as_deref()))
    }

    /// Fails unless the session answers as usual.
    pub(crate) fn assert_healthy(&self) {
        let answer = self.call("\"health\"", "echo", r#"{"text":"fine"}"#);
        let answer: Value = serde_json::from_str(&answer).expect("a message");
        let result = json!({ "content": [{ "type": "text", "text": "fine" }] });
        assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": "health", "result": result }));
    }
}

/// A session of the HTTP+SSE transport.
pub(crate) struct Sse<'p> {
    proxy: &'p Proxy,
    pub(crate) endpoint: String,
    pub(crate) events: EventStream,
}

impl<'p> Sse<'p> {
    /// Opens the stream and reads the `endpoint` event and the greeting.
    pub(crate) fn open(proxy: &'p Proxy) -> Self {
        let mut events = proxy.stream(&Request::get("/sse").header("Accept", "text/event-stream"));
        let Event { name, data, .. } = events.event().expect("the endpoint event");
        assert_eq!(name.as_deref(), Some("endpoint"));
        let endpoint = data.expect("an endpoint");
        let greeting = events.expect();
        assert!(greeting.contains("SSE Connection established"), "greeting: {greeting}");
        Self { proxy, endpoint, events }
    }

    /// `open` and the handshake.
    pub(crate) fn initialized(proxy: &'p Proxy) -> Self {
        let mut sse = Self::open(proxy);
        let mut answer = sse.ask(&initialize("2024-11-05"));
        // The stream is open before the handshake, and a server in use may send something.
        while answer.contains(r#""method""#) {
            answer = sse.events.expect();
        }
        assert!(answer.contains(r#""serverInfo""#), "initialize: {answer}");
        sse.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        sse
    }

    pub(crate) fn post(&self, body: impl Into<Vec<u8>>) -> Response {
        self.proxy.send(&Request::post(&self.endpoint, body))
    }

    /// Posts a message, which must be accepted.
    pub(crate) fn send(&self, body: &str) {
        let response = self.post(body);
        assert_eq!((response.status, response.text()), (202, "Accepted"), "{body}");
    }

    /// Posts a message and reads the next one from the stream.
    pub(crate) fn ask(&mut self, body: &str) -> String {
        self.send(body);
        self.events.expect()
    }
}

/// A connection that stays open, for many calls of one session.
pub(crate) struct Kept<'s, 'p> {
    session: &'s Session<'p>,
    connection: Connection,
}

impl<'s, 'p> Kept<'s, 'p> {
    pub(crate) fn new(session: &'s Session<'p>) -> Self {
        Self { session, connection: session.proxy.connect() }
    }

    pub(crate) fn post(&mut self, body: &str) -> Response {
        self.connection.exchange(&self.session.request(body))
    }
}
