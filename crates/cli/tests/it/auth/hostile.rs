//! Hostile tokens against the real executable, and the answer to each.

use serde_json::{Value, json};

use crate::{
    remote::server::{Received, Server, Wire},
    support::{Issuer, LATEST, Launch, Proxy, Request, Session, initialize, issuer::now},
};

/// The log line about the refusal; nothing of it is in the answer.
fn refused(proxy: &Proxy, header: &str, word: &str) {
    let request = Request::mcp(initialize(LATEST)).header("Authorization", header);
    let answer = proxy.send(&request);
    assert_eq!(answer.status, 401, "{word}: {}", answer.text());
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer error=\"invalid_token\", error_description=\"The acc"));
    let message = "Unauthorized: the access token is not valid here";
    assert_eq!(answer.json()["error"]["message"], message);
    let line = proxy.stderr.line(|line| line.contains(word));
    assert!(line.is_some(), "no line says {word:?}");
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = Issuer::claims("alice");
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = Issuer::claims("alice");
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

#[test]
fn no_header_of_a_token_chooses_how_it_is_checked() {
    let (issuer, attacker) = (Issuer::new(), Issuer::new());
    let proxy = issuer.guard(Launch::new("echo")).start();
    let claims = Issuer::claims("alice").to_string();
    let headed = |head: Value| issuer.sign_raw(&head.to_string(), &claims);
    let forged = |head: Value| attacker.sign_raw(&head.to_string(), &claims);
    for (token, word) in [
        (headed(json!({ "alg": "none" })), "\"none\""),
        (headed(json!({ "alg": "HS256", "kid": "k1" })), "\"HS256\""),
        (headed(json!({ "alg": "ES512", "kid": "k1" })), "\"ES512\""),
        (headed(json!({ "alg": "es256", "kid": "k1" })), "\"es256\""),
        (headed(json!({ "alg": "RS256", "kid": "k1" })), "for its algorithm"),
        (headed(json!({ "alg": ["ES256"], "kid": "k1" })), "alg is not a string"),
        (headed(json!({ "kid": "k1" })), "alg is not a string"),
        (headed(json!({ "alg": "ES256", "kid": 1 })), "kid is not a string"),
        (headed(json!({ "alg": "ES256", "kid": "k1", "b64": false })), "\"b64\""),
        (headed(json!({ "alg": "ES256", "kid": "k1", "cty": "JWT" })), "holds another token"),
        (headed(json!({ "alg": "ES256", "kid": "k1", "typ": "dpop+jwt" })), "\"dpop+jwt\""),
        (issuer.sign_raw(r#"{"alg":"ES256","alg":"none"}"#, &claims), "\"alg\\\" appears twice"),
        (headed(json!({ "alg": "ES256", "kid": "k'--" })), "\"k'--\""),
        (headed(json!({ "alg": "ES256", "kid": "../k1" })), "\"../k1\""),
        (headed(json!({ "alg": "ES256", "kid": "k1", "crit": ["exp"] })), "\"crit\""),
        (headed(json!({ "alg": "ES256", "kid": "k1", "zip": "DEF" })), "\"zip\""),
        (forged(json!({ "alg": "ES256", "kid": "k1" })), "signature is wrong"),
        (forged(json!({ "alg": "ES256", "kid": "k1", "jwk": attacker.key() })), "signature"),
        (forged(json!({ "alg": "ES256", "kid": "k1", "jku": "https://a" })), "signature"),
        (forged(json!({ "alg": "ES256", "kid": "k1", "x5u": "https://a" })), "signature"),
        (forged(json!({ "alg": "ES256", "kid": "k1", "x5c": ["AAAA"] })), "signature"),
        (resigned(&issuer, ""), "signature is wrong"),
        (resigned(&issuer, &"A".repeat(86)), "signature is wrong"),
    ] {
        refused(&proxy, &format!("Bearer {token}"), word);
    }
}

/// A good token with another signature.
fn resigned(issuer: &Issuer, signature: &str) -> String {
    let token = issuer.token("alice");
    let (signed, _) = token.rsplit_once('.').expect("a signature");
    format!("{signed}.{signature}")
}

#[test]
fn no_claim_is_wrong_missing_or_there_twice() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).start();
    let twice = Issuer::claims("alice").to_string().replacen('{', r#"{"sub":"bob","#, 1);
    refused(&proxy, &format!("Bearer {}", issuer.sign_raw(HEAD, &twice)), "twice");
    for (claims, word) in [
        (without("exp"), "\"exp\""),
        (without("aud"), "\"aud\""),
        (without("sub"), "\"sub\""),
        (without("iss"), "\"iss\""),
        (with("exp", (now() - 61).into()), "expired"),
        (with("exp", (now() + 300).to_string().into()), "\"exp\""),
        (with("exp", 1e300.into()), "\"exp\""),
        (with("iss", json!([Issuer::NAME])), "\"iss\""),
        (with("aud", json!(["https://a", 1])), "\"aud\""),
        (with("scope", 1.into()), "\"scope\""),
        (with("nbf", (now() + 90).into()), "nbf"),
        (with("iat", (now() + 90).into()), "iat"),
        (with("aud", "https://mcp.example".into()), "audience is \"https://mcp.example\""),
        (with("aud", "https://mcp.example/mcp/".into()), "audience is \"https://mcp.example/mcp/"),
        (with("iss", "https://idp.example/".into()), "slash"),
        (with("iss", "https://evil.example".into()), "evil.example"),
        (with("cnf", json!({ "jkt": "x" })), "bound to a key"),
        (with("sub", "a\u{1b}[31m".into()), "\"sub\""),
    ] {
        refused(&proxy, &format!("Bearer {}", issuer.sign(&claims)), word);
    }
    let session = Session::open_by(&proxy, &issuer.sign(&with("exp", (now() - 30).into())));
    session.assert_healthy();
}

const HEAD: &str = r#"{"alg":"ES256","kid":"k1"}"#;

#[test]
fn what_is_no_token_is_told_from_one() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).start();
    let token = issuer.token("alice");
    let huge = issuer.sign(&with("x", "y".repeat(20_000).into()));
    for (header, word) in [
        (format!("Bearer {token}.x.y"), "encrypted"),
        ("Bearer opaque".to_owned(), "not a JWT"),
        (format!("Bearer {huge}"), "bytes"),
        ("Basic YTpi".to_owned(), "not a Bearer token"),
        (format!("Bearer {token}, Bearer {token}"), "characters that are not allowed"),
        ("Bearer".to_owned(), "not a Bearer token"),
    ] {
        refused(&proxy, &header, word);
    }
    let twice = Request::mcp(initialize(LATEST))
        .header("Authorization", &format!("Bearer {token}"))
        .and_header("Authorization", &format!("Bearer {token}"));
    assert_eq!(proxy.send(&twice).status, 401);
    assert!(!proxy.terminate().stderr.contains('\u{1b}'));
}

/// What an issuer publishes is taken from where it is, and from nowhere that it sends us.
#[test]
fn documents_of_an_issuer_are_not_followed_elsewhere() {
    for moved in ["nothing", "/.well-known/openid-configuration", "/keys"] {
        let issuer = Issuer::new();
        let keys = serde_json::json!({ "keys": [issuer.key()] }).to_string();
        let place = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let own = std::sync::Arc::clone(&place);
        let server = Server::start(move |request: &Received, wire: &mut Wire| {
            let own = own.lock().expect("an address").clone();
            let metadata = format!(r#"{{"issuer":"{own}","jwks_uri":"{own}/keys"}}"#);
            match &*request.path {
                path if path == moved => {
                    wire.answer("302 Found", &format!("Location: {own}/moved\r\n"), "");
                }
                "/keys" => wire.json(&keys),
                "/moved" if moved == "/keys" => wire.json(&keys),
                "/moved" | "/.well-known/openid-configuration" => wire.json(&metadata),
                _ => wire.answer("404 Not Found", "", ""),
            }
            true
        });
        let name = server.url().trim_end_matches("/mcp").to_owned();
        place.lock().expect("an address").clone_from(&name);
        let flags = ["--auth", &name, "--publicUrl", Issuer::PUBLIC];
        let proxy = Launch::new("echo").flags(&flags).start();
        let mut claims = Issuer::claims("alice");
        claims["iss"] = name.clone().into();
        let token = format!("Bearer {}", issuer.sign(&claims));
        let request = Request::mcp(initialize(LATEST)).header("Authorization", &token);
        let refused = proxy.send(&request);
        if moved == "nothing" {
            assert_eq!(refused.status, 200, "{}", refused.text());
            continue;
        }
        assert!([401, 503].contains(&refused.status), "{moved}: {}", refused.text());
        let asked: Vec<String> = server.received().into_iter().map(|asked| asked.path).collect();
        assert!(asked.iter().any(|path| path == moved), "{moved}: {asked:?}");
        assert!(!asked.iter().any(|path| path == "/moved"), "{moved}: {asked:?}");
    }
}
