//! A remote server that changes its era, as after an update.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::json;

use super::{
    client::{Client, call},
    modern::{body, refuse, usually},
    server::{Received, Server, Wire},
    support::{Launch, Modern, call as tool_call},
};

const SET_LEVEL: &str =
    r#"{"jsonrpc":"2.0","id":"l","method":"logging/setLevel","params":{"level":"error"}}"#;

/// A server of one era at a time, and the switch: on means 2026-07-28.
struct Turning {
    server: Server,
    modern: Arc<AtomicBool>,
    /// Calls that it has run.
    runs: Arc<AtomicUsize>,
}

impl Turning {
    fn start(modern: bool) -> Self {
        let modern = Arc::new(AtomicBool::new(modern));
        let runs = Arc::new(AtomicUsize::new(0));
        let server = Server::start({
            let (modern, runs) = (Arc::clone(&modern), Arc::clone(&runs));
            move |request, wire| {
                let newer = modern.load(Ordering::SeqCst);
                let takes = if newer { speaks_newer(request) } else { in_session(request) };
                // Noted before the answer, which is what a test waits for.
                let runs_it = takes && request.method() == "tools/call";
                runs.fetch_add(usize::from(runs_it), Ordering::SeqCst);
                if newer { as_modern(request, wire) } else { as_legacy(request, wire) }
            }
        });
        Self { server, modern, runs }
    }

    fn turn(&self) {
        self.modern.fetch_xor(true, Ordering::SeqCst);
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

fn speaks_newer(request: &Received) -> bool {
    request.body.contains("io.modelcontextprotocol/protocolVersion")
}

fn in_session(request: &Received) -> bool {
    request.header("mcp-session-id").is_some()
}

fn as_modern(request: &Received, wire: &mut Wire) -> bool {
    if request.verb != "POST" {
        wire.answer("405 Method Not Allowed", "", "");
    } else if speaks_newer(request) {
        usually(request, wire);
    } else {
        let error = r#"{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}"#;
        refuse(request, wire, error);
    }
    true
}

fn as_legacy(request: &Received, wire: &mut Wire) -> bool {
    let early = !in_session(request) && request.method() != "initialize";
    let refused = request.verb == "POST" && early;
    if refused {
        let error = r#"{"code":-32000,"message":"Bad Request: Server not initialized"}"#;
        refuse(request, wire, error);
    }
    refused
}

fn assert_called(client: &mut Client, id: &str) {
    let answer = client.ask(&call(id));
    assert!(answer["result"].is_object(), "{answer}");
}

#[test]
fn a_client_goes_on_when_its_server_begins_to_speak_the_newer_era() {
    let turning = Turning::start(false);
    let mut client = Client::greeted(&turning.server.url(), &[]);
    client.ask(SET_LEVEL);
    assert_called(&mut client, "1");
    turning.turn();
    assert_called(&mut client, "2");
    assert_called(&mut client, "3");
    assert_eq!(turning.runs(), 3, "nothing is run twice");
    let sent = turning.server.received();
    let last = sent.iter().rfind(|sent| sent.method() == "tools/call").expect("a call");
    let meta = &body(last)["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/logLevel"], "error", "what was settled goes along");
    assert_eq!(turning.server.count("server/discover"), 1);
}

#[test]
fn a_client_goes_on_when_its_server_begins_to_speak_the_older_era() {
    let turning = Turning::start(true);
    let mut client = Client::greeted(&turning.server.url(), &[]);
    client.ask(SET_LEVEL);
    assert_called(&mut client, "1");
    turning.turn();
    assert_called(&mut client, "2");
    assert_called(&mut client, "3");
    assert_eq!(turning.runs(), 3, "nothing is run twice");
    let sent = turning.server.received();
    let settled = |sent: &&Received| {
        sent.method() == "logging/setLevel" && sent.header("mcp-session-id").is_some()
    };
    assert_eq!(sent.iter().filter(settled).count(), 1, "{sent:#?}");
    let settles = sent.iter().position(|sent| settled(&sent));
    let calls = sent.iter().position(|sent| sent.method() == "tools/call" && in_session(sent));
    assert!(settles < calls, "first what was settled, then the call: {sent:#?}");
    let last = sent.iter().rfind(|sent| sent.method() == "initialize").expect("a handshake");
    assert_eq!(body(last)["params"]["clientInfo"]["name"], "wire", "the client's own");
    turning.server.wait_for(|sent| sent.method() == "notifications/initialized");
}

#[test]
fn a_server_may_turn_again_and_again_and_calls_may_overlap() {
    let turning = Turning::start(false);
    let mut client = Client::greeted(&turning.server.url(), &[]);
    for round in 0..4 {
        for number in 0..5 {
            client.send(&call(&format!("\"{round}.{number}\"")));
        }
        let mut answered: Vec<String> = (0..5)
            .map(|_| {
                let answer = client.message();
                assert!(answer["result"].is_object(), "{answer}");
                answer["id"].as_str().expect("an id").to_owned()
            })
            .collect();
        answered.sort();
        let expected: Vec<String> = (0..5).map(|number| format!("{round}.{number}")).collect();
        assert_eq!(answered, expected);
        turning.turn();
    }
    assert_eq!(turning.runs(), 20);
}

#[test]
fn clients_of_the_newer_era_go_on_too() {
    let turning = Turning::start(true);
    let proxy = Launch::of(&[&turning.server.url()]).start();
    for round in 1..4 {
        let answer = Modern::call("x", "{}").send(&proxy).json();
        assert_eq!(answer["result"]["resultType"], "complete", "round {round}: {answer}");
        assert_eq!(turning.runs(), round);
        turning.turn();
        if round == 2 {
            // A leased session of the older era is lost with its call; the next call notices that.
            let lost = Modern::call("x", "{}").send(&proxy).json();
            assert_eq!(lost["error"]["code"], -32022, "{lost}");
        }
    }
}

#[test]
fn sessions_of_several_clients_turn_with_their_server() {
    let turning = Turning::start(false);
    let proxy = Launch::of(&[&turning.server.url()]).start();
    let (one, other) = (proxy.session(), proxy.session());
    for round in 0..3 {
        for session in [&one, &other] {
            let answer = session.post(tool_call("1", "x", "{}")).message();
            assert!(answer.contains("\"result\""), "round {round}: {answer}");
        }
        turning.turn();
    }
    assert_eq!(turning.runs(), 6);
}

#[test]
fn a_server_that_refuses_in_every_era_is_not_asked_for_ever() {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&broken);
    let server = Server::start(move |request, wire| {
        let refused = switch.load(Ordering::SeqCst) && request.verb == "POST";
        if refused {
            refuse(request, wire, r#"{"code":-32022,"message":"never","data":{"supported":[]}}"#);
        }
        refused
    });
    let mut client = Client::greeted(&server.url(), &[]);
    assert_called(&mut client, "1");
    broken.store(true, Ordering::SeqCst);
    let answer = client.ask(&call("2"));
    assert_eq!((&answer["id"], answer.get("result")), (&json!(2), None), "{answer}");
    assert!(answer["error"]["message"].is_string(), "{answer}");
    assert!(server.received().len() < 20, "{:#?}", server.received());
    broken.store(false, Ordering::SeqCst);
    assert_called(&mut client, "3");
}
