//! Failures when the keys of an issuer are fetched.

use serde_json::json;

use crate::{
    remote::server::{Received, Server, Wire},
    support::{Issuer, LATEST, Launch, Proxy, Request, Session, call, initialize},
};

/// A proxy that fetches the issuer's keys from this URL.
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

/// An issuer at a separate URL, whose metadata name the keys at this path.
fn published(issuer: &Issuer, path: &'static str) -> Server {
    let keys = json!({ "keys": [issuer.key()] }).to_string();
    Server::start(move |request: &Received, wire: &mut Wire| {
        let own = format!("http://{}", request.header("host").unwrap_or_default());
        if request.path == path {
            let document = json!({ "issuer": own.clone() + "/t", "jwks_uri": own + "/keys" });
            wire.json(&document.to_string());
        } else if request.path == "/keys" {
            wire.json(&keys);
        } else {
            wire.answer("404 Not Found", "", "");
        }
        true
    })
}

#[test]
fn every_issuer_speaks_for_its_own_people() {
    let (one, other) = (Issuer::new(), Issuer::new());
    let servers = [
        published(&one, "/.well-known/oauth-authorization-server/t"),
        published(&other, "/t/.well-known/openid-configuration"),
    ];
    let names = servers.each_ref().map(|server| at(server, "/t"));
    let flags = ["--auth", &names[0], "--auth", &names[1], "--publicUrl", Issuer::PUBLIC];
    let proxy = Launch::new("echo").flags(&flags).start();
    let document = proxy.send(&Request::get("/.well-known/oauth-protected-resource")).json();
    assert_eq!(document["authorization_servers"], json!(names));
    let token = |signer: &Issuer, name: &str| {
        let mut claims = Issuer::claims("alice");
        claims["iss"] = name.into();
        signer.sign(&claims)
    };
    let sessions = [(&one, &names[0]), (&other, &names[1])]
        .map(|(signer, name)| Session::open_by(&proxy, &token(signer, name)));
    for session in &sessions {
        session.assert_healthy();
    }
    let namesake = sessions[0].by(&token(&other, &names[1]));
    assert_eq!(namesake.post(call("1", "echo", "{}")).status, 404, "another alice");
    for (signer, name) in [(&one, &names[1]), (&other, &names[0])] {
        let bearer = format!("Bearer {}", token(signer, name));
        let begin = Request::mcp(initialize(LATEST)).header("Authorization", &bearer);
        assert_eq!(proxy.send(&begin).status, 401, "signed by somebody else's key");
    }
}
