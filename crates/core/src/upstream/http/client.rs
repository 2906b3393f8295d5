//! The HTTP client for remote servers: TLS, proxies, redirects.

use std::{path::PathBuf, sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder, Proxy, Url, redirect};
use rustls::{ClientConfig, RootCertStore, client::danger::ServerCertVerifier, crypto::ring};
use rustls_pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;

use super::{
    auth::{Reach, Resolver, Rules, TIMEOUT, bare},
    origin::same_origin,
};
use crate::{
    config::{OAuthConfig, RemoteConfig},
    error::Error,
    runtime::environment::turns_proxies_off,
    tls,
};

/// The servers of Node and uvicorn close an idle connection after five seconds. If that happens
/// just as it is used, a call may be lost that cannot be repeated.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(3);
/// Silence after which the system checks whether the other end still exists, and the time between
/// checks: a changed network, or a machine that has slept, is noticed within 15 s.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 2;
/// Longest time that sent bytes may stay unacknowledged.
#[cfg(target_os = "linux")]
const UNCONFIRMED: Duration = Duration::from_secs(10);
/// Longest time for connecting, even if the handshake may take longer.
const MAX_CONNECT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 5;

/// A client with this configuration.
pub(super) fn client(config: &RemoteConfig) -> Result<Client, Error> {
    build(config, ClientBuilder::new().redirect(redirects()))
}

/// The same without redirects.
pub(super) fn unredirected(config: &RemoteConfig) -> Result<Client, Error> {
    build(config, ClientBuilder::new().redirect(redirect::Policy::none()))
}

/// The same, for servers that the one at `url` names.
pub(super) fn for_others(
    config: &RemoteConfig,
    oauth: &OAuthConfig,
    url: &Url,
) -> Result<Reach, Error> {
    let rules = Rules::new(url, named(config, oauth));
    let builder = ClientBuilder::new()
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .dns_resolver(Resolver(Arc::clone(&rules)));
    Ok(Reach::new(build(config, builder)?, rules))
}

/// Hosts that the operator has configured: the authorization server, and proxies, whose names are
/// resolved like any other.
fn named(config: &RemoteConfig, oauth: &OAuthConfig) -> Vec<String> {
    let provider = oauth.identity_provider.as_ref().map(|provider| provider.token_endpoint.clone());
    let variables = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].into_iter();
    let variables = variables.flat_map(|name| [name.to_owned(), name.to_ascii_lowercase()]);
    let own = [oauth.issuer.clone(), config.proxy.clone(), provider].into_iter().flatten();
    let urls = own.chain(variables.filter_map(|name| std::env::var(name).ok()));
    urls.filter_map(|url| host(&url)).collect()
}

/// The host of a URL, or of a proxy, which may be written without a scheme.
fn host(text: &str) -> Option<String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    bare(&Url::parse(&whole).ok()?)
}

fn build(config: &RemoteConfig, builder: ClientBuilder) -> Result<Client, Error> {
    let builder = builder
        .user_agent(concat!("mcp-proxy/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(config.connection_timeout.min(MAX_CONNECT))
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE)
        .tcp_keepalive_retries(KEEPALIVE_RETRIES)
        .tls_backend_preconfigured(tls_config(config)?);
    #[cfg(target_os = "linux")]
    let builder = builder.tcp_user_timeout(UNCONFIRMED);
    let builder = match &config.proxy {
        None if turns_proxies_off() => builder.no_proxy(),
        None => builder,
        Some(url) => {
            let proxy = Proxy::all(url).map_err(|error| {
                Error::Remote(format!("--proxy is not the URL of a proxy: {}", error.without_url()))
            })?;
            builder.no_proxy().proxy(proxy)
        }
    };
    builder.build().map_err(|error| Error::Remote(super::fault::chain(&error)))
}

/// A redirect is followed only if method and body stay the same and the origin is the same, because
/// the request carries credentials and the client's message. Otherwise the redirect is returned as
/// the answer.
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

pub(crate) fn tls_config(config: &RemoteConfig) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let failed = |error: rustls::Error| Error::Tls(error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let verifier: Arc<dyn ServerCertVerifier> = if config.insecure {
        Arc::new(tls::AnyCertificate(provider))
    } else {
        let roots = extra_roots(&config.ca_certs)?;
        match Verifier::new_with_extra_roots(roots, provider) {
            Ok(verifier) => Arc::new(verifier),
            // A system without certificates matters only for servers with TLS.
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

fn extra_roots(paths: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read: Vec<_> =
        paths.iter().map(|path| tls::certificates("CA file", path)).collect::<Result<_, _>>()?;
    Ok(read.concat())
}
