//! What carries a connection between replicas: TLS 1.3 with a new certificate for each run, or
//! plain TCP if both ends are on this machine.
//!
//! No authority signs these certificates, and neither side checks them: both prove that they know
//! the secret over a value that only this TLS connection can export, so an attacker in between is
//! noticed.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::{ClientConfig, crypto::ring, version::TLS13};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::super::proof::{Binding, NONCE};
use crate::tls::AnyCertificate;

/// The name in every certificate; it is not checked.
const NAME: &str = "mcp-proxy-replica";
/// What the exported bytes are for (RFC 8446, 7.5).
const LABEL: &[u8] = b"EXPORTER-mcp-proxy-replica";
/// First byte of a TLS connection.
const TLS_HANDSHAKE: u8 = 22;

/// A connection, whatever carries it.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// See the module.
#[derive(Clone)]
pub(crate) struct Secure {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secure")
    }
}

impl Secure {
    /// Makes a key and a certificate.
    pub(crate) fn new() -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]);
        let made = made.map_err(|error| error.to_string())?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let failed = |error: rustls::Error| error.to_string();
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .map_err(failed)?;
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
        })
    }

    /// The dialled connection, ready for the proof.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<(Box<dyn Wire>, Binding)> {
        if is_local(&stream)? {
            return Ok((Box::new(stream), None));
        }
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let stream = self.connector.connect(name, stream).await?;
        let mut exported = [0; NONCE];
        let session = stream.get_ref().1;
        session.export_keying_material(&mut exported, LABEL, None).map_err(io::Error::other)?;
        Ok((Box::new(stream), Some(exported)))
    }

    /// The accepted connection, ready for the proof.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<(Box<dyn Wire>, Binding)> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first != [TLS_HANDSHAKE] {
            if !is_local(&stream)? {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "it does not speak TLS, which is required between machines",
                ));
            }
            return Ok((Box::new(stream), None));
        }
        let stream = self.acceptor.accept(stream).await?;
        let mut exported = [0; NONCE];
        let session = stream.get_ref().1;
        session.export_keying_material(&mut exported, LABEL, None).map_err(io::Error::other)?;
        Ok((Box::new(stream), Some(exported)))
    }
}

/// Whether both ends are on this machine.
fn is_local(stream: &TcpStream) -> io::Result<bool> {
    let is_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
    Ok(is_loopback(stream.local_addr()?) && is_loopback(stream.peer_addr()?))
}
