use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use super::*;
use crate::{
    config::ResourceServerConfig,
    identity::token::tests::signer::{Kind, Signer},
};

/// An issuer on this machine that counts its requests.
struct Provider {
    url: String,
    keys: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    fn start(keys: Value) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/t", socket.local_addr().unwrap());
        let (keys, asked) = (Arc::new(Mutex::new(keys)), Arc::new(AtomicUsize::new(0)));
        let (set, count, issuer) = (Arc::clone(&keys), Arc::clone(&asked), url.clone());
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let (path, body) = request(&stream);
                let answer = match path.as_str() {
                    "/.well-known/openid-configuration/t" => {
                        Some(json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") }))
                    }
                    "/t/keys" => {
                        count.fetch_add(1, Ordering::SeqCst);
                        Some(set.lock().unwrap().clone())
                    }
                    "/t/introspect" => {
                        count.fetch_add(1, Ordering::SeqCst);
                        Some(json!({
                            "active": body.contains("token=opaque&"), "sub": "carol",
                            "aud": "https://mcp.example/mcp",
                        }))
                    }
                    _ => None,
                };
                respond(&stream, answer);
            }
        });
        Self { url, keys, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.url, "sub": "alice", "aud": "https://mcp.example/mcp",
            "scope": "a", "exp": now() + 300,
        })
    }

    fn server(&self, change: impl FnOnce(&mut ResourceServerConfig)) -> ResourceServer {
        let mut config = ResourceServerConfig {
            issuers: vec![self.url.clone()],
            ..ResourceServerConfig::default()
        };
        change(&mut config);
        ResourceServer::new(
            &config,
            Some("https://mcp.example"),
            Some(&crate::config::Secret::new("secret")),
        )
        .unwrap()
    }
}

fn request(stream: &TcpStream) -> (String, String) {
    let mut lines = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    lines.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap() <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(&mut lines, &mut body).unwrap();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    (path, String::from_utf8(body).unwrap())
}

fn respond(mut stream: &TcpStream, answer: Option<Value>) {
    let status = if answer.is_some() { "200 OK" } else { "404 Not Found" };
    let body = answer.map(|answer| answer.to_string()).unwrap_or_default();
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).unwrap();
}

fn keys_of(signer: &Signer) -> Value {
    json!({ "keys": [signer.jwk()] })
}

fn bearer(token: &str) -> HeaderMap {
    let value = format!("Bearer {token}").parse().unwrap();
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

async fn who(server: &ResourceServer, token: &str) -> Result<String, Because> {
    server.authenticate(&bearer(token), "/mcp").await.map(|claims| claims.subject.clone())
}

#[tokio::test]
async fn an_issuer_s_url_is_enough() {
    let signer = Signer::new(Kind::Es256);
    let provider = Provider::start(keys_of(&signer));
    let server = provider.server(|_| {});
    let token = signer.token(&provider.claims());
    for _ in 0..3 {
        assert_eq!(who(&server, &token).await.unwrap(), "alice");
    }
    assert_eq!(provider.asked(), 1);
    let elsewhere = server.authenticate(&bearer(&token), "/sse").await;
    assert!(matches!(elsewhere, Err(Because::Audience { .. })), "another endpoint");
    let mut other = provider.claims();
    other["iss"] = "https://other.example".into();
    let refused = who(&server, &signer.token(&other)).await.unwrap_err();
    assert!(matches!(refused, Because::Issuer { .. }));
    assert_eq!(who(&server, "opaque").await, Err(Because::Opaque));
    assert_eq!(server.authenticate(&HeaderMap::new(), "/mcp").await, Err(Because::Nothing));
}

#[tokio::test]
async fn one_fetch_serves_everybody_who_waits_for_it_even_if_the_first_goes_away() {
    let signer = Signer::new(Kind::EdDsa);
    let provider = Provider::start(keys_of(&signer));
    let server = Arc::new(provider.server(|_| {}));
    let token = signer.token(&provider.claims());
    let headers = bearer(&token);
    {
        let first = server.authenticate(&headers, "/mcp");
        futures_util::pin_mut!(first);
        assert!(futures_util::poll!(first.as_mut()).is_pending());
    }
    let all = (0..20).map(|_| who(&server, &token));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|one| one.as_deref() == Ok("alice")));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn keys_that_nobody_has_are_looked_for_once() {
    let signer = Signer::new(Kind::Es256);
    let provider = Provider::start(keys_of(&signer));
    let server = provider.server(|_| {});
    assert!(who(&server, &signer.token(&provider.claims())).await.is_ok());
    for number in 0..200 {
        let head = json!({ "alg": "ES256", "kid": format!("k{}", number + 2) });
        let token = signer.signed(&head.to_string(), &provider.claims().to_string());
        assert!(matches!(who(&server, &token).await, Err(Because::UnknownKey(_))));
    }
    assert_eq!(provider.asked(), 1, "within the first minute there is no further fetch");
}

#[tokio::test]
async fn an_issuer_without_keys_is_told_about() {
    let signer = Signer::new(Kind::Es256);
    let provider = Provider::start(json!({ "keys": [] }));
    let server = provider.server(|_| {});
    let token = signer.token(&provider.claims());
    assert!(matches!(who(&server, &token).await, Err(Because::NoKeys(_))));
    *provider.keys.lock().unwrap() = keys_of(&signer);
    assert!(matches!(who(&server, &token).await, Err(Because::NoKeys(_))), "not again at once");
}

#[tokio::test]
async fn opaque_tokens_are_asked_about_and_answers_remembered() {
    let provider = Provider::start(json!({}));
    let place = format!("{}/introspect", provider.url);
    let server = provider.server(|config| config.introspection = Some(place));
    for _ in 0..3 {
        assert_eq!(who(&server, "opaque").await.unwrap(), "carol");
        assert_eq!(who(&server, "unknown").await, Err(Because::Inactive));
    }
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn keys_and_static_tokens_are_let_in_beside_issuers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.json");
    let made =
        super::super::static_tokens::make_token(&path, "ci", &["a".to_owned()], None).unwrap();
    let signer = Signer::new(Kind::Es256);
    let provider = Provider::start(keys_of(&signer));
    let server = provider.server(|config| config.tokens = Some(path));
    assert_eq!(who(&server, &made.secret).await.unwrap(), "ci");
    assert_eq!(who(&server, &signer.token(&provider.claims())).await.unwrap(), "alice");
    let mut headers = bearer(&made.secret);
    headers.insert("x-api-key", "secret".parse().unwrap());
    assert_eq!(server.authenticate(&headers, "/mcp").await.unwrap().subject, "apiKey");
    headers.insert("x-api-key", "wrong".parse().unwrap());
    let refused = server.authenticate(&headers, "/mcp").await;
    assert_eq!(refused, Err(Because::UnknownSecret), "a bad credential ends the search");
}

#[tokio::test]
async fn a_configuration_that_leaves_something_open_is_refused() {
    let issuer = || ResourceServerConfig {
        issuers: vec!["https://idp.example".to_owned()],
        ..ResourceServerConfig::default()
    };
    let new = |config: &ResourceServerConfig, base| {
        ResourceServer::new(config, base, None).map(drop).map_err(|error| error.to_string())
    };
    let base = Some("https://mcp.example");
    assert_eq!(new(&issuer(), base), Ok(()));
    let fails = |config: ResourceServerConfig, base, word: &str| {
        let why = new(&config, base).unwrap_err();
        assert!(why.contains(word), "{why}");
    };
    fails(issuer(), None, "--publicUrl");
    fails(
        ResourceServerConfig { preset: crate::config::AuthPreset::Entra, ..issuer() },
        base,
        "--authAudience",
    );
    fails(
        ResourceServerConfig { issuers: vec!["http://idp.example".to_owned()], ..issuer() },
        base,
        "HTTPS",
    );
    fails(
        ResourceServerConfig { jwks: Some("nowhere".to_owned()), ..issuer() },
        base,
        "nor a file",
    );
    fails(ResourceServerConfig { scopes: vec!["a\"".to_owned()], ..issuer() }, base, "not a scope");
    let alone =
        ResourceServerConfig { introspection: Some("https://x".to_owned()), ..Default::default() };
    fails(alone, base, "--auth");
}
