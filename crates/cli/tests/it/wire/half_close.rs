//! A client that closes its sending side after a request is answered; one that has disconnected is
//! noticed.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
};

use crate::support::{DEADLINE, Modern, Proxy, Request, call, initialize, wait_for};

/// Everything that is returned for these pieces, after which the client's sending side is closed.
fn answer(proxy: &Proxy, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port)).expect("the proxy accepts");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.set_nodelay(true).expect("no delay");
    for piece in pieces {
        stream.write_all(piece).expect("the proxy takes bytes");
    }
    stream.shutdown(Shutdown::Write).expect("a side that ends");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer and its end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_request_is_answered_after_the_clients_side_has_ended() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let echo = |request: Request| request.bytes();
    let slow = |body: &str| session.request(body).bytes();
    let old =
        |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").replace("HTTP/1.1", "HTTP/1.0");
    let body = call("1", "echo", r#"{"text":"hi"}"#);
    let chunked = session.request("").header("Transfer-Encoding", "chunked").without("Host");
    let chunked = chunked.header("Host", "x").bytes();
    let chunked = String::from_utf8(chunked).expect("text").replace("Content-Length: 0\r\n", "");
    let chunked = format!("{chunked}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes();
    let twice = [echo(Request::get("/ping")), slow(&body)].concat();
    let stays = session.request(body.as_str()).header("Connection", "keep-alive").bytes();
    for (what, bytes, expected) in [
        ("ping", echo(Request::get("/ping")), "pong"),
        ("initialize", echo(Request::mcp(initialize("2025-06-18"))), "serverInfo"),
        ("a call", slow(&body), r#""text":"hi""#),
        ("a call over HTTP/1.0", old(slow(&body)).into_bytes(), r#""text":"hi""#),
        ("a call in chunks", chunked, r#""text":"hi""#),
        ("a call on a connection to be kept", stays, r#""text":"hi""#),
        ("a call that takes its time", slow(&call("1", "wait", r#"{"ms":150}"#)), r#""id":1"#),
        ("a notification", slow(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#), "202"),
        (
            "a modern call",
            Modern::call("echo", r#"{"text":"hi"}"#).request().bytes(),
            r#""text":"hi""#,
        ),
        (
            "a slow modern call",
            Modern::call("wait", r#"{"ms":150}"#).request().bytes(),
            "resultType",
        ),
        ("two requests", twice, r#""text":"hi""#),
        ("no endpoint", echo(Request::get("/nowhere")), "404"),
        ("a body that is not JSON", slow("{"), "400"),
        ("preflight", echo(Request::new("OPTIONS", "/mcp")), "204"),
    ] {
        let whole = answer(&proxy, &[&bytes]);
        assert!(whole.starts_with("HTTP/1.") && whole.contains(expected), "{what}: {whole:?}");
        let (first, rest) = bytes.split_at(bytes.len() - 1);
        let pieces = answer(&proxy, &[first, rest]);
        assert!(pieces.contains(expected), "{what} in pieces: {pieces:?}");
    }
    session.assert_healthy();
}

#[test]
fn half_a_body_is_no_request() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let bytes = session.request(call("1", "echo", "{}")).bytes();
    let answer = answer(&proxy, &[&bytes[..bytes.len() - 5]]);
    assert!(!answer.contains("200 OK"), "{answer}");
    session.assert_healthy();
}

/// The stream sends nothing by itself: the proxy must find out.
#[test]
fn a_client_that_is_gone_has_cancelled_its_modern_call() {
    let proxy = Proxy::of("cancel");
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port)).expect("the proxy accepts");
    stream.write_all(&Modern::call("hang", "{}").request().bytes()).expect("the proxy reads");
    let told = || Modern::call("cancelled", "{}").id("2").send(&proxy).text().to_owned();
    wait_for("the call under way", || (!told().contains(r#""hanging":[]"#)).then_some(()));
    drop(stream);
    wait_for("the cancellation", || (!told().contains(r#""cancelled":[]"#)).then_some(()));
}
