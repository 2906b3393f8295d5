//! The HTTP client of a remote server: TLS, the way through a proxy, redirects.

use std::{path::Path, sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder, Proxy, Url, redirect};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;

use crate::{config::RemoteConfig, error::Error, tls};

/// Node's and uvicorn's servers close an idle connection after five seconds; one that is closed
/// just as it is used costs a call that cannot be repeated.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(3);
/// Silence after which the system asks whether the far end still lives.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;
/// Longest time that sent bytes may stay unconfirmed.
#[cfg(target_os = "linux")]
const UNCONFIRMED: Duration = Duration::from_mins(1);
const MAX_REDIRECTS: usize = 5;

/// A client as the configuration wants it.
pub(super) fn client(config: &RemoteConfig) -> Result<Client, Error> {
    build(config, ClientBuilder::new().redirect(redirects()))
}

/// A client on the same way, to servers that are not the configured one.
pub(super) fn for_others(config: &RemoteConfig, limit: Duration) -> Result<Client, Error> {
    build(config, ClientBuilder::new().redirect(redirect::Policy::none()).timeout(limit))
}

fn build(config: &RemoteConfig, builder: ClientBuilder) -> Result<Client, Error> {
    let builder = builder
        .user_agent(concat!("mcp-proxy/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(config.connection_timeout)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE)
        .tcp_keepalive_retries(KEEPALIVE_RETRIES)
        .tls_backend_preconfigured(tls_config(config)?);
    #[cfg(target_os = "linux")]
    let builder = builder.tcp_user_timeout(UNCONFIRMED);
    let builder = match &config.proxy {
        None => builder,
        Some(url) => {
            let proxy = Proxy::all(url).map_err(|error| {
                Error::Remote(format!("--proxy is no proxy's URL: {}", error.without_url()))
            })?;
            builder.no_proxy().proxy(proxy)
        }
    };
    builder.build().map_err(|error| Error::Remote(super::fault::chain(&error)))
}

/// A redirect is followed only if the request stays what it is and goes to the same origin: it
/// carries credentials and the client's message. Any other one comes back as an answer.
fn redirects() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let keeps_method = matches!(attempt.status().as_u16(), 307 | 308);
        let same = attempt.previous().first().is_some_and(|from| same_origin(from, attempt.url()));
        if keeps_method && same && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

fn tls_config(config: &RemoteConfig) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let failed = |error: rustls::Error| Error::Tls(error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let verifier: Arc<dyn ServerCertVerifier> = if config.insecure {
        Arc::new(Anyone(provider))
    } else {
        let roots = extra_roots(config.ca_cert.as_deref())?;
        match Verifier::new_with_extra_roots(roots, provider) {
            Ok(verifier) => Arc::new(verifier),
            // A system without certificates matters only to a server that has one.
            Err(_) if config.url.starts_with("http:") => {
                return Ok(builder
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth());
            }
            Err(error) => return Err(failed(error)),
        }
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn extra_roots(path: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Error> {
    path.map_or_else(|| Ok(Vec::new()), |path| tls::certificates("CA file", path))
}

/// Accepts every certificate, for `--insecure`.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        text: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(text, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        text: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(text, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
