//! A scripted remote server.

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::support::DEADLINE;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) verb: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The JSON-RPC method; empty if there is none.
    pub(crate) fn method(&self) -> String {
        let message: Value = serde_json::from_str(&self.body).unwrap_or_default();
        message["method"].as_str().unwrap_or_default().to_owned()
    }

    /// The id as raw JSON.
    pub(crate) fn id(&self) -> String {
        let message: Value = serde_json::from_str(&self.body).unwrap_or_default();
        message["id"].to_string()
    }
}

/// The server's end of one connection, which ends with its request.
pub(crate) struct Wire(TcpStream);

impl Wire {
    /// Raw bytes; if the client has disconnected, that is not a failure.
    pub(crate) fn raw(&mut self, bytes: &str) {
        drop(self.0.write_all(bytes.as_bytes()));
    }

    pub(crate) fn answer(&mut self, status: &str, headers: &str, body: &str) {
        self.raw(&format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        ));
    }

    pub(crate) fn json(&mut self, body: &str) {
        self.answer("200 OK", "Content-Type: application/json\r\n", body);
    }

    /// The head of an event stream that ends with the connection.
    pub(crate) fn events(&mut self) {
        self.raw("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n");
    }

    /// One event with these lines.
    pub(crate) fn event(&mut self, lines: &str) {
        self.raw(&format!("{lines}\n\n"));
    }

    /// Sends nothing more until the client disconnects.
    pub(crate) fn hold(&mut self) {
        let mut byte = [0];
        while self.0.read(&mut byte).is_ok_and(|read| read > 0) {}
    }

    /// Writes all of it; reports whenever the client has not read for a while. `false` if it has
    /// disconnected.
    pub(crate) fn write_all_and_tell(&mut self, mut bytes: &[u8], stalled: impl Fn()) -> bool {
        self.0.set_write_timeout(Some(Duration::from_millis(500))).expect("a socket");
        while !bytes.is_empty() {
            match self.0.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    stalled();
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// Another handle to the same connection.
    pub(crate) fn share(&self) -> Self {
        Self(self.0.try_clone().expect("a socket"))
    }

    /// Closes the connection, whatever other handles exist.
    pub(crate) fn end(&self) {
        drop(self.0.shutdown(Shutdown::Both));
    }

    /// Breaks the connection so that the client sees a failure.
    pub(crate) fn half_close(&mut self) {
        drop(self.0.shutdown(Shutdown::Write));
    }
}

type Script = dyn Fn(&Received, &mut Wire) -> bool + Send + Sync;

/// See the module.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    received: Arc<(Mutex<Vec<Received>>, Condvar)>,
}

impl Server {
    /// A server that runs the script; if the script returns `false`, it does what a server usually
    /// does.
    pub(crate) fn start(
        script: impl Fn(&Received, &mut Wire) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Self::serve(listener, Arc::new(script))
    }

    /// The same on a port that was used before.
    pub(crate) fn serve(listener: TcpListener, script: Arc<Script>) -> Self {
        let port = listener.local_addr().expect("an address").port();
        let server = Self { port, received: Arc::default() };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (server, script) = (serving.clone(), Arc::clone(&script));
                thread::spawn(move || server.answer(stream, &*script));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    fn answer(&self, stream: TcpStream, script: &Script) {
        let Some(request) = read(&stream) else { return };
        self.received.0.lock().expect("requests").push(request.clone());
        self.received.1.notify_all();
        let mut wire = Wire(stream);
        if !script(&request, &mut wire) {
            usual(&request, &mut wire);
        }
    }

    /// What has arrived so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.0.lock().expect("requests").clone()
    }

    /// How often a JSON-RPC method has arrived so far.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.received().iter().filter(|request| request.method() == method).count()
    }

    /// Waits for the first request of this kind.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&Received) -> bool) -> Received {
        let (requests, arrived) = &*self.received;
        let found = |all: &Vec<Received>| all.iter().find(|request| wanted(request)).cloned();
        let (all, timeout) = arrived
            .wait_timeout_while(requests.lock().expect("requests"), DEADLINE, |all| {
                found(all).is_none()
            })
            .expect("requests");
        assert!(!timeout.timed_out(), "it never came: {all:#?}");
        found(&all).expect("it has come")
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (verb, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Received { verb, path, headers, body: String::new() };
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}

/// The behaviour of a 2025-era server that keeps its session `s1`.
pub(crate) fn usual(request: &Received, wire: &mut Wire) {
    match (request.verb.as_str(), request.method().as_str()) {
        ("POST", "initialize") => welcome(request, wire, "s1"),
        ("POST", _) if request.id() == "null" => wire.answer("202 Accepted", "", ""),
        ("POST", _) => wire.json(&result(request, r#"{"usual":true}"#)),
        ("DELETE", _) => wire.answer("200 OK", "", ""),
        _ => wire.answer("405 Method Not Allowed", "", ""),
    }
}

/// Answers `initialize` and opens this session.
pub(crate) fn welcome(request: &Received, wire: &mut Wire, session: &str) {
    wire.answer(
        "200 OK",
        &format!("Content-Type: application/json\r\nMcp-Session-Id: {session}\r\n"),
        &result(request, INITIALIZED),
    );
}

pub(crate) const INITIALIZED: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"logging":{},"resources":{"subscribe":true}},"serverInfo":{"name":"scripted","version":"1"}}"#;

/// The response to a request.
pub(crate) fn result(request: &Received, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, request.id())
}
