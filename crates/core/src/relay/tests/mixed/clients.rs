//! What each client has sent, and what it must receive.

use std::collections::BTreeSet;

use super::super::*;
use crate::{era::Era, protocol::LogLevel};

pub(super) const META: &str = "io.modelcontextprotocol/";

/// Where a client reads.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) sink: Arc<Kept>,
    /// What it must have received since the last check.
    expected: Vec<Value>,
    /// The id of the expected answer, as its client wrote it.
    id: Option<&'static str>,
    pub(super) responses: usize,
}

impl Reader {
    fn of_call(id: &'static str) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    pub(super) fn must_read(&mut self, message: Value) {
        self.expected.push(message);
    }

    pub(super) fn check(&mut self) {
        let read = self.sink.take_raw();
        for text in &read {
            let message: Value = serde_json::from_str(text).unwrap();
            if message.get("method").is_none() {
                let id = self.id.expect("only calls are answered");
                let as_written = format!(r#""id":{id},"#);
                assert!(text.contains(&as_written), "{text}");
                self.responses += 1;
            }
        }
        let read: Vec<Value> =
            read.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(read, std::mem::take(&mut self.expected));
    }
}

/// A client with a session.
pub(super) struct Visitor {
    pub(super) connection: Arc<dyn Connection>,
    pub(super) reader: Reader,
    pub(super) open: bool,
    pub(super) level: Option<LogLevel>,
    pub(super) resources: BTreeSet<&'static str>,
}

impl Visitor {
    /// The client of this number, which can be asked for its roots.
    pub(super) fn new(upstream: &Upstream, number: usize) -> Self {
        let (connection, sink) = upstream.client();
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {"roots": {}},
            "clientInfo": {"name": format!("v{number}"), "version": "1"}}});
        let answers = Arc::new(Kept::default());
        call(&connection, &initialize, &answers);
        assert_eq!(answers.take()[0]["result"]["protocolVersion"], "2025-06-18");
        let reader = Reader { sink, ..Reader::default() };
        Self { connection, reader, open: true, level: None, resources: BTreeSet::new() }
    }

    /// Sends a request that the proxy answers itself.
    pub(super) fn settle(&self, method: &str, params: &Value) -> Arc<Kept> {
        let sink = Arc::new(Kept::default());
        let request = json!({"jsonrpc": "2.0", "id": "own", "method": method, "params": params});
        call(&self.connection, &request, &sink);
        sink
    }
}

/// A connection for one request of a client without a session.
fn connect(upstream: &Upstream) -> Arc<dyn Connection> {
    let client = Client { era: Era::Modern, ..Client::default() };
    upstream.shared.open(client).now_or_never().expect("no wait").expect("an upstream")
}

/// Both ends of one call.
pub(super) struct Called {
    pub(super) client: Caller,
    /// The id as its client writes it.
    pub(super) id: &'static str,
    pub(super) token: Option<&'static str>,
    pub(super) reader: Reader,
    /// The id under which the server knows it, while it runs there.
    pub(super) upstream: Option<u64>,
    pub(super) running: bool,
    pub(super) given_up: bool,
    /// The question that its client is being asked.
    pub(super) asked: Option<Value>,
}

/// Its client.
pub(super) enum Caller {
    Visitor(usize),
    /// The log level that it wants.
    Alone(Arc<dyn Connection>, Option<LogLevel>),
}

impl Called {
    pub(super) fn new(client: Caller, id: &'static str, token: Option<&'static str>) -> Self {
        Self {
            client,
            id,
            token,
            reader: Reader::of_call(id),
            upstream: None,
            running: true,
            given_up: false,
            asked: None,
        }
    }

    /// The call of this number by a client without a session.
    pub(super) fn alone(
        upstream: &Upstream,
        number: usize,
        (id, token): (&'static str, Option<&'static str>),
        level: Option<LogLevel>,
    ) -> Self {
        let connection = connect(upstream);
        let call = Self::new(Caller::Alone(Arc::clone(&connection), level), id, token);
        let level = level
            .map(|level| format!(r#","{META}logLevel":"{}""#, level.name()))
            .unwrap_or_default();
        call.begin(
            &connection,
            number,
            &format!(
                r#""{META}protocolVersion":"2026-07-28","{META}clientCapabilities":{{}},"{META}clientInfo":{{"name":"m{number}","version":"1"}}{level}"#
            ),
        );
        call
    }

    /// Sends it, with this metadata.
    pub(super) fn begin(&self, connection: &Arc<dyn Connection>, number: usize, meta: &str) {
        let token = self.token.map(|token| format!(r#""progressToken":{token}"#));
        let meta: Vec<&str> = [meta, token.as_deref().unwrap_or_default()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let text = format!(
            r#"{{"params":{{"_meta":{{{}}},"name":"t","number":{number}}},"id":{},"method":"tools/call","jsonrpc":"2.0"}}"#,
            meta.join(","),
            self.id
        );
        let request = Message::parse(text.into()).unwrap();
        let reply = Reply::to(&request, Arc::<Kept>::clone(&self.reader.sink) as _);
        assert!(connection.send(request, Some(reply), None).is_none());
    }

    pub(super) fn is_of(&self, visitor: usize) -> bool {
        matches!(self.client, Caller::Visitor(of) if of == visitor)
    }

    pub(super) fn is_alone(&self) -> bool {
        matches!(self.client, Caller::Alone(..))
    }

    /// Whether the server is working on it.
    pub(super) fn is_under_way(&self) -> bool {
        self.running && self.upstream.is_some() && self.asked.is_none()
    }

    /// Its client has cancelled it or disconnected; the server must be told about the id that is
    /// returned.
    pub(super) fn give_up(&mut self) -> Option<u64> {
        if !std::mem::take(&mut self.running) {
            return None;
        }
        self.given_up = true;
        let asked = self.asked.take().is_some();
        self.upstream.filter(|_| !asked)
    }
}

/// A client's `subscriptions/listen`.
pub(super) struct Listener {
    pub(super) connection: Arc<dyn Connection>,
    pub(super) reader: Reader,
    pub(super) id: Value,
    pub(super) filter: Value,
    pub(super) open: bool,
}

impl Listener {
    pub(super) fn new(upstream: &Upstream, id: &'static str, filter: Value, number: usize) -> Self {
        let connection = connect(upstream);
        let reader = Reader::of_call(id);
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"subscriptions/listen","params":{{"notifications":{filter},"_meta":{{"{META}protocolVersion":"2026-07-28","{META}clientCapabilities":{{}},"listener":{number}}}}}}}"#
        );
        let request = Message::parse(text.into()).unwrap();
        let reply = Reply::to(&request, Arc::<Kept>::clone(&reader.sink) as _);
        if let Some(opening) = connection.send(request, Some(reply), None) {
            opening.now_or_never().expect("it waits for nothing");
        }
        Self { connection, reader, id: serde_json::from_str(id).unwrap(), filter, open: true }
    }

    pub(super) fn wants(&self, what: &Wanted) -> bool {
        self.open && what.is_in(&self.filter)
    }

    /// It gets a notification that names its own stream.
    pub(super) fn told(&mut self, kind: &str, mut params: Value) {
        params["_meta"][format!("{META}subscriptionId")] = self.id.clone();
        self.reader.must_read(
            json!({"jsonrpc": "2.0", "method": format!("notifications/{kind}"), "params": params}),
        );
    }
}

/// What a stream may carry.
pub(super) enum Wanted {
    Tools,
    Resource(&'static str),
}

impl Wanted {
    pub(super) fn is_in(&self, filter: &Value) -> bool {
        match self {
            Self::Tools => filter["toolsListChanged"] == true,
            Self::Resource(uri) => filter["resourceSubscriptions"]
                .as_array()
                .is_some_and(|wanted| wanted.iter().any(|wanted| wanted == uri)),
        }
    }
}
