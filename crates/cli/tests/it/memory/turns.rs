//! No input delays the clients of others, however long it takes to read.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{CALL, RESULT, answering, shapes::numbered};
use crate::support::{Launch, MODERN, Proxy, Request, Sse, call};

/// Members of an object take long to read.
const MEMBERS: &str = r#""a#":1,"#;

/// Fails if others wait for most of the time that this takes: the loop has only one thread, and
/// reading the input takes most of that time.
fn assert_shared(proxy: &Proxy, what: &str, act: impl FnOnce()) {
    let done = AtomicBool::new(false);
    let (longest, whole) = thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let (mut connection, mut longest) = (proxy.connect(), Duration::ZERO);
            while !done.load(Ordering::Acquire) {
                let asked = Instant::now();
                assert_eq!(connection.exchange(&Request::get("/ping")).status, 200);
                longest = longest.max(asked.elapsed());
            }
            longest
        });
        let begun = Instant::now();
        act();
        let whole = begun.elapsed();
        done.store(true, Ordering::Release);
        (waiting.join().expect("others are served"), whole)
    });
    assert!(longest * 2 < whole, "{what}: others waited for {longest:?} of {whole:?}");
}

fn launch(launch: Launch) -> Proxy {
    launch.flags(&["--threads", "1"]).start()
}

#[test]
fn bodies_are_read_beside_the_loop() {
    let proxy = launch(Launch::new("subscribe"));
    let session = proxy.session();
    let text = numbered(CALL, MEMBERS, r#""z":1}}"#);
    assert_shared(&proxy, "a session", || drop(session.post(text.clone())));
    assert_shared(&proxy, "an array", || drop(session.post([b"[", &text[..], b"]"].concat())));
    let sse = Sse::initialized(&proxy);
    assert_shared(&proxy, "beside an event stream", || drop(sse.post(text)));
    let envelope = format!(
        r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientCapabilities":{{}},"#
    );
    let modern = numbered(&format!("{CALL}{envelope}"), MEMBERS, r#""z":1},"name":"echo"}}"#);
    let request = Request::mcp(modern)
        .header("MCP-Protocol-Version", MODERN)
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "echo");
    assert_shared(&proxy, "the newer era", || assert_eq!(proxy.send(&request).status, 200));
}

#[test]
fn lines_of_a_child_are_read_beside_the_loop() {
    let proxy = launch(Launch::new("prints"));
    let session = proxy.session();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("line");
    let print = format!(r#"{{"file":"{}"}}"#, path.display());
    for (what, line) in [
        ("members", numbered(RESULT, MEMBERS, r#""z":1}}"#)),
        ("objects that are not messages", numbered("[", r#"{"a":#},"#, "{}]")),
        ("text with braces", numbered("x", r#"{"a":#} "#, "")),
    ] {
        fs::write(&path, line).expect("a file");
        assert_shared(&proxy, what, || drop(session.post(call("0", "print", &print))));
    }
}

#[test]
fn answers_of_a_remote_server_are_read_beside_the_loop() {
    let text = numbered(RESULT, MEMBERS, r#""z":1}}"#);
    let event = [b"data: ", &text[..], b"\n\n"].concat();
    for (kind, sent) in [("application/json", text), ("text/event-stream", event)] {
        let server = answering(kind, Arc::new(Mutex::new(sent)));
        let proxy = launch(Launch::of(&[&server.url()]));
        let session = proxy.session();
        session.call("0", "other", "{}");
        assert_shared(&proxy, kind, || drop(session.post(call("1", "shape", "{}"))));
    }
}
