//! No input costs more memory than three times its length, whoever sends it and wherever it
//! arrives.
//!
//! The whole process is measured as Linux sees it: its peak, minus its size before the first input.

mod configuration;
mod documents;
mod shapes;
mod turns;

use std::{
    fs,
    sync::{Arc, Mutex},
};

use self::shapes::{Shape, filled};
use crate::{
    remote::server::{Received, Server, Wire},
    support::{Launch, MODERN, Proxy, Request, Sse, call},
};

/// Memory that does not grow with the input: connection buffers, and what the allocator keeps.
const SLACK: usize = 16 * 1024 * 1024;

/// Watches one process.
struct Watch {
    pid: u32,
    before: usize,
    exceeded: Vec<String>,
}

impl Watch {
    fn on(proxy: &Proxy) -> Self {
        let pid = proxy.pid();
        Self { pid, before: value(pid, "VmRSS:"), exceeded: Vec::new() }
    }

    /// Sends the shape, and notes whether that took too much memory.
    fn during(&mut self, (name, text): &Shape, act: impl FnOnce(&[u8])) {
        // Resets the peak.
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5").expect("the peak is forgotten");
        act(text);
        let held = value(self.pid, "VmHWM:").saturating_sub(self.before);
        let most = 3 * text.len() + SLACK;
        if held > most {
            let mib = |bytes: usize| bytes / 1024 / 1024;
            self.exceeded.push(format!("{name}: {} MiB of {}", mib(held), mib(most)));
        }
    }

    /// Fails with every shape that took too much.
    fn end(self) {
        assert!(self.exceeded.is_empty(), "{:#?}", self.exceeded);
    }
}

fn value(pid: u32, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a value");
    let kib = line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number");
    kib * 1024
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"#;
const NOTIFICATION: &str = r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"#;

/// What a client of the 2025 era may send.
fn of_a_client() -> Vec<Shape> {
    let mut all = shapes::texts();
    all.extend(shapes::params(CALL, "}}"));
    all.extend(shapes::meta(&format!("{CALL}\"_meta\":{{"), "}}}"));
    let initialize =
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"x":["#;
    all.push(("capabilities", filled(initialize, "1,", "1]}}}")));
    all.push(("a long id", filled(r#"{"jsonrpc":"2.0","method":"x","id":""#, "x", "\"}")));
    all.push(("a long method", filled(r#"{"jsonrpc":"2.0","id":1,"method":""#, "x", "\"}")));
    all
}

/// What a server may send.
fn of_a_server() -> Vec<Shape> {
    let mut all = shapes::texts();
    all.extend(shapes::params(NOTIFICATION, "}}"));
    all.extend(shapes::meta(&format!("{NOTIFICATION}\"_meta\":{{"), "}}}"));
    all.push(("a long id", filled(r#"{"jsonrpc":"2.0","result":{},"id":""#, "x", "\"}")));
    all.push(("tools", filled(&format!("{RESULT}\"tools\":["), "{},", "{}]}}")));
    let tool = r#"{"name":"a","inputSchema":{"x-mcp-header":1}},"#;
    all.push(("annotated tools", filled(&format!("{RESULT}\"tools\":["), tool, "{}]}}")));
    all.push((
        "a wide schema",
        filled(
            &format!(
                r#"{RESULT}"tools":[{{"name":"a","inputSchema":{{"x-mcp-header":"a","enum":["#
            ),
            "1,",
            "1]}}]}}",
        ),
    ));
    all
}

#[test]
fn bodies_of_sessions() {
    let proxy = Proxy::of("subscribe");
    let session = proxy.session();
    session.assert_healthy();
    let mut watch = Watch::on(&proxy);
    for shape in of_a_client() {
        watch.during(&shape, |text| drop(session.post(text)));
    }
    watch.end();
    session.assert_healthy();
}

#[test]
fn bodies_beside_an_event_stream() {
    let proxy = Proxy::of("subscribe");
    let mut sse = Sse::initialized(&proxy);
    let mut watch = Watch::on(&proxy);
    for shape in of_a_client() {
        watch.during(&shape, |text| {
            sse.post(text);
            // Everything accepted before has reached the server when this returns.
            sse.send(&call("\"behind\"", "echo", r#"{"text":"t"}"#));
            sse.events.until("behind");
        });
    }
    watch.end();
    assert!(sse.ask(&call("\"last\"", "echo", r#"{"text":"t"}"#)).contains("last"));
}

#[test]
fn bodies_of_the_newer_era() {
    let envelope = format!(
        r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientCapabilities":{{}}"#
    );
    for (mode, protocol) in [("eras", "legacy"), ("modern", "auto")] {
        let proxy = Launch::new(mode).flags(&["--upstreamProtocol", protocol]).start();
        // Its tools are listed, so that headers are checked against the arguments.
        drop(crate::support::Modern::new("tools/list").send(&proxy));
        let mut watch = Watch::on(&proxy);
        let mut all = shapes::params(&format!("{CALL}{envelope}}},"), "}}");
        all.extend(shapes::meta(&format!("{CALL}{envelope},"), "}}}"));
        all.push((
            "capabilities",
            filled(&format!("{CALL}{}", envelope.trim_end_matches('}')), ",\"a\":1", "}}}}"),
        ));
        for shape in all {
            watch.during(&shape, |text| {
                for method in ["tools/call", "subscriptions/listen"] {
                    let body = String::from_utf8_lossy(text).replacen("tools/call", method, 1);
                    let request = Request::mcp(body)
                        .header("MCP-Protocol-Version", MODERN)
                        .header("Mcp-Method", method)
                        .header("Mcp-Name", "mirrored");
                    // The head is enough: a subscription's stream does not end.
                    drop(proxy.connect().begin(&request));
                }
            });
        }
        watch.end();
        proxy.session().assert_healthy();
    }
}

#[test]
fn lines_of_a_child() {
    for isolation in ["shared", "session"] {
        let proxy = Launch::new("prints").flags(&["--isolation", isolation]).start();
        let session = proxy.session();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("line");
        let print = format!(r#"{{"file":"{}"}}"#, path.display());
        fs::write(&path, "").expect("a file");
        session.call("0", "print", &print);
        let mut watch = Watch::on(&proxy);
        for shape in of_a_server() {
            let line = shape.1.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte });
            fs::write(&path, line.collect::<Vec<u8>>()).expect("a file");
            watch.during(&shape, |_| drop(session.post(call("0", "print", &print))));
        }
        watch.end();
        session.assert_healthy();
    }
}

/// A remote server that answers calls of `shape` with this text, of this content type.
fn answering(kind: &'static str, answer: Arc<Mutex<Vec<u8>>>) -> Server {
    Server::start(move |request: &Received, wire: &mut Wire| {
        if request.method() != "tools/call" || !request.body.contains("\"shape\"") {
            return false;
        }
        let sent = answer.lock().expect("an answer").clone();
        wire.raw(&format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            sent.len()
        ));
        wire.write_all_and_tell(&sent, || ());
        true
    })
}

/// A proxy in front of a remote server that answers with each of these shapes.
fn remote(kind: &'static str, shapes: Vec<(Shape, Vec<u8>)>) {
    let hand: Arc<Mutex<Vec<u8>>> = Arc::default();
    let server = answering(kind, Arc::clone(&hand));
    let proxy = Launch::of(&[&server.url()]).start();
    let session = proxy.session();
    session.call("0", "other", "{}");
    let mut watch = Watch::on(&proxy);
    for (shape, sent) in shapes {
        *hand.lock().expect("an answer") = sent;
        watch.during(&shape, |_| drop(session.post(call("1", "shape", "{}"))));
    }
    watch.end();
    assert!(session.call("2", "other", "{}").contains("usual"));
}

#[test]
fn json_of_a_remote_server() {
    let sent = |shape: Shape| (shape.clone(), shape.1);
    remote("application/json", of_a_server().into_iter().map(sent).collect());
}

#[test]
fn event_streams_of_a_remote_server() {
    let streams = shapes::streams().into_iter().map(|shape| (shape.clone(), shape.1));
    let events = of_a_server().into_iter().map(|shape| {
        let line = shape.1.iter().filter(|byte| !b"\r\n".contains(byte)).copied();
        let sent = b"data: ".iter().copied().chain(line).chain(*b"\n\n").collect();
        (shape, sent)
    });
    remote("text/event-stream", streams.chain(events).collect());
}
