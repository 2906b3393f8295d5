//! Faults of a remote server, and the errors for its client.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    client::{Client, call},
    server::{Received, Server, Wire, result},
    support::{LATEST, initialize},
};

/// A way to answer a call.
type Script = fn(&Received, &mut Wire);

/// Statuses with headers and body, and the error that a client gets for a call with this answer.
type Status = (&'static str, &'static str, &'static str, &'static [&'static str]);

const HTML: &str = "<html><body>Sign in</body></html>";

const STATUSES: &[Status] = &[
    ("200 OK", "Content-Type: text/html\r\n", HTML, &["text/html", "Sign in"]),
    ("200 OK", "", "hello", &["no content type", "hello"]),
    (
        "200 OK",
        "Content-Type: application/json\r\n",
        "{\"jsonrpc\":",
        &["not a message", "not JSON"],
    ),
    ("202 Accepted", "", "", &["no answer"]),
    ("302 Found", "Location: /login\r\n", "", &["redirects to http://127.0.0.1"]),
    (
        "307 Temporary Redirect",
        "Location: http://elsewhere.test/mcp?secret=1\r\n",
        "",
        &["redirects to http://elsewhere.test/mcp", "credentials are not sent"],
    ),
    (
        "400 Bad Request",
        "Content-Type: application/json\r\n",
        r#"{"jsonrpc":"2.0","error":{"code":-32123,"message":"own words"}}"#,
        &["-32123", "own words"],
    ),
    ("401 Unauthorized", "", "who are you", &["401", "--bearerToken", "who are you"]),
    ("403 Forbidden", "", "", &["403 Forbidden"]),
    ("429 Too Many Requests", "Retry-After: 4000\r\n", "", &["429"]),
    ("500 Internal Server Error", "", "oops", &["500", "oops"]),
    ("502 Bad Gateway", "", "", &["502", "not known whether the call ran"]),
    ("503 Service Unavailable", "", "", &["503"]),
];

/// The same for answers that are not HTTP or MCP answers.
const BREAKS: &[(Script, &[&str])] = &[
    (|_, wire| wire.half_close(), &["closed the connection", "not known whether the call ran"]),
    (
        |_, wire| {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
            wire.raw(&format!("{head}Content-Length: 900\r\n\r\n{{"));
        },
        &["during its answer"],
    ),
    (|_, wire| send_event(wire, ": nothing else"), &["ended its answer without a response"]),
    (|_, wire| send_event(wire, "data: nonsense"), &["not a message", "nonsense"]),
];

fn send_event(wire: &mut Wire, line: &str) {
    wire.events();
    wire.event(line);
}

/// A client whose call gets this answer sees this error once, and is served afterwards.
fn assert_failed_once(
    script: impl Fn(&Received, &mut Wire) + Send + Sync + 'static,
    says: &[&str],
) {
    let server = Server::start(move |request, wire| {
        let is_call = request.method() == "tools/call";
        if is_call {
            script(request, wire);
        }
        is_call
    });
    let mut client = Client::greeted(&server.url(), &[]);
    let answer = client.ask(&call("\"a\""));
    let text = answer.to_string();
    assert_eq!(answer["id"], "a", "{text}");
    for words in says {
        assert!(answer["error"].is_object() && text.contains(words), "{says:?}: {text}");
    }
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(server.count("tools/call"), 1, "{says:?}");
    let usual = client.ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    assert_eq!(usual["result"]["usual"], true, "{says:?}: {usual}");
    let (status, stderr) = client.finish();
    assert!(status.success(), "{says:?}: {stderr}");
}

#[test]
fn a_call_that_cannot_be_repeated_fails_once_and_says_why() {
    for &(status, headers, body, says) in STATUSES {
        assert_failed_once(move |_, wire| wire.answer(status, headers, body), says);
    }
    for &(script, says) in BREAKS {
        assert_failed_once(script, says);
    }
}

/// Fails the first two times, then serves.
fn twice(method: &'static str, fault: Script) -> Server {
    let failed = AtomicUsize::new(0);
    Server::start(move |request, wire| {
        if request.method() != method || failed.fetch_add(1, Ordering::Relaxed) >= 2 {
            return false;
        }
        fault(request, wire);
        true
    })
}

#[test]
fn a_call_that_changes_nothing_is_sent_again() {
    for fault in [
        (|_: &Received, wire: &mut Wire| wire.half_close()) as Script,
        |_, wire| wire.answer("502 Bad Gateway", "", ""),
        |_, wire| wire.answer("503 Service Unavailable", "", ""),
        |_, wire| wire.events(),
    ] {
        let server = twice("tools/list", fault);
        let mut client = Client::greeted(&server.url(), &[]);
        let answer = client.ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        assert_eq!(answer["result"]["usual"], true, "{answer}");
        assert_eq!(server.count("tools/list"), 3);
    }
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let server = twice("tools/call", |_, wire| {
        wire.answer("429 Too Many Requests", "Retry-After: 1\r\n", "");
    });
    let mut client = Client::greeted(&server.url(), &[]);
    let began = Instant::now();
    let answer = client.ask(&call("1"));
    assert_eq!(answer["result"]["usual"], true, "{answer}");
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(server.count("tools/call"), 3);
}

#[test]
fn a_redirect_to_the_same_origin_is_followed_with_everything() {
    let server = Server::start(|request, wire| {
        if request.path == "/mcp" {
            wire.answer("307 Temporary Redirect", "Location: /mcp/\r\n", "");
        }
        request.path == "/mcp"
    });
    let mut client = Client::greeted(&server.url(), &["--bearerToken", "t"]);
    let answer = client.ask(&call("1"));
    assert_eq!(answer["result"]["usual"], true, "{answer}");
    let sent =
        server.wait_for(|request| request.path == "/mcp/" && request.method() == "tools/call");
    assert_eq!(sent.header("authorization"), Some("Bearer t"));
    assert_eq!(sent.header("mcp-session-id"), Some("s1"));
}

#[test]
fn credentials_stay_with_the_origin_they_are_for() {
    let other = Server::start(|_, _| false);
    let location = format!("Location: {}\r\n", other.url());
    let server = Server::start(move |_, wire| {
        wire.answer("308 Permanent Redirect", &location, "");
        true
    });
    let mut client = Client::with(&server.url(), &["--bearerToken", "t", "--header", "X-Key: k"]);
    let answer = client.ask(&initialize(LATEST)).to_string();
    assert!(answer.contains(&other.url()), "{answer}");
    assert!(other.received().is_empty(), "{:?}", other.received());
    let (status, _) = client.finish();
    assert_eq!(status.code(), Some(1), "the server was never reached");
}

#[test]
fn a_call_waits_for_a_server_that_is_not_there_yet() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut client = Client::of(&format!("http://{address}/mcp"));
    client.send(&initialize(LATEST));
    let started = thread::spawn(move || {
        // The first attempt finds no server: its refusal makes the client wait.
        let listener = loop {
            if let Ok(listener) = TcpListener::bind(address) {
                break listener;
            }
        };
        Server::serve(listener, Arc::new(|_: &Received, _: &mut Wire| false))
    });
    assert_eq!(client.message()["result"]["serverInfo"]["name"], "scripted");
    drop(started.join());
}

#[test]
fn a_server_that_never_comes_is_told_of_and_ends_with_code_1() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut client = Client::with(&format!("http://{address}/mcp"), &["--restartWait", "200"]);
    let answer = client.ask(&initialize(LATEST)).to_string();
    assert!(answer.contains("cannot connect to") && answer.contains("refused"), "{answer}");
    let (status, stderr) = client.finish();
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("the proxy ends: cannot connect to"), "{stderr}");
}

#[test]
fn a_silent_server_costs_the_call_and_is_told_so() {
    let server = Server::start(|request, wire| {
        let is_call = request.method() == "tools/call";
        if is_call {
            wire.hold();
        }
        is_call
    });
    let mut client = Client::greeted(&server.url(), &["--requestTimeout", "300"]);
    let answer = client.ask(&call("\"slow\""));
    assert_eq!(answer["error"]["message"], "Request timed out", "{answer}");
    let cancelled = server.wait_for(|request| request.method() == "notifications/cancelled");
    assert!(cancelled.body.contains(r#""requestId":"slow""#), "{}", cancelled.body);
}

#[test]
fn progress_keeps_a_slow_call_alive() {
    let server = Server::start(|request, wire| {
        if request.method() != "tools/call" {
            return false;
        }
        wire.events();
        // Together more than the limit, each a tenth of it.
        for step in 0..12 {
            thread::sleep(Duration::from_millis(250));
            wire.event(&format!(
                r#"data: {{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":"t","progress":{step}}}}}"#
            ));
        }
        wire.event(&format!("data: {}", result(request, "{}")));
        true
    });
    let mut client = Client::greeted(&server.url(), &["--requestTimeout", "2500"]);
    client.send(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":"t"}}}"#,
    );
    for step in 0..12 {
        assert_eq!(client.message()["params"]["progress"], step);
    }
    assert_eq!(client.message()["id"], 1);
}

#[test]
fn a_handshake_without_an_answer_ends_in_time() {
    let server = Server::start(|_, wire| {
        wire.hold();
        true
    });
    let mut client = Client::with(&server.url(), &["--connectionTimeout", "300"]);
    let answer = client.ask(&initialize(LATEST)).to_string();
    assert!(answer.contains("within 300 ms (--connectionTimeout)"), "{answer}");
    assert_eq!(server.count("initialize"), 1, "it may still be running");
}
