//! Where the keys of an issuer come from, as far as that can go wrong.

use serde_json::json;

use crate::{
    remote::server::{Received, Server, Wire},
    support::{Issuer, LATEST, Launch, Proxy, Request, initialize},
};

/// A proxy that has the issuer's keys from this URL.
fn start(place: &str) -> Proxy {
    let flags = ["--auth", Issuer::NAME, "--publicUrl", Issuer::PUBLIC, "--authJwks", place];
    Launch::new("echo").flags(&flags).start()
}

fn begin(proxy: &Proxy, issuer: &Issuer) -> (u16, Option<String>) {
    let bearer = format!("Bearer {}", issuer.token("alice"));
    let answer = proxy.send(&Request::mcp(initialize(LATEST)).header("Authorization", &bearer));
    (answer.status, answer.header("retry-after").map(str::to_owned))
}

fn at(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port)
}

#[test]
fn keys_are_read_from_a_url_once() {
    let issuer = Issuer::new();
    let keys = json!({ "keys": [issuer.key()] }).to_string();
    let server = Server::start(move |_: &Received, wire: &mut Wire| {
        wire.json(&keys);
        true
    });
    let proxy = start(&at(&server, "/keys"));
    for _ in 0..3 {
        assert_eq!(begin(&proxy, &issuer).0, 200);
    }
    let asked: Vec<String> = server.received().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["/keys"]);
}

#[test]
fn what_is_no_document_of_keys_lets_nobody_in_and_is_told_of() {
    let issuer = Issuer::new();
    let keys = json!({ "keys": [issuer.key()] }).to_string();
    let server = Server::start(move |request: &Received, wire: &mut Wire| {
        match request.path.as_str() {
            "/moved" => wire.answer("302 Found", "Location: /keys\r\n", ""),
            "/large" => wire.json(&format!("{keys}{}", " ".repeat(64 * 1024))),
            "/broken" => wire.json("{"),
            "/missing" => wire.answer("404 Not Found", "", ""),
            _ => wire.json(&keys),
        }
        true
    });
    for (path, word) in [
        ("/moved", "answered 302"),
        ("/large", "longer than 65536 bytes"),
        ("/broken", "EOF"),
        ("/missing", "there are no keys"),
    ] {
        let proxy = start(&at(&server, path));
        let (status, retry_after) = begin(&proxy, &issuer);
        assert_eq!((status, retry_after.as_deref()), (503, Some("5")), "{path}");
        assert!(proxy.stderr.line(|line| line.contains(word)).is_some(), "{path}");
    }
    let followed = server.received().iter().any(|request| request.path == "/keys");
    assert!(!followed, "no redirect is followed");
}
