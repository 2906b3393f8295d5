//! TLS for the front, from PEM files, and for requests of the proxy's own.

mod any_certificate;

pub(crate) use any_certificate::AnyCertificate;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsAcceptor;

use crate::{config::TlsConfig, error::Error};

/// Shortest time between two checks of the files.
const INTERVAL: Duration = Duration::from_secs(1);

/// The front's TLS, from files that may change: later connections get the new certificate. If the
/// new files cannot be used, the old certificate stays and this is logged.
pub(crate) struct Tls {
    config: TlsConfig,
    current: Mutex<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    stamps: Vec<Option<SystemTime>>,
    looked: Instant,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Tls {
    /// Loads the files.
    pub(crate) fn new(config: TlsConfig) -> Result<Self, Error> {
        let (stamps, looked) = (stamps(&config), Instant::now());
        let current = Mutex::new(Current { acceptor: acceptor(&config)?, stamps, looked });
        Ok(Self { config, current })
    }

    /// The acceptor for the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() >= INTERVAL {
            current.looked = Instant::now();
            let stamps = stamps(&self.config);
            if stamps != current.stamps {
                current.stamps = stamps;
                match acceptor(&self.config) {
                    Ok(acceptor) => {
                        current.acceptor = acceptor;
                        tracing::info!("the certificate was reloaded");
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the new certificate cannot be used, so the \
                                                previous one is still used");
                    }
                }
            }
        }
        current.acceptor.clone()
    }
}

/// The files' modification times.
fn stamps(config: &TlsConfig) -> Vec<Option<SystemTime>> {
    let files = [&config.cert, &config.key, &config.ca];
    let written = |path: &PathBuf| std::fs::metadata(path).ok()?.modified().ok();
    files.map(|file| file.as_ref().and_then(written)).to_vec()
}

/// Loads certificate and key.
fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, Error> {
    let (Some(cert), Some(key)) = (&config.cert, &config.key) else {
        return Err(Error::Tls(
            "a certificate (--sslCert) and its key (--sslKey) are both needed".to_owned(),
        ));
    };
    let mut chain = certificates("certificate file", cert)?;
    if let Some(ca) = &config.ca {
        chain.extend(certificates("CA file", ca)?);
    }
    let pem = read("key file", key)?;
    let key_file = key.display();
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| Error::Tls(format!("no usable private key in '{key_file}': {error}")))?;
    let failed = |error: rustls::Error| {
        Error::Tls(format!("'{}' with '{key_file}': {error}", cert.display()))
    };
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_client_cert_verifier(clients(config.client_ca.as_deref())?)
        .with_single_cert(chain, key)
        .map_err(failed)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

/// The authorities of clients' certificates, if clients need one.
fn clients(authorities: Option<&Path>) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let Some(path) = authorities else { return Ok(Arc::new(NoClientAuth)) };
    let failed = |why: &dyn fmt::Display| {
        Error::Tls(format!("clients cannot be verified with '{}': {why}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client CA file", path)? {
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    let provider = Arc::new(ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| failed(&error))
}

/// The TLS configuration of a client that trusts the system's certificates. Without any, it can
/// reach nobody over TLS.
pub(crate) fn client() -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?;
    Ok(match Verifier::new(provider) {
        Ok(verifier) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth(),
        Err(_) => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::TlsFile { what, path: path.to_owned(), source })
}

/// The certificates of a PEM file; at least one.
pub(crate) fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = read(what, path)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(Error::Tls(format!("no certificate in '{}'", path.display()))),
        Err(error) => Err(Error::Tls(format!("'{}' is not PEM: {error}", path.display()))),
    }
}
