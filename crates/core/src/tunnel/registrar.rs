//! Registering with the tunnel server over HTTP.
//!
//! A refusal is final; an overloaded, broken or unreachable server is retried without end, with
//! growing delays. Everything here stops at once when its future is dropped.

use std::{sync::Arc, time::Duration};

use http::{StatusCode, header};
use reqwest::{Client, ClientBuilder, Response, Url, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde::Deserialize;
use tracing::{debug, warn};

use super::{
    backoff::Backoff,
    config::{Config, Limits, Proxy},
    error::{Error, chain},
    registration::Registration,
};
use crate::runtime::environment::turns_proxies_off;

/// How often an id that is in use is requested before another one is accepted.
const CLAIMS: usize = 3;
/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Longest part of a refusal that is shown.
const MAX_MESSAGE_CHARS: usize = 500;

/// One tunnel server's registration endpoint.
#[derive(Debug)]
pub(super) struct Registrar {
    client: Client,
    host: Url,
    limits: Limits,
}

enum Failure {
    Final(Error),
    Passing(String),
}

impl Registrar {
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        let host = Url::parse(&config.host)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Error::Host(config.host.clone()))?;
        Ok(Self { client: client(config, &host)?, host, limits: config.limits })
    }

    pub(super) fn scheme(&self) -> &str {
        self.host.scheme()
    }

    /// Host and, if it is not the default, port: shown to the user.
    pub(super) fn name(&self) -> String {
        let host = self.host.host_str().unwrap_or_default();
        self.host.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Registers as `wanted`. An id that is in use is requested a few times, since its holder may
    /// be an earlier run of this program; then the assigned one is accepted, with a warning.
    pub(super) async fn claim(&self, wanted: Option<&str>) -> Result<Registration, Error> {
        let mut registration = self.register(wanted).await?;
        let Some(wanted) = wanted else { return Ok(registration) };
        for _ in 1..CLAIMS {
            if registration.id == wanted {
                return Ok(registration);
            }
            debug!("the subdomain {wanted:?} is taken; asking again");
            tokio::time::sleep(self.limits.reclaim_wait).await;
            registration = self.register(Some(wanted)).await?;
        }
        if registration.id != wanted {
            let (host, id) = (self.name(), &registration.id);
            warn!("the subdomain {wanted:?} is taken on {host}; the tunnel got {id:?} instead");
        }
        Ok(registration)
    }

    async fn register(&self, wanted: Option<&str>) -> Result<Registration, Error> {
        let mut backoff = Backoff::new(&self.limits);
        loop {
            match self.attempt(wanted).await {
                Ok(registration) => return Ok(registration),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(reason)) => {
                    let delay = backoff.next_delay();
                    let name = self.name();
                    warn!(
                        "{name} does not register the tunnel: {reason}; trying again in {:.1} s",
                        delay.as_secs_f64()
                    );
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    async fn attempt(&self, wanted: Option<&str>) -> Result<Registration, Failure> {
        let request = self.client.get(self.address(wanted));
        let response =
            request.header(header::ACCEPT, "application/json").send().await.map_err(passing)?;
        let status = response.status();
        let body = read(response).await?;
        if status.is_success() {
            let host = self.host.host_str().unwrap_or_default();
            return Registration::parse(&body, host, wanted)
                .map_err(|reason| Failure::Final(Error::Answer { host: self.name(), reason }));
        }
        if status.is_redirection() {
            let message =
                "it redirects to another address, which is not followed; --tunnelHost names \
                           the tunnel server itself"
                    .to_owned();
            return Err(Failure::Final(Error::Refused { status, message }));
        }
        let message = message(&body).unwrap_or_else(|| status.to_string());
        if is_passing(status) {
            return Err(Failure::Passing(format!("{}: {message}", status.as_u16())));
        }
        Err(Failure::Final(Error::Refused { status, message }))
    }

    fn address(&self, wanted: Option<&str>) -> Url {
        let mut address = self.host.clone();
        // Only URLs that cannot be a base have no path, and this one was checked to be HTTP.
        if let Ok(mut path) = address.path_segments_mut() {
            path.pop_if_empty().push(wanted.unwrap_or_default());
        }
        address.set_query(wanted.is_none().then_some("new"));
        address
    }
}

fn client(config: &Config, host: &Url) -> Result<Client, Error> {
    let builder = ClientBuilder::new()
        .user_agent(concat!("mcp-proxy/", env!("CARGO_PKG_VERSION")))
        .timeout(config.limits.registration_timeout)
        .connect_timeout(config.limits.connect_timeout)
        .pool_idle_timeout(Duration::ZERO)
        // The answer must not choose where this machine connects to.
        .redirect(redirect::Policy::none())
        .tls_backend_preconfigured(tls(host)?);
    let builder = match &config.proxy {
        Proxy::Environment if turns_proxies_off() => builder.no_proxy(),
        Proxy::Environment => builder,
        Proxy::Direct => builder.no_proxy(),
        Proxy::Url(url) => {
            builder.no_proxy().proxy(reqwest::Proxy::all(url).map_err(Error::Proxy)?)
        }
    };
    builder.build().map_err(|error| Error::Client(chain(&error)))
}

/// TLS with the system's certificates (on Linux `SSL_CERT_FILE` and `SSL_CERT_DIR` add to them). A
/// system without certificates matters only for an HTTPS host.
fn tls(host: &Url) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Client(error.to_string()))?;
    match builder.clone().with_platform_verifier() {
        Ok(trusting) => Ok(trusting.with_no_client_auth()),
        Err(error) if host.scheme() == "https" => Err(Error::Trust(error)),
        Err(_) => Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()),
    }
}

/// Temporary causes: the network, an overloaded or a broken server.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}

fn passing(error: reqwest::Error) -> Failure {
    Failure::Passing(chain(&error.without_url()))
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(passing)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Failure::Passing("the answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The server's own text, safe for one line of a log.
fn message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    let Refusal { message } = serde_json::from_slice(body).ok()?;
    let line: String =
        message.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE_CHARS).collect();
    (!line.is_empty()).then_some(line)
}
