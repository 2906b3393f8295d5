//! HTTPS: served with a valid certificate, refused with a sentence if a file is not valid.

use std::{fs, path::PathBuf, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;

use crate::support::{Connection, LATEST, Launch, Proxy, Request, initialize, wait_for};

/// A certificate for `localhost` and its key, as files.
struct Identity {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("cert.pem"), cert.pem()).expect("a file");
        fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).expect("a file");
        Self { certificate: cert.der().clone(), folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn launch(&self, certificate: &str, key: &str) -> Launch {
        Launch::new("echo")
            .flag("--sslCert", self.file(certificate))
            .flag("--sslKey", self.file(key))
    }

    fn connect(&self, proxy: &Proxy) -> Connection {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a client");
        Connection::new(StreamOwned::new(session, proxy.tcp()))
    }
}

#[test]
fn sessions_work_over_tls() {
    let identity = Identity::new();
    let proxy = identity.launch("cert.pem", "key.pem").start();
    assert!(proxy.stdout.line(|line| line.contains("listening on https://")).is_some());
    let mut connection = identity.connect(&proxy);
    let answer = connection.exchange(&Request::mcp(initialize(LATEST)));
    assert_eq!(answer.status, 200);
    let id = answer.header("mcp-session-id").expect("a session").to_owned();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let answer = connection.exchange(&Request::mcp(ping).session(&id));
    assert_eq!(answer.message(), r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let mut events = identity.connect(&proxy).stream(&Request::get("/sse"));
    assert_eq!(events.event().and_then(|event| event.name).as_deref(), Some("endpoint"));
    assert_eq!(proxy.terminate().status.code(), Some(0));
}

#[test]
fn what_is_no_tls_is_dropped_and_others_are_served() {
    let identity = Identity::new();
    let proxy = identity.launch("cert.pem", "key.pem").start();
    let mut silent = proxy.connect();
    silent.write(b"\x16\x03");
    let mut plain = proxy.connect();
    plain.write(&Request::get("/ping").bytes());
    let answer = plain.rest();
    assert!(!answer.windows(4).any(|part| part == b"pong"), "{answer:?}");
    assert_eq!(identity.connect(&proxy).exchange(&Request::get("/ping")).text(), "pong");
}

fn assert_refused(launch: Launch, expected: &[&str]) {
    let finished = launch.run();
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let line = finished.stderr.lines().find(|line| line.starts_with("could not start the proxy"));
    let line = line.unwrap_or_else(|| panic!("no sentence: {finished:?}"));
    for part in expected {
        assert!(line.contains(part), "{part:?} in {line:?}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let identity = Identity::new();
    let missing = identity.file("missing.pem").display().to_string();
    let certificate = format!("Failed to read certificate file '{missing}'");
    assert_refused(identity.launch("missing.pem", "key.pem"), &[&certificate]);
    let key = format!("Failed to read key file '{missing}'");
    assert_refused(identity.launch("cert.pem", "missing.pem"), &[&key]);
    let ca = format!("Failed to read CA file '{missing}'");
    let launch = identity.launch("cert.pem", "key.pem").flag("--sslCa", &missing);
    assert_refused(launch, &[&ca]);
}

#[test]
fn files_that_make_no_server_are_named() {
    let (identity, other) = (Identity::new(), Identity::new());
    fs::write(identity.file("garbage.pem"), "not PEM at all").expect("a file");
    fs::copy(other.file("key.pem"), identity.file("other.pem")).expect("a file");
    assert_refused(identity.launch("garbage.pem", "key.pem"), &["garbage.pem"]);
    assert_refused(identity.launch("cert.pem", "garbage.pem"), &["garbage.pem"]);
    assert_refused(identity.launch("cert.pem", "cert.pem"), &["cert.pem"]);
    assert_refused(identity.launch("cert.pem", "other.pem"), &["cert.pem"]);
    let alone = Launch::new("echo").flag("--sslCert", identity.file("cert.pem")).run();
    assert_eq!(alone.status.code(), Some(1), "{alone:?}");
    assert!(alone.stderr.contains("--sslKey"), "{alone:?}");
}

#[test]
fn a_certificate_that_changes_is_served_without_a_restart() {
    let (identity, next) = (Identity::new(), Identity::new());
    let proxy = identity.launch("cert.pem", "key.pem").start();
    let ping = Request::get("/ping");
    let mut old = identity.connect(&proxy);
    assert_eq!(old.exchange(&ping).status, 200);
    fs::write(identity.file("cert.pem"), "no certificate").expect("a file");
    let warned = |line: &str| line.contains("the previous one is still used");
    wait_for("the broken file was seen", || {
        assert_eq!(identity.connect(&proxy).exchange(&ping).status, 200, "nothing changes");
        proxy.stderr.so_far().lines().any(warned).then_some(())
    });
    for file in ["key.pem", "cert.pem"] {
        fs::copy(next.file(file), identity.file(file)).expect("a file");
    }
    wait_for("the new one is served", || {
        let mut connection = next.connect(&proxy);
        connection.try_write(&ping.clone().header("Connection", "close").bytes());
        connection.rest().starts_with(b"HTTP/1.1 200").then_some(())
    });
    assert_eq!(old.exchange(&ping).status, 200, "who was there before stays");
}
