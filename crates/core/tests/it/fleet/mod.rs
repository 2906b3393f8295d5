//! Many servers behind one port: real servers, a real port.

mod dialogue;
mod load;
mod merged;
mod named;
mod readiness;
mod reload;

use std::net::SocketAddr;

use mcp_proxy_core::{
    Arrival, Arrivals, Fleet,
    config::{CommandConfig, FleetConfig, HttpConfig, ServerConfig, UpstreamConfig},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// The fixture in this mode, as a server.
fn fixture(name: &str, mode: &str) -> ServerConfig {
    let mut command = CommandConfig::new(env!("CARGO_BIN_EXE_fixture"));
    command.args = mode.split(' ').map(Into::into).collect();
    let upstream = Ok(UpstreamConfig::new(command).into());
    ServerConfig { name: name.to_owned(), upstream, ..ServerConfig::default() }
}

/// These servers on any port, with answers that are easy to read.
fn config(servers: Vec<ServerConfig>) -> FleetConfig {
    let http = HttpConfig {
        host: "127.0.0.1".to_owned(),
        port: 0,
        enable_json_response: true,
        ..HttpConfig::default()
    };
    FleetConfig { http, servers, ..FleetConfig::default() }
}

/// A fleet that runs.
struct World {
    fleet: Fleet,
    arrivals: Arrivals,
    address: SocketAddr,
}

impl World {
    fn new(config: FleetConfig) -> Self {
        let mut fleet = Fleet::start(config, None, None).expect("a port");
        let arrivals = fleet.arrivals();
        let address = fleet.address().expect("a port");
        Self { fleet, arrivals, address }
    }

    /// The next server's start.
    async fn arrival(&mut self) -> Arrival {
        self.arrivals.next().await.expect("the fleet runs")
    }

    /// Waits until this many servers have started.
    async fn arrived(&mut self, count: usize) {
        for _ in 0..count {
            let arrival = self.arrival().await;
            assert!(arrival.outcome.is_ok(), "{arrival:?}");
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.send("GET", path, "", "").await
    }

    /// The JSON in it.
    async fn read(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Status and body of a whole answer.
    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let (head, body) = self.answer(method, path, headers, body).await;
        (head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status"), body)
    }

    async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.expect("the port is open");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), body.to_owned())
    }

    /// The whole response to a request of the newer era.
    async fn modern(&self, path: &str, method: &str, params: Value) -> Value {
        let mut params = params;
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let name = params["name"].as_str().map(|name| format!("Mcp-Name: {name}\r\n"));
        let headers = format!(
            "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{}",
            name.unwrap_or_default()
        );
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, body) = self.send("POST", path, &headers, &request.to_string()).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// A session at this path.
    async fn session(&self, path: &str) -> Session<'_> {
        self.session_of(path, json!({})).await
    }

    /// A session of a client with these capabilities.
    async fn session_of(&self, path: &str, capabilities: Value) -> Session<'_> {
        let initialize = json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18", "capabilities": capabilities,
                "clientInfo": { "name": "t", "version": "1" },
            },
        });
        let (head, body) = self.answer("POST", path, "", &initialize.to_string()).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}{body}");
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let id = lines.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("mcp-session-id"));
        let headers = format!("Mcp-Session-Id: {}\r\n", id.expect("a session").1);
        let session = Session { world: self, path: path.to_owned(), headers };
        let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(session.post(told).await.0, 202);
        session
    }
}

/// A session of a client of the older era.
struct Session<'a> {
    world: &'a World,
    path: String,
    headers: String,
}

impl Session<'_> {
    async fn post(&self, body: &str) -> (u16, String) {
        self.world.send("POST", &self.path, &self.headers, body).await
    }

    /// The whole response to a request.
    async fn request(&self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, body) = self.post(&request.to_string()).await;
        assert_eq!(status, 200, "{method}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// The text that a tool answers.
    async fn call(&self, tool: &str, arguments: Value) -> String {
        let params = json!({ "name": tool, "arguments": arguments });
        let response = self.request("tools/call", params).await;
        let text = response["result"]["content"][0]["text"].as_str();
        text.unwrap_or_else(|| panic!("{tool}: {response}")).to_owned()
    }

    /// The names of all tools.
    async fn tools(&self) -> Vec<String> {
        let response = self.request("tools/list", json!({})).await;
        let tools = response["result"]["tools"].as_array().expect("tools").clone();
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// The stream for messages that answer no request.
    async fn listen(&self) -> Listening {
        self.stream("GET", "").await
    }

    /// The stream on which a request is answered.
    async fn events(&self, request: &str) -> Listening {
        self.stream("POST", request).await
    }

    async fn stream(&self, method: &str, body: &str) -> Listening {
        let stream = TcpStream::connect(self.world.address).await.expect("the port is open");
        let mut stream = BufReader::new(stream);
        let (path, headers, length) = (&self.path, &self.headers, body.len());
        let accept = if method == "GET" { "" } else { "application/json, " };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}text/event-stream\r\n\
             Content-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.expect("a head");
        }
        Listening(stream)
    }
}

/// The messages on a session's stream.
struct Listening(BufReader<TcpStream>);

impl Listening {
    /// Waits for a message with this text.
    async fn hears(&mut self, words: &str) -> String {
        let mut line = String::new();
        while !(line.starts_with("data:") && line.contains(words)) {
            line.clear();
            let read = self.0.read_line(&mut line).await.expect("the stream goes on");
            assert!(read > 0, "the stream ended before it said {words}");
        }
        line
    }
}
