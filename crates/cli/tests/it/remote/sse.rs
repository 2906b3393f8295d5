//! Remote servers of revision 2024-11-05, over HTTP+SSE.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    client::{Client, call},
    server::{INITIALIZED, Received, Server, Wire, result},
    support::{LATEST, initialize},
};

/// A server over HTTP+SSE; calls with the id 99 are not answered.
struct Old {
    server: Server,
    stream: Arc<Mutex<Option<Wire>>>,
}

impl Old {
    fn start() -> Self {
        let stream: Arc<Mutex<Option<Wire>>> = Arc::default();
        let (kept, streams) = (Arc::clone(&stream), AtomicUsize::new(0));
        let server = Server::start(move |request: &Received, wire: &mut Wire| {
            let mut stream = kept.lock().expect("a stream");
            match (request.verb.as_str(), request.path.as_str()) {
                ("GET", "/mcp") => {
                    let number = streams.fetch_add(1, Ordering::Relaxed);
                    wire.events();
                    wire.event(&format!("event: endpoint\ndata: /messages?session={number}"));
                    *stream = Some(wire.share());
                }
                ("POST", "/mcp") => wire.answer("405 Method Not Allowed", "", "use GET"),
                _ => {
                    wire.answer("202 Accepted", "", "Accepted");
                    if let Some(stream) = stream.as_mut() {
                        answer(request, stream);
                    }
                }
            }
            true
        });
        Self { server, stream }
    }

    fn cut(&self) {
        self.stream.lock().expect("a stream").take().expect("a stream").end();
    }
}

fn answer(request: &Received, stream: &mut Wire) {
    if request.id() == "null" || request.id() == "99" {
        return;
    }
    let text = if request.method() == "initialize" { INITIALIZED } else { r#"{"old":true}"# };
    stream.event(&format!("event: message\ndata: {}", result(request, text)));
}

#[test]
fn a_server_that_refuses_the_newer_transport_is_spoken_to_in_the_older() {
    let old = Old::start();
    let mut client = Client::greeted(&old.server.url(), &["--header", "X-Key: k"]);
    assert_eq!(client.ask(&call("1.0"))["result"]["old"], true);
    let (status, stderr) = client.finish();
    assert!(status.success() && stderr.is_empty(), "{stderr}");
    let sent = old.server.wait_for(|request| request.method() == "tools/call");
    assert_eq!((sent.path.as_str(), sent.header("x-key")), ("/messages?session=0", Some("k")));
    assert_eq!(sent.header("mcp-session-id"), None);
    let verbs: Vec<String> =
        old.server.received().into_iter().map(|request| request.verb).collect();
    assert_eq!(verbs[..3], ["POST", "GET", "POST"]);
    assert!(!verbs.contains(&"DELETE".to_owned()), "{verbs:?}");
}

#[test]
fn the_transport_that_is_asked_for_is_the_only_one_tried() {
    let old = Old::start();
    let mut client = Client::greeted(&old.server.url(), &["--transport", "sse"]);
    assert_eq!(client.ask(&call("1"))["result"]["old"], true);
    assert!(
        old.server.received().iter().all(|request| request.path != "/mcp" || request.verb == "GET")
    );
    let old = Old::start();
    let mut client = Client::with(&old.server.url(), &["--transport", "stream"]);
    let answer = client.ask(&initialize(LATEST)).to_string();
    assert!(answer.contains("405") && answer.contains("use GET"), "{answer}");
    assert!(old.server.received().iter().all(|request| request.verb == "POST"));
}

#[test]
fn the_end_of_the_stream_fails_what_may_have_run_and_another_one_is_opened() {
    let old = Old::start();
    let mut client = Client::greeted(&old.server.url(), &[]);
    client
        .ask(r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}"#);
    client.send(&call("99"));
    old.server.wait_for(|request| request.id() == "99");
    old.cut();
    let answer = client.message().to_string();
    assert!(answer.contains("ended its event stream") && answer.contains("\"id\":99"), "{answer}");
    assert_eq!(client.ask(&call("2"))["result"]["old"], true);
    let again = old.server.wait_for(|request| {
        request.path == "/messages?session=1" && request.method() == "logging/setLevel"
    });
    assert!(again.body.contains("debug"), "{}", again.body);
    assert_eq!(old.server.count("tools/call"), 2, "nothing is run twice");
}

#[test]
fn messages_are_not_sent_to_another_origin() {
    let other = Server::start(|_, _| false);
    let place = format!("http://127.0.0.1:{}/messages", other.port);
    let server = Server::start(move |request, wire| {
        if request.verb != "GET" {
            wire.answer("404 Not Found", "", "");
            return true;
        }
        wire.events();
        wire.event(&format!("event: endpoint\ndata: {place}"));
        wire.hold();
        true
    });
    let mut client = Client::with(&server.url(), &["--transport", "sse", "--bearerToken", "t"]);
    let answer = client.ask(&initialize(LATEST)).to_string();
    assert!(answer.contains("not sent to another origin"), "{answer}");
    assert!(other.received().is_empty());
}
