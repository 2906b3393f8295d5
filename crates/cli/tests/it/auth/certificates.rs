//! Clients with certificates: alone, and together with tokens.

use std::{fs, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
};
use tempfile::TempDir;

use crate::support::{
    Connection, Issuer, LATEST, Launch, Proxy, Request, Response, call, initialize,
};

type Shown = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// An authority, and a server certificate that it has signed.
struct Authority {
    folder: TempDir,
    issuer: rcgen::Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("ca.pem"), root.pem()).expect("a file");
        let root = root.der().clone();
        let authority = Self { folder, issuer: rcgen::Issuer::new(params, key), root };
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let server = params.signed_by(&key, &authority.issuer).expect("a certificate");
        fs::write(authority.file("cert.pem"), server.pem()).expect("a file");
        fs::write(authority.file("key.pem"), key.serialize_pem()).expect("a file");
        authority
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn client(&self, name: &str) -> Shown {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let made = params.signed_by(&key, &self.issuer).expect("a certificate");
        (made.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    fn launch(&self, mode: &str) -> Launch {
        Launch::new(mode)
            .flag("--sslCert", self.file("cert.pem"))
            .flag("--sslKey", self.file("key.pem"))
            .flag("--sslClientCa", self.file("ca.pem"))
    }

    fn connect(&self, proxy: &Proxy, shown: Option<&Shown>) -> Connection {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match shown {
            Some((certificate, key)) => config
                .with_client_auth_cert(vec![certificate.clone()], key.clone_key())
                .expect("a certificate"),
            None => config.with_no_client_auth(),
        };
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a client");
        Connection::new(StreamOwned::new(session, proxy.tcp()))
    }

    fn send(&self, proxy: &Proxy, shown: &Shown, request: &Request) -> Response {
        self.connect(proxy, Some(shown)).exchange(request)
    }
}

fn is_refused(mut connection: Connection) -> bool {
    connection.try_write(&Request::get("/ping").bytes());
    !connection.rest().windows(4).any(|part| part == b"pong")
}

#[test]
fn a_certificate_lets_in_and_says_who_it_is() {
    let (authority, other) = (Authority::new(), Authority::new());
    let proxy = authority.launch("echo").start();
    let (alice, bob) = (authority.client("alice"), authority.client("bob"));
    let answer = authority.send(&proxy, &alice, &Request::mcp(initialize(LATEST)));
    let session = answer.header("mcp-session-id").expect("a session").to_owned();
    let echo = Request::mcp(call("1", "echo", r#"{"text":"x"}"#)).session(&session);
    assert_eq!(authority.send(&proxy, &alice, &echo).status, 200);
    assert_eq!(authority.send(&proxy, &bob, &echo).status, 404, "it is somebody else's");
    let stranger = other.client("alice");
    assert!(is_refused(authority.connect(&proxy, Some(&stranger))));
    assert!(is_refused(authority.connect(&proxy, None)));
}

#[test]
fn beside_tokens_both_are_needed_and_the_token_says_who_it_is() {
    let (authority, issuer) = (Authority::new(), Issuer::new());
    let proxy = issuer.guard(authority.launch("echo")).start();
    let shown = authority.client("a machine");
    let begin = Request::mcp(initialize(LATEST));
    assert_eq!(authority.send(&proxy, &shown, &begin).status, 401);
    let by = |request: Request, name: &str| {
        request.header("Authorization", &format!("Bearer {}", issuer.token(name)))
    };
    let answer = authority.send(&proxy, &shown, &by(begin, "alice"));
    assert_eq!(answer.status, 200);
    let session = answer.header("mcp-session-id").expect("a session").to_owned();
    let echo = Request::mcp(call("1", "echo", r#"{"text":"x"}"#)).session(&session);
    assert_eq!(authority.send(&proxy, &shown, &by(echo.clone(), "alice")).status, 200);
    assert_eq!(authority.send(&proxy, &shown, &by(echo, "bob")).status, 404);
}

#[test]
fn the_files_have_to_be_there() {
    let authority = Authority::new();
    let missing = Launch::new("echo")
        .flag("--sslCert", authority.file("cert.pem"))
        .flag("--sslKey", authority.file("key.pem"))
        .flag("--sslClientCa", authority.file("none.pem"))
        .run();
    assert!(missing.stderr.contains("client CA file"), "{missing:?}");
    let alone = Launch::new("echo").flag("--sslClientCa", authority.file("ca.pem")).run();
    assert!(alone.stderr.contains("--sslCert"), "{alone:?}");
}
