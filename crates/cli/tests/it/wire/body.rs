//! The limit of request bodies.

use crate::support::{Launch, Proxy, Request, Response, call};

const LIMIT: usize = 4096;

fn limited() -> Proxy {
    Launch::new("echo").flag("--maxBodySize", LIMIT.to_string()).start()
}

/// A call whose body has exactly this length.
fn sized(bytes: usize) -> String {
    let empty = call("1", "echo", r#"{"text":""}"#).len();
    call("1", "echo", &format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes - empty)))
}

fn assert_too_large(answer: &Response) {
    assert_eq!(answer.status, 413, "{}", answer.text());
    let json = answer.json();
    assert_eq!(json["error"]["code"], -32600);
    let message = format!("Payload Too Large: request body exceeds {LIMIT} bytes");
    assert_eq!(json["error"]["message"], message);
    assert_eq!(json["id"], serde_json::Value::Null);
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn a_body_of_exactly_the_limit_is_read() {
    let proxy = limited();
    let session = proxy.session();
    assert_eq!(session.post(sized(LIMIT)).status, 200);
    assert_too_large(&session.post(sized(LIMIT + 1)));
    session.assert_healthy();
}

/// The answer to the head of a request that announces this many bytes.
fn announced(proxy: &Proxy, bytes: usize) -> Response {
    let head = String::from_utf8(Request::mcp("").bytes()).expect("text");
    let head = head.replace("Content-Length: 0", &format!("Content-Length: {bytes}"));
    let mut connection = proxy.connect();
    connection.write(head.as_bytes());
    connection.response()
}

#[test]
fn a_declared_length_over_the_limit_is_refused_unread() {
    let proxy = limited();
    assert_too_large(&announced(&proxy, LIMIT + 1));
    assert_too_large(&announced(&proxy, 999_999_999_999));
    proxy.session().assert_healthy();
}

#[test]
fn a_chunked_body_is_refused_when_it_grows_over_the_limit() {
    let proxy = limited();
    let mut connection = proxy.connect();
    let head = "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
        Accept: application/json, text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    connection.write(head.as_bytes());
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    for _ in 0..5 {
        connection.write(chunk.as_bytes());
    }
    assert_too_large(&connection.response());
    proxy.session().assert_healthy();
}

#[test]
fn zero_lifts_the_limit() {
    let proxy = Launch::new("echo").flags(&["--maxBodySize", "0"]).start();
    let answer = proxy.session().post(sized(12 * 1024 * 1024));
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 12 * 1024 * 1024 - 200);
}

#[test]
fn the_default_limit_is_ten_mebibytes() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    assert_eq!(session.post(sized(10_485_760)).status, 200);
    let answer = announced(&proxy, 10_485_761);
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("exceeds 10485760 bytes"), "{}", answer.text());
}
