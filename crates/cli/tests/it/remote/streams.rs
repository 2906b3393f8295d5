//! Event streams of a remote server: unsolicited messages, resumption, questions, large and slow
//! ones.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use super::{
    client::{Client, call, command},
    server::{Received, Server, Wire, result},
    support::{LATEST, initialize},
};

fn note(text: &str) -> String {
    format!(r#"data: {{"jsonrpc":"2.0","method":"notifications/x","params":{{"text":"{text}"}}}}"#)
}

#[test]
fn unasked_messages_arrive_and_their_stream_is_resumed_where_it_ended() {
    let streams = AtomicUsize::new(0);
    let server = Server::start(move |request, wire| {
        if request.verb != "GET" {
            return false;
        }
        wire.events();
        match streams.fetch_add(1, Ordering::Relaxed) {
            0 => wire.event(&format!("retry: 20\nid: one\n{}", note("first"))),
            1 => {
                wire.event(&format!("id: two\nevent: message\n{}", note("second")));
                wire.hold();
            }
            _ => wire.hold(),
        }
        true
    });
    let mut client = Client::greeted(&server.url(), &[]);
    assert_eq!(client.message()["params"]["text"], "first");
    assert_eq!(client.message()["params"]["text"], "second");
    let resumed = server.wait_for(|request| request.header("last-event-id").is_some());
    assert_eq!(resumed.header("last-event-id"), Some("one"));
    assert_eq!(resumed.header("accept"), Some("text/event-stream"));
    assert_eq!(server.received().iter().filter(|request| request.verb == "GET").count(), 2);
}

#[test]
fn a_call_whose_stream_ends_early_is_read_on_after_the_pause_and_not_sent_again() {
    const RETRY: Duration = Duration::from_millis(300);
    let ended = Arc::new(Mutex::new(None));
    let came = Arc::new(Mutex::new(None));
    let times = (Arc::clone(&ended), Arc::clone(&came));
    let server = Server::start(move |request, wire| match request.header("last-event-id") {
        Some(last) => {
            assert_eq!(last, "p-1");
            *came.lock().expect("a time") = Some(Instant::now());
            wire.events();
            wire.event("id: p-2\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"late\":true}}");
            true
        }
        None if request.method() == "tools/call" => {
            wire.events();
            wire.event("id: p-1\nretry: 300\ndata: ");
            *ended.lock().expect("a time") = Some(Instant::now());
            true
        }
        None => false,
    });
    let mut client = Client::greeted(&server.url(), &[]);
    let answer = client.ask(&call("1"));
    assert_eq!(answer["result"]["late"], true, "{answer}");
    assert_eq!(server.count("tools/call"), 1);
    let (ended, came) = (times.0.lock().expect("a time"), times.1.lock().expect("a time"));
    let waited = came.expect("it came").duration_since(ended.expect("it ended"));
    assert!(waited + Duration::from_millis(50) >= RETRY, "{waited:?}");
}

#[test]
fn a_question_reaches_the_client_and_its_answer_the_server() {
    let answered = Arc::new(Mutex::new(None::<mpsc::Receiver<String>>));
    let (tell, told) = mpsc::channel();
    *answered.lock().expect("a channel") = Some(told);
    let tell = Mutex::new(tell);
    let server = Server::start(move |request, wire| {
        if request.body.contains(r#""id":"q""#) {
            tell.lock().expect("a channel").send(request.body.clone()).expect("somebody waits");
            wire.answer("202 Accepted", "", "");
            return true;
        }
        if request.method() != "tools/call" {
            return false;
        }
        wire.events();
        wire.event(r#"data: {"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{"n":1.0}}"#);
        let told = answered.lock().expect("a channel").take().expect("one call");
        let answer = told.recv().expect("an answer");
        wire.event(&format!("data: {}", result(request, &answer)));
        true
    });
    let mut client = Client::greeted(&server.url(), &[]);
    client.send(&call("7"));
    assert_eq!(
        client.line(),
        r#"{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{"n":1.0}}"#
    );
    let own = r#"{"id":"q","jsonrpc":"2.0","result":{"model":"m","x":1e2}}"#;
    client.send(own);
    assert_eq!(client.line(), format!(r#"{{"jsonrpc":"2.0","id":7,"result":{own}}}"#));
}

#[test]
fn a_large_message_crosses_unchanged_and_one_too_large_fails_its_call() {
    let text = "x\\u00e4\\/".repeat(1024 * 1024);
    let body = text.clone();
    let server = Server::start(move |request, wire| {
        let is_call = request.method() == "tools/call";
        if is_call {
            wire.events();
            wire.event(&format!("data: {}", result(request, &format!("\"{body}\""))));
        }
        is_call
    });
    let mut client = Client::greeted(&server.url(), &[]);
    client.send(&call("1"));
    assert!(client.line() == format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{text}"}}"#));
    let mut client = Client::greeted(&server.url(), &["--maxLineSize", "4096"]);
    let answer = client.ask(&call("1")).to_string();
    assert!(answer.contains("more than 4096 bytes (--maxLineSize)"), "{answer}");
}

/// More than the proxy ever buffers for a client.
const FLOOD: u64 = 96 * 1024 * 1024;

#[test]
fn a_client_that_does_not_read_stops_the_server_and_loses_nothing() {
    let (blocked, unblocked) = (Arc::new(AtomicBool::new(false)), mpsc::channel());
    let (stalled, sent) = (Arc::clone(&blocked), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&sent);
    let tell = Mutex::new(unblocked.0);
    let server = Server::start(move |request: &Received, wire: &mut Wire| {
        if request.method() != "tools/call" {
            return false;
        }
        let tell = tell.lock().expect("a channel").clone();
        wire.events();
        flood(wire, &stalled, &count, &tell);
        wire.event(&format!("data: {}", result(request, "{}")));
        true
    });
    let mut process = command()
        .arg(server.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = process.stdin.take().expect("stdin is piped");
    let lines = [&initialize(LATEST), super::client::INITIALIZED, &call("1")].join("\n");
    stdin.write_all(format!("{lines}\n").as_bytes()).expect("the proxy reads");
    unblocked.1.recv().expect("the server waits or is done");
    assert!(blocked.load(Ordering::Relaxed), "nothing held the server back");
    let mut notes = 0;
    for line in BufReader::new(process.stdout.take().expect("stdout is piped")).lines() {
        let line = line.expect("a line");
        notes += u64::from(line.contains("notifications/x"));
        if line.contains(r#""id":1,"#) {
            break;
        }
    }
    assert_eq!(notes, sent.load(Ordering::Relaxed));
    drop(stdin);
    assert!(process.wait().expect("a process").success());
}

/// Writes notifications until there are enough; reports once when it cannot write for a while.
fn flood(wire: &mut Wire, stalled: &AtomicBool, count: &AtomicU64, tell: &mpsc::Sender<()>) {
    let event = format!("{}\n\n", note(&"y".repeat(64 * 1024)));
    let mut written = 0;
    let tell_of_stall = || {
        stalled.store(true, Ordering::Relaxed);
        tell.send(()).expect("the test waits");
    };
    while written < FLOOD && wire.write_all_and_tell(event.as_bytes(), tell_of_stall) {
        written += event.len() as u64;
        count.fetch_add(1, Ordering::Relaxed);
    }
    tell.send(()).expect("the test waits");
}
