//! Every kind of bad input in one table: its answer, and that other clients do not notice.

use serde_json::Value;

use crate::support::{Connection, LATEST, Launch, Proxy, Request, Session, initialize};

/// The expected answer of a case.
enum Expected {
    /// A JSON-RPC error without an id.
    Error(u16, i32),
    /// This status, whatever the body.
    Status(u16),
}

use Expected::{Error, Status};

struct Case {
    what: String,
    request: Request,
    expected: Expected,
}

fn case(what: impl Into<String>, request: Request, expected: Expected) -> Case {
    Case { what: what.into(), request, expected }
}

/// Bodies that are not JSON-RPC messages.
const BODIES: [(&str, &[u8]); 42] = [
    ("empty", b""),
    ("blank", b" \r\n\t"),
    ("not JSON", b"hello"),
    ("truncated", br#"{"jsonrpc":"2.0","id":1,"method":"pi"#),
    ("two values", br#"{"jsonrpc":"2.0","id":1,"method":"ping"}{}"#),
    ("trailing comma", br#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#),
    ("single quotes", b"{'jsonrpc':'2.0','id':1,'method':'ping'}"),
    ("comment", br#"{"jsonrpc":"2.0",/**/"id":1,"method":"ping"}"#),
    ("NaN", br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":NaN}}"#),
    ("leading zero", br#"{"jsonrpc":"2.0","id":01,"method":"ping"}"#),
    ("bare plus", br#"{"jsonrpc":"2.0","id":+1,"method":"ping"}"#),
    ("unfinished number", br#"{"jsonrpc":"2.0","id":1.,"method":"ping"}"#),
    ("unfinished escape", br#"{"jsonrpc":"2.0","id":"\u12","method":"ping"}"#),
    ("unknown escape", br#"{"jsonrpc":"2.0","id":"\x41","method":"ping"}"#),
    ("raw line break in a string", b"{\"jsonrpc\":\"2.0\",\"id\":\"a\nb\",\"method\":\"ping\"}"),
    ("NUL in a string", b"{\"jsonrpc\":\"2.0\",\"id\":\"a\0b\",\"method\":\"ping\"}"),
    (
        "invalid UTF-8",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":\"\xff\"}}",
    ),
    ("overlong UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":\"\xc0\xaf\",\"method\":\"ping\"}"),
    ("UTF-8 surrogate", b"{\"jsonrpc\":\"2.0\",\"id\":\"\xed\xa0\x80\",\"method\":\"ping\"}"),
    ("UTF-16", b"\xff\xfe{\0}\0"),
    ("number", b"1"),
    ("string", br#""ping""#),
    ("null", b"null"),
    ("empty object", b"{}"),
    ("no version", br#"{"id":1,"method":"ping"}"#),
    ("version 1.0", br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#),
    ("version as a number", br#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#),
    ("method as a number", br#"{"jsonrpc":"2.0","id":1,"method":1}"#),
    ("no method", br#"{"jsonrpc":"2.0","id":1}"#),
    ("params as a string", br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#),
    ("id null", br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#),
    ("id true", br#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#),
    ("id object", br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#),
    ("id array", br#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#),
    ("result without an id", br#"{"jsonrpc":"2.0","result":{}}"#),
    (
        "result and error",
        br#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
    ),
    ("batch of a number", b"[1]"),
    ("batch in a batch", b"[[]]"),
    ("batch of an empty object", b"[{}]"),
    ("open batch", br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
    ("batch with an extra comma", br#"[{"jsonrpc":"2.0","id":1,"method":"ping"},]"#),
    ("batch with a bad id", br#"[{"jsonrpc":"2.0","id":null,"method":"ping"}]"#),
];

/// Bodies that a session refuses, and bodies that need one.
fn bodies(session: &Session<'_>) -> Vec<Case> {
    let on_session = |(what, body): (&str, &[u8])| {
        case(format!("body: {what}"), session.request(body), Error(400, -32700))
    };
    let without_session =
        |body: &str| case(format!("no session: {body}"), Request::mcp(body), Error(400, -32000));
    let (arrays, objects) = ("[".repeat(20_000), r#"{"a":"#.repeat(20_000));
    let closed = format!("{arrays}{}", "]".repeat(20_000));
    let deep = [("deep arrays", &closed), ("open arrays", &arrays), ("open objects", &objects)];
    let deep = deep.map(|(what, body)| on_session((what, body.as_bytes())));
    let alone = ["", "hello", "{}", "[]", "null", r#"[{"jsonrpc":"2.0","method":"x"}]"#];
    BODIES.into_iter().map(on_session).chain(deep).chain(alone.map(without_session)).collect()
}

/// Messages that are valid and still refused.
fn messages(session: &Session<'_>) -> Vec<Case> {
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    let oversized = format!("[{}]", vec![notification; 101].join(","));
    let nested = format!("[{},{notification}]", initialize(LATEST));
    vec![
        case("oversized batch", session.request(oversized), Error(400, -32600)),
        case("initialize in a batch", session.request(nested), Error(400, -32600)),
        case("initialize again", session.request(initialize(LATEST)), Error(400, -32600)),
        case(
            "initialize with an unknown session",
            Request::mcp(initialize(LATEST)).session("x"),
            Status(200),
        ),
    ]
}

/// Headers that cannot be used.
fn headers(session: &Session<'_>) -> Vec<Case> {
    let ping = || session.request(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    let long = "x".repeat(8000);
    let mut cases = Vec::new();
    for id in ["unknown", "../../etc", "\"", "a b", "%00", "null", "caf\u{e9}", &long] {
        let short = &id[..id.len().min(20)];
        cases.push(case(format!("session {short}"), ping().session(id), Error(404, -32001)));
        let listen = Request::listen(id);
        cases.push(case(format!("GET of session {short}"), listen, Error(404, -32001)));
        let delete = Request::new("DELETE", "/mcp").session(id);
        cases.push(case(format!("DELETE of session {short}"), delete, Error(404, -32001)));
        let message = Request::post(&format!("/messages?sessionId={}", id.replace(' ', "+")), "{}");
        if id.is_ascii() && !id.contains('"') {
            cases.push(case(format!("SSE session {short}"), message, Status(400)));
        }
    }
    let twice = ping().and_header("Mcp-Session-Id", "other");
    cases.push(case("two session ids", twice, Error(404, -32001)));
    for version in ["2023-01-01", "1", "2025-11-2", "2025-11-25, 2025-06-18", "\u{e9}"] {
        let request = ping().header("Mcp-Protocol-Version", version);
        cases.push(case(format!("version {version}"), request, Error(400, -32000)));
    }
    for last in ["x", "_", "1", "0_99999", "-1_-1", "1_999999999999999999999999", &long] {
        let request = session.listening().header("Last-Event-ID", last);
        let short = &last[..last.len().min(20)];
        cases.push(case(format!("Last-Event-ID {short}"), request, Error(400, -32000)));
    }
    for accept in ["", "*/*", "application", "\u{e9}", ",,;;=="] {
        let request = ping().header("Accept", accept);
        cases.push(case(format!("Accept {accept}"), request, Status(200)));
    }
    for accept in ["text/html", "application/x", "*/*;q=0", "image/*, application/xml"] {
        let request = ping().header("Accept", accept);
        cases.push(case(format!("Accept {accept}"), request, Error(406, -32000)));
    }
    for kind in ["", ";", "application/jso", "text/html", "\u{e9}", "application/json/x"] {
        let request = ping().header("Content-Type", kind);
        cases.push(case(format!("Content-Type {kind}"), request, Error(415, -32000)));
    }
    for origin in ["null", "x", "http://", "http://a b", "\u{e9}", "javascript:alert(1)", ""] {
        let request = ping().header("Origin", origin);
        cases.push(case(format!("Origin {origin}"), request, Status(200)));
    }
    cases
}

/// Targets that do not exist.
fn targets() -> Vec<Case> {
    let long = format!("/{}", "x".repeat(20_000));
    let mut cases: Vec<Case> = [
        "/../../etc/passwd",
        "/mcp/../..",
        "/mcp%00",
        "/mcp%2f",
        "/%",
        "/%zz",
        "/mcp/..%2f",
        "/messages/../mcp%20",
        "/\u{e9}",
        "/sse/x",
        &long,
    ]
    .map(|target| {
        let short: String = target.chars().take(30).collect();
        case(format!("target {short}"), Request::get(target), Status(404))
    })
    .into();
    cases.push(case("POST /messages", Request::post("/messages", "{}"), Status(400)));
    cases.push(case("target //", Request::get("//"), Status(400)));
    cases
}

/// Bytes that are not an HTTP/1.1 request: the answer is a 4xx, or the connection ends without one.
fn bytes() -> Vec<(&'static str, Vec<u8>)> {
    let head = b"POST /mcp HTTP/1.1\r\nHost: x\r\nAccept: application/json, text/event-stream\r\n\
        Content-Type: application/json\r\n";
    let with = |rest: &[u8]| [&head[..], rest].concat();
    vec![
        ("noise", b"\0\x01\x02\xff\xfe\r\n\r\n".to_vec()),
        ("words", b"hello proxy, how are you\r\n\r\n".to_vec()),
        ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("HTTP/3", b"GET /ping HTTP/3.0\r\nHost: x\r\n\r\n".to_vec()),
        ("no target", b"GET\r\nHost: x\r\n\r\n".to_vec()),
        ("header without a colon", b"GET /ping HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n".to_vec()),
        ("blank in a header name", b"GET /ping HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n".to_vec()),
        ("NUL in a header", b"GET /ping HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n".to_vec()),
        ("negative length", with(b"Content-Length: -1\r\n\r\n")),
        ("length in words", with(b"Content-Length: ten\r\n\r\n")),
        ("two lengths", with(b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}1")),
        ("unknown coding", with(b"Transfer-Encoding: rot13\r\n\r\n{}")),
        ("bad chunk size", with(b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")),
        ("endless chunk size", with(b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n")),
        ("a megabyte of header", with(&[&b"A: "[..], &[b'a'; 1 << 20], b"\r\n\r\n"].concat())),
    ]
}

#[test]
fn bad_input_gets_its_answer_and_nobody_else_notices() {
    let proxy = Launch::new("echo").start();
    let (session, other) = (proxy.session(), proxy.session());
    let mut failures = Vec::new();
    let tables = [bodies(&session), messages(&session), headers(&session), targets()];
    for case in tables.into_iter().flatten() {
        if let Err(reason) = judge(&proxy, &case) {
            failures.push(format!("{}: {reason}", case.what));
        }
        other.assert_healthy();
    }
    for (what, bytes) in bytes() {
        let answer = answer_to(proxy.connect(), &bytes);
        if !answer.is_empty() && !answer.starts_with("HTTP/1.1 4") {
            failures.push(format!("{what}: {answer}"));
        }
        other.assert_healthy();
    }
    session.assert_healthy();
    let finished = proxy.terminate();
    assert!(failures.is_empty(), "{failures:#?}");
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
}

fn judge(proxy: &Proxy, case: &Case) -> Result<(), String> {
    let answer = proxy.send(&case.request);
    let text = || String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
    match case.expected {
        Status(status) if answer.status == status => Ok(()),
        Status(status) => Err(format!("{} for {status}: {}", answer.status, text())),
        Error(status, code) => {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let error = &body["error"];
            let fits = answer.status == status
                && error["code"] == code
                && error["message"].is_string()
                && body["id"].is_null()
                && body["jsonrpc"] == "2.0";
            if fits { Ok(()) } else { Err(format!("{} for {status}: {}", answer.status, text())) }
        }
    }
}

/// Everything until the peer closes; it may close before it has read everything.
fn answer_to(mut connection: Connection, bytes: &[u8]) -> String {
    connection.try_write(bytes);
    String::from_utf8_lossy(&connection.rest()).chars().take(200).collect()
}

#[test]
fn clients_that_leave_in_the_middle_are_forgotten() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let whole = session.request(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).bytes();
    for end in (1..whole.len()).step_by(7) {
        proxy.connect().write(&whole[..end]);
    }
    session.assert_healthy();
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
}
