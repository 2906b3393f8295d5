//! Other protocols, and other versions of this one.

use super::*;
use crate::support::Request;

#[test]
fn http_1_0_is_answered_as_such() {
    let proxy = Proxy::of("echo");
    let plain = answer(&proxy, "GET /ping HTTP/1.0\r\n\r\n");
    assert!(plain.starts_with("HTTP/1.0 200 OK\r\n") && plain.ends_with("pong"), "{plain}");
    let mut kept = proxy.connect();
    for _ in 0..2 {
        kept.write(b"GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(kept.response().status, 200);
    }
    let chunked = format!(
        "{}{SMUGGLED}",
        POST.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    assert_eq!(statuses(&answer(&proxy, chunked)), [400], "it has no codings");
}

#[test]
fn an_event_stream_over_http_1_0_ends_with_its_connection() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let body = support::call("1", "echo", "{}");
    let head = POST.replace("1.1", "1.0");
    let request = format!(
        "{head}Mcp-Session-Id: {}\r\nContent-Length: {}\r\n\r\n{body}",
        session.id,
        body.len()
    );
    let answer = answer(&proxy, request);
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("transfer-encoding"), "{answer}");
    assert!(answer.contains(r#""id":1"#), "{answer}");
}

#[test]
fn other_protocols_are_refused_or_hung_up_on() {
    let proxy = Proxy::of("echo");
    let other = proxy.session();
    for (what, bytes) in [
        ("HTTP/0.9", &b"GET /ping\r\n"[..]),
        ("HTTP/2 with prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        ("TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\x00\x01\x02\x03\r\n\r\n"),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n"),
        ("SMTP", b"EHLO example.org\r\n"),
        ("JSON without HTTP", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n"),
        ("zeros", &[0; 4096]),
    ] {
        let answer = answer(&proxy, bytes);
        assert!(matches!(statuses(&answer)[..], [] | [400]), "{what}: {answer}");
        other.assert_healthy();
    }
}

#[test]
fn an_offer_to_speak_something_else_is_not_taken_up() {
    let proxy = Proxy::of("echo");
    for upgrade in ["h2c", "websocket"] {
        let request =
            Request::get("/ping").header("Connection", "Upgrade").header("Upgrade", upgrade);
        let answer = proxy.send(&request);
        assert_eq!((answer.status, answer.text()), (200, "pong"), "{upgrade}");
    }
    assert_eq!(proxy.send(&Request::new("CONNECT", "example.org:443")).status, 404);
    assert_eq!(proxy.send(&Request::get("http://example.org/nowhere")).status, 404);
}
