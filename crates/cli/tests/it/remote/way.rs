//! The connection to a remote server: certificates, and proxies in between.

use std::{
    fs,
    io::{Read, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::Client,
    server::Server,
    support::{LATEST, Launch, Proxy, call, initialize},
};

/// A server with a certificate for `localhost` that no system trusts.
struct Secured {
    folder: TempDir,
    server: Proxy,
}

impl Secured {
    fn start() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        fs::write(file("cert.pem"), cert.pem()).expect("a file");
        fs::write(file("key.pem"), signing_key.serialize_pem()).expect("a file");
        let server = Launch::new("echo")
            .flag("--sslCert", file("cert.pem"))
            .flag("--sslKey", file("key.pem"))
            .start();
        Self { folder, server }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/mcp", self.server.port)
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn authority_text(&self) -> String {
        self.authority().display().to_string()
    }
}

/// The protocol of a proxy in between.
#[derive(Clone, Copy)]
enum Between {
    Http,
    Socks,
    /// It requires authentication, and accepts nobody.
    Strict,
}

/// A proxy in between, and the first request on each connection.
#[derive(Clone)]
struct Middle {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Middle {
    fn start(kind: Between) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let middle = Self { port, asked: Arc::default() };
        let serving = middle.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = serving.clone();
                thread::spawn(move || serving.serve(stream, kind));
            }
        });
        middle
    }

    fn url(&self) -> String {
        format!("http://user:proxy-secret@127.0.0.1:{}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("requests").clone()
    }

    fn serve(&self, mut client: TcpStream, kind: Between) -> Option<()> {
        if matches!(kind, Between::Socks) {
            return self.serve_socks(client);
        }
        let head = head(&mut client)?;
        self.asked.lock().expect("requests").push(head.clone());
        if matches!(kind, Between::Strict) {
            let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
            return client.write_all(refusal.as_bytes()).ok();
        }
        let target = head.split_whitespace().nth(1)?;
        if head.starts_with("CONNECT ") {
            let server = TcpStream::connect(target).ok()?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
            return join(client, server);
        }
        // An unencrypted request names its whole target.
        let authority = target.strip_prefix("http://")?.split('/').next()?;
        let mut server = TcpStream::connect(authority).ok()?;
        server.write_all(head.as_bytes()).ok()?;
        join(client, server)
    }

    /// SOCKS 5 without authentication (RFC 1928), to a name.
    fn serve_socks(&self, mut client: TcpStream) -> Option<()> {
        let mut greeting = [0; 2];
        client.read_exact(&mut greeting).ok()?;
        client.read_exact(&mut vec![0; greeting[1].into()]).ok()?;
        client.write_all(&[5, 0]).ok()?;
        let mut request = [0; 5];
        client.read_exact(&mut request).ok()?;
        assert_eq!(request[..4], [5, 1, 0, 3], "a name, for the proxy to look up");
        let mut name = vec![0; request[4].into()];
        client.read_exact(&mut name).ok()?;
        let mut port = [0; 2];
        client.read_exact(&mut port).ok()?;
        let name = String::from_utf8(name).ok()?;
        let server = TcpStream::connect((name.as_str(), u16::from_be_bytes(port))).ok()?;
        self.asked.lock().expect("requests").push(name);
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
        join(client, server)
    }
}

/// Everything up to the blank line.
fn head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// Carries bytes both ways until both have ended.
fn join(client: TcpStream, server: TcpStream) -> Option<()> {
    let (from, to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || carry(from, to));
    carry(server, client);
    Some(())
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    drop(std::io::copy(&mut from, &mut to));
    drop(to.shutdown(std::net::Shutdown::Write));
}

/// The answer to a first call with this client.
fn answer(mut client: Client) -> Result<String, Value> {
    let greeted = client.ask(&initialize(LATEST));
    if greeted["error"].is_object() {
        return Err(greeted["error"]["message"].clone());
    }
    client.send(super::client::INITIALIZED);
    Ok(client.ask_line(&call("1", "echo", r#"{"text":"there"}"#)))
}

fn reaches(client: Client) {
    let answer = answer(client).expect("an answer");
    assert!(answer.contains("there"), "{answer}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_by_name() {
    let secured = Secured::start();
    let error = answer(Client::of(&secured.url())).expect_err("no certificate");
    let error = error.as_str().expect("a message").to_owned();
    assert!(error.contains("is not trusted") && error.contains("--caCert"), "{error}");
    assert!(error.contains(&format!("https://localhost:{}", secured.server.port)), "{error}");
}

#[test]
fn an_authority_of_one_s_own_is_trusted_for_its_names_and_no_others() {
    let secured = Secured::start();
    let authority = secured.authority_text();
    reaches(Client::with(&secured.url(), &["--caCert", &authority]));
    let other = secured.url().replace("localhost", "127.0.0.1");
    let error = answer(Client::with(&other, &["--caCert", &authority])).expect_err("another name");
    assert!(error.as_str().is_some_and(|error| error.contains("is not trusted")), "{error}");
}

#[test]
fn an_authority_that_node_s_programs_trust_is_trusted_too() {
    let secured = Secured::start();
    let authority = secured.authority_text();
    reaches(Client::among(&secured.url(), &[], &[("NODE_EXTRA_CA_CERTS", &authority)]));
    let nowhere = [("NODE_EXTRA_CA_CERTS", "/no/such/file.pem")];
    let flags = ["--caCert", authority.as_str()];
    reaches(Client::among(&secured.url(), &flags, &nowhere));
}

#[test]
fn an_authority_that_cannot_be_read_is_told_at_the_start() {
    let mut client = Client::with("https://localhost:1/mcp", &["--caCert", "/no/such/file.pem"]);
    assert_eq!(client.ended().code(), Some(1));
    assert!(client.stderr.all().contains("/no/such/file.pem"), "{}", client.stderr.all());
}

#[test]
fn every_certificate_is_taken_where_that_is_wanted_and_it_is_said_aloud() {
    let secured = Secured::start();
    let url = secured.url().replace("localhost", "127.0.0.1");
    let mut client = Client::with(&url, &["--insecure"]);
    assert!(client.ask(&initialize(LATEST))["result"].is_object());
    let (_, stderr) = client.finish();
    assert!(stderr.contains("NO CERTIFICATE IS CHECKED"), "{stderr}");
}

#[test]
fn an_encrypted_server_is_reached_through_a_tunnel() {
    let (secured, middle) = (Secured::start(), Middle::start(Between::Http));
    let authority = secured.authority_text();
    let client = Client::with(&secured.url(), &["--caCert", &authority, "--proxy", &middle.url()]);
    reaches(client);
    let asked = middle.asked();
    let target = format!("CONNECT localhost:{} ", secured.server.port);
    assert!(asked.iter().all(|head| head.starts_with(&target)), "{asked:?}");
    // user:proxy-secret
    assert!(asked[0].contains("Basic dXNlcjpwcm94eS1zZWNyZXQ="), "{asked:?}");
}

#[test]
fn a_server_in_the_clear_is_asked_through_the_proxy() {
    let (server, middle) = (Server::start(|_, _| false), Middle::start(Between::Http));
    let mut client = Client::greeted(&server.url(), &["--proxy", &middle.url()]);
    assert!(client.ask(&call("1", "x", "{}"))["result"].is_object());
    let asked = middle.asked();
    assert!(asked[0].starts_with(&format!("POST {} ", server.url())), "{asked:?}");
    assert!(server.received().iter().any(|request| request.method() == "tools/call"));
}

#[test]
fn a_socks_proxy_is_given_the_name_to_look_up() {
    let (secured, middle) = (Secured::start(), Middle::start(Between::Socks));
    let (authority, proxy) =
        (secured.authority_text(), format!("socks5h://127.0.0.1:{}", middle.port));
    reaches(Client::with(&secured.url(), &["--caCert", &authority, "--proxy", &proxy]));
    assert_eq!(middle.asked()[0], "localhost");
}

#[test]
fn the_usual_variables_name_the_proxy_and_who_needs_none() {
    let (secured, server) = (Secured::start(), Server::start(|_, _| false));
    let authority = secured.authority_text();
    let flags = ["--caCert", authority.as_str()];
    for (variable, url, used) in [
        ("HTTPS_PROXY", secured.url(), true),
        ("https_proxy", secured.url(), true),
        ("ALL_PROXY", secured.url(), true),
        ("HTTP_PROXY", secured.url(), false),
        ("HTTP_PROXY", server.url(), true),
        ("HTTPS_PROXY", server.url(), false),
    ] {
        let middle = Middle::start(Between::Http);
        let mut client = Client::among(&url, &flags, &[(variable, &middle.url())]);
        assert!(client.ask(&initialize(LATEST))["result"].is_object(), "{variable} {url}");
        assert_eq!(!middle.asked().is_empty(), used, "{variable} {url}");
        let variables = [(variable, middle.url()), ("NO_PROXY", "localhost,127.0.0.1".to_owned())];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let before = middle.asked().len();
        drop(client);
        let mut client = Client::among(&url, &flags, &variables);
        assert!(client.ask(&initialize(LATEST))["result"].is_object(), "{variable} {url}");
        assert_eq!(middle.asked().len(), before, "NO_PROXY");
        drop(client);
        let variables = [variables[0], ("NO_PROXY", "*")];
        let mut client = Client::among(&url, &flags, &variables);
        assert!(client.ask(&initialize(LATEST))["result"].is_object(), "{variable} {url}");
        assert_eq!(middle.asked().len(), before, "NO_PROXY=*");
    }
}

#[test]
fn the_flag_wins_over_the_variables() {
    let (secured, middle) = (Secured::start(), Middle::start(Between::Http));
    let authority = secured.authority_text();
    let flags = ["--caCert", authority.as_str(), "--proxy", &middle.url()];
    // Nobody listens on port 1.
    let variables = [("HTTPS_PROXY", "http://127.0.0.1:1"), ("NO_PROXY", "localhost")];
    reaches(Client::among(&secured.url(), &flags, &variables));
    assert!(!middle.asked().is_empty());
}

#[test]
fn a_proxy_that_refuses_fails_the_call_with_its_cause_and_without_its_secret() {
    let (secured, middle) = (Secured::start(), Middle::start(Between::Strict));
    let flags = ["--restartWait", "0", "--proxy", &middle.url()];
    let mut client = Client::with(&secured.url(), &flags);
    let answer = client.ask_line(&initialize(LATEST));
    assert!(answer.contains("proxy"), "{answer}");
    let (status, stderr) = client.finish();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(!format!("{answer}{stderr}").contains("proxy-secret"), "{answer}{stderr}");
}
