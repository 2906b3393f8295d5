//! Sessions that a server loses: what is sent in the new one, in which order, and how often.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    client::{Client, call},
    server::{Received, Server, Wire, result, welcome},
    support::wait_for,
};

/// A server that answers nothing in a session before `initialized`, like those of the Python and
/// the Rust SDK.
#[derive(Default)]
struct Strict {
    opened: AtomicUsize,
    /// Sessions before this one are forgotten.
    oldest: AtomicUsize,
    stream: Mutex<Option<Wire>>,
}

impl Strict {
    fn start() -> (Arc<Self>, Server) {
        let strict: Arc<Self> = Arc::default();
        let script = Arc::clone(&strict);
        let introduced = Mutex::new(Vec::new());
        let server = Server::start(move |request: &Received, wire: &mut Wire| {
            if request.method() == "initialize" {
                let number = script.opened.fetch_add(1, Ordering::SeqCst) + 1;
                welcome(request, wire, &number.to_string());
                return true;
            }
            let session: usize =
                request.header("mcp-session-id").and_then(|id| id.parse().ok()).unwrap_or(0);
            if session <= script.oldest.load(Ordering::SeqCst) {
                wire.answer("404 Not Found", "", "");
                return true;
            }
            if request.verb == "GET" {
                wire.events();
                *script.stream.lock().expect("a stream") = Some(wire.share());
                wire.hold();
                return true;
            }
            let mut introduced = introduced.lock().expect("sessions");
            if request.method() == "notifications/initialized" {
                introduced.push(session);
            } else if request.verb == "POST" && !introduced.contains(&session) {
                let text = r#"{"code":-32602,"message":"Received request before initialization was complete"}"#;
                wire.json(&format!(r#"{{"jsonrpc":"2.0","id":{},"error":{text}}}"#, request.id()));
                return true;
            }
            false
        });
        (strict, server)
    }

    /// Forgets every session, and ends the stream of the last.
    fn forget(&self) {
        self.oldest.store(self.opened.load(Ordering::SeqCst), Ordering::SeqCst);
        if let Some(stream) = self.stream.lock().expect("a stream").take() {
            stream.end();
        }
    }

    fn wait_for_stream(&self) {
        wait_for("a standing stream", || {
            self.stream.lock().expect("a stream").is_some().then_some(())
        });
    }
}

/// What was sent in each session, in order; methods and verbs.
fn said(server: &Server, session: usize) -> Vec<String> {
    let named = session.to_string();
    let of_session = server
        .received()
        .into_iter()
        .filter(|request| request.header("mcp-session-id") == Some(&named));
    let shown = |request: Received| {
        if request.method().is_empty() { request.verb } else { request.method() }
    };
    of_session.map(shown).collect()
}

#[test]
fn a_session_that_the_standing_stream_misses_is_introduced_once_and_before_anything_else() {
    let (strict, server) = Strict::start();
    let mut client = Client::greeted(&server.url(), &[]);
    for session in 1..=6 {
        strict.wait_for_stream();
        let first = said(&server, session).into_iter().next();
        assert_eq!(first.as_deref(), Some("notifications/initialized"), "session {session}");
        strict.forget();
    }
    strict.wait_for_stream();
    for id in 1..=3 {
        let answer = client.ask(&call(&id.to_string()));
        assert!(answer["result"].is_object(), "{answer}");
    }
    for session in 1..=7 {
        let said = said(&server, session);
        let introductions = said.iter().filter(|method| *method == "notifications/initialized");
        assert_eq!(introductions.count(), 1, "session {session}: {said:?}");
    }
}

#[test]
fn a_session_that_many_calls_miss_together_is_introduced_once_and_before_them() {
    let (strict, server) = Strict::start();
    let mut client = Client::greeted(&server.url(), &[]);
    for session in 1..=5 {
        strict.wait_for_stream();
        strict.forget();
        for id in 0..12 {
            client.send(&call(&format!("\"{session}-{id}\"")));
        }
        for _ in 0..12 {
            let answer = client.message();
            assert!(answer["result"].is_object(), "session {session}: {answer}");
        }
        let newest = strict.opened.load(Ordering::SeqCst);
        let said = said(&server, newest);
        assert_eq!(said.first().map(String::as_str), Some("notifications/initialized"), "{said:?}");
        let count = said.iter().filter(|method| *method == "notifications/initialized").count();
        assert_eq!(count, 1, "{said:?}");
    }
}

#[test]
fn a_session_that_is_lost_before_the_client_introduces_itself_is_introduced_once() {
    let (strict, server) = Strict::start();
    let mut client = Client::with(&server.url(), &[]);
    let answer = client.ask(&super::support::initialize(super::support::LATEST));
    assert!(answer["result"].is_object(), "{answer}");
    strict.forget();
    client.send(super::client::INITIALIZED);
    let answer = client.ask(&call("1"));
    assert!(answer["result"].is_object(), "{answer}");
    strict.wait_for_stream();
    assert_eq!(
        said(&server, 2).iter().filter(|said| *said == "notifications/initialized").count(),
        1
    );
    assert_eq!(said(&server, 2).iter().filter(|said| *said == "GET").count(), 1);
}

#[test]
fn an_idle_session_is_pinged_and_a_lost_one_is_opened_again_by_that() {
    let (strict, server) = Strict::start();
    let _client =
        Client::greeted(&server.url(), &["--pingInterval", "20", "--pingTimeout", "5000"]);
    server.wait_for(|request| request.method() == "ping");
    strict.oldest.store(1, Ordering::SeqCst);
    server.wait_for(|request| {
        request.method() == "ping" && request.header("mcp-session-id") == Some("2")
    });
    assert_eq!(said(&server, 2)[0], "notifications/initialized");
}

#[test]
fn what_a_server_answers_to_a_ping_is_not_passed_on() {
    let server = Server::start(|request, wire| {
        let is_ping = request.method() == "ping";
        if is_ping {
            wire.json(&result(request, "{}"));
        }
        is_ping
    });
    let mut client = Client::greeted(&server.url(), &["--pingInterval", "10"]);
    wait_for("some pings", || (server.count("ping") > 3).then_some(()));
    assert_eq!(client.ask(&call("1"))["id"], 1);
}
