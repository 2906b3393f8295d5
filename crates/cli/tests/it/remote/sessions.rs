//! The session with a remote server: its headers, its end, and how it is reopened.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    client::{Client, call, command},
    server::{Received, Server, Wire, result, welcome},
    support::{LATEST, initialize, wait_for},
};

#[test]
fn every_message_names_the_session_and_the_revision() {
    let server = Server::start(|_, _| false);
    let mut client = Client::greeted(&server.url(), &["--header", "X-Own: yes"]);
    client.ask(&call("1"));
    let (status, stderr) = client.finish();
    assert!(status.success() && stderr.is_empty(), "{stderr}");
    let first = server.wait_for(|request| request.method() == "initialize");
    assert_eq!((first.header("mcp-session-id"), first.header("x-own")), (None, Some("yes")));
    assert_eq!(first.header("accept"), Some("application/json, text/event-stream"));
    assert_eq!(first.header("content-type"), Some("application/json"));
    for verb in ["POST", "GET", "DELETE"] {
        let sent =
            server.wait_for(|request| request.verb == verb && request.method() != "initialize");
        assert_eq!(sent.header("mcp-session-id"), Some("s1"), "{sent:?}");
        assert_eq!(sent.header("mcp-protocol-version"), Some("2025-11-25"), "{sent:?}");
        assert_eq!(sent.header("x-own"), Some("yes"), "{sent:?}");
    }
}

#[test]
fn what_a_client_says_arrives_byte_for_byte_and_in_its_order() {
    let server = Server::start(|_, _| false);
    let mut client = Client::greeted(&server.url(), &[]);
    let odd = r#"{"id":1.50,"z":"\u00e4/\/", "method":"tools/call","params":{"n":12345678901234567890.1000},"jsonrpc":"2.0"}"#;
    client.send(odd);
    assert_eq!(client.line(), r#"{"jsonrpc":"2.0","id":1.50,"result":{"usual":true}}"#);
    for number in 0..20 {
        client.send(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"n":{number}}}}}"#
        ));
    }
    client.ask(&call("2"));
    let sent: Vec<String> = server.received().into_iter().map(|request| request.body).collect();
    assert!(sent.contains(&odd.to_owned()), "{sent:?}");
    let numbers: Vec<&String> =
        sent.iter().filter(|body| body.contains("notifications/x")).collect();
    assert!(
        numbers.is_sorted_by_key(
            |body| body.len() * 100 + usize::from(body.as_bytes()[body.len() - 3])
        )
    );
    assert_eq!(numbers.len(), 20, "all of them before the call that followed");
}

/// A server that forgets its first session as soon as it was used, and answers with `status`.
fn forgetful(status: &'static str) -> Server {
    let sessions = AtomicUsize::new(0);
    let used = Mutex::new(0);
    Server::start(move |request: &Received, wire: &mut Wire| {
        if request.verb == "GET" {
            return false;
        }
        if request.method() == "initialize" {
            let number = sessions.fetch_add(1, Ordering::Relaxed) + 1;
            welcome(request, wire, &format!("s{number}"));
            return true;
        }
        let mut used = used.lock().expect("a count");
        *used += usize::from(request.method() == "tools/call");
        let forgotten = request.header("mcp-session-id") == Some("s1") && *used > 1;
        if forgotten {
            wire.answer(status, "", "");
        }
        forgotten
    })
}

#[test]
fn a_forgotten_session_is_opened_again_with_what_was_settled_in_it() {
    for status in ["404 Not Found", "400 Bad Request"] {
        let server = forgetful(status);
        let mut client = Client::greeted(&server.url(), &[]);
        client.ask(
            r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}"#,
        );
        client.ask(
            r#"{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"x:kept"}}"#,
        );
        client.ask(
            r#"{"jsonrpc":"2.0","id":3,"method":"resources/subscribe","params":{"uri":"x:left"}}"#,
        );
        client.ask(r#"{"jsonrpc":"2.0","id":4,"method":"resources/unsubscribe","params":{"uri":"x:left"}}"#);
        client.ask(&call("5"));
        let answer = client.ask(&call("6"));
        assert_eq!(answer["result"]["usual"], true, "{status}: {answer}");
        let again: Vec<String> = server
            .received()
            .into_iter()
            .filter(|request| request.header("mcp-session-id") == Some("s2"))
            .filter(|request| request.verb == "POST")
            .map(|request| request.body)
            .collect();
        assert_eq!(again.len(), 4, "{status}: {again:#?}");
        for (body, words) in again.iter().zip(["initialized", "setLevel", "x:kept", "tools/call"]) {
            assert!(body.contains(words), "{status}: {again:#?}");
        }
        let greetings: Vec<String> = server
            .received()
            .into_iter()
            .filter(|request| request.method() == "initialize")
            .map(|request| request.body)
            .collect();
        assert_eq!(greetings, [initialize(LATEST), initialize(LATEST)], "the client's own");
    }
}

#[test]
fn a_bad_request_in_a_living_session_is_the_answer() {
    let server = Server::start(|request, wire| {
        let is_call = request.method() == "tools/call";
        if is_call {
            wire.answer("400 Bad Request", "", "no such thing");
        }
        is_call
    });
    let mut client = Client::greeted(&server.url(), &[]);
    let answer = client.ask(&call("1")).to_string();
    assert!(answer.contains("400") && answer.contains("no such thing"), "{answer}");
    assert_eq!(server.count("initialize"), 1);
}

#[test]
fn many_calls_under_a_lost_session_open_one_new_one() {
    let server = forgetful("404 Not Found");
    let mut client = Client::greeted(&server.url(), &[]);
    client.ask(&call("0"));
    for id in 1..=20 {
        client.send(&call(&id.to_string()));
    }
    for _ in 1..=20 {
        assert_eq!(client.message()["result"]["usual"], true);
    }
    assert_eq!(server.count("initialize"), 2);
}

#[test]
fn the_end_of_input_is_the_end_of_the_process_and_the_session() {
    let server = Server::start(|request, wire| {
        let is_call = request.method() == "tools/call";
        if is_call {
            wire.hold();
        }
        is_call
    });
    let mut client = Client::greeted(&server.url(), &[]);
    client.send(&call("1"));
    server.wait_for(|request| request.method() == "tools/call");
    let (status, stderr) = client.finish();
    assert!(status.success(), "{stderr}");
    server.wait_for(|request| request.verb == "DELETE");
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_need_no_threads_and_stay_as_they_are_for_their_other_holders() {
    let server = Server::start(|_, _| false);
    let mut client = Client::greeted(&server.url(), &[]);
    client.ask(&call("1"));
    let of_process = |file: &str, member: &str| {
        let path = format!("/proc/{}/{file}", client.pid());
        let text = std::fs::read_to_string(&path).expect(&path);
        let line = text.lines().find_map(|line| line.strip_prefix(member));
        line.expect("it is there").trim().to_owned()
    };
    assert_eq!(of_process("status", "Threads:"), "1");
    for stream in ["fdinfo/0", "fdinfo/1"] {
        let flags = u32::from_str_radix(&of_process(stream, "flags:"), 8).expect("octal");
        assert_eq!(flags & 0o4000, 0, "{stream} is O_NONBLOCK");
    }
}

#[test]
fn what_was_asked_before_the_end_of_input_is_still_answered() {
    let server = Server::start(|_, _| false);
    let mut client = Client::with(&server.url(), &[]);
    client.send(&initialize(LATEST));
    client.send(super::client::INITIALIZED);
    client.send(&call("1"));
    client.close();
    assert_eq!(client.message()["id"], "init");
    assert_eq!(client.message()["id"], 1);
    assert!(client.ended().success());
}

#[test]
fn a_signal_ends_the_session_and_the_process() {
    for signal in ["INT", "TERM", "HUP"] {
        let server = Server::start(|_, _| false);
        let mut client = Client::greeted(&server.url(), &[]);
        client.ask(&call("1"));
        let pid = client.pid().to_string();
        let sent = std::process::Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.expect("kill runs").success());
        assert!(client.ended().success(), "{signal}");
        server.wait_for(|request| request.verb == "DELETE");
    }
}

#[test]
fn a_client_that_closes_its_output_ends_the_process() {
    let server = Server::start(|_, _| false);
    let mut process = command()
        .arg(server.url())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(process.stdout.take());
    let mut stdin = process.stdin.take().expect("stdin is piped");
    std::io::Write::write_all(&mut stdin, format!("{}\n", initialize(LATEST)).as_bytes())
        .expect("the proxy reads");
    let status = wait_for("the proxy has ended", || process.try_wait().expect("a process"));
    assert!(status.success());
}

#[test]
fn a_line_that_is_no_message_is_answered_and_costs_nothing_else() {
    let server = Server::start(|_, _| false);
    let mut client = Client::greeted(&server.url(), &[]);
    assert_eq!(client.ask("hello")["error"]["code"], -32700);
    assert_eq!(client.ask(r#"{"jsonrpc":"2.0"}"#)["error"]["code"], -32600);
    client.send("");
    assert_eq!(client.ask(&call("1"))["id"], 1);
    client.send(&format!("[{},{}]", call("2"), call("3")));
    let answers = client.message();
    let mut ids: Vec<String> =
        answers.as_array().expect("an array").iter().map(|one| one["id"].to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["2", "3"]);
}

#[test]
fn a_cancelled_call_is_not_answered() {
    let server = Server::start(|request, wire| {
        let is_held = request.id() == "\"held\"";
        if is_held {
            wire.hold();
            wire.json(&result(request, "{}"));
        }
        is_held
    });
    let mut client = Client::greeted(&server.url(), &[]);
    client.send(&call("\"held\""));
    server.wait_for(|request| request.id() == "\"held\"");
    client.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"held","reason":"no"}}"#);
    let sent = server.wait_for(|request| request.method() == "notifications/cancelled");
    assert!(sent.body.contains(r#""requestId":"held""#), "{}", sent.body);
    assert_eq!(client.ask(&call("2"))["id"], 2);
}
