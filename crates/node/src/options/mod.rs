//! The options of the package's functions: checked, and converted for the core.

mod auth;
mod cluster;
mod events;
mod fleet;
mod given;
mod number;
mod parts;
mod precedence;
mod recording;
mod remote;
mod replay;
mod upstream;

use std::time::Duration;

use mcp_proxy_core::{
    config::{
        AllowedHosts, AuthConfig, HttpConfig, InvalidNetwork, MetricsConfig, Policy, ProxyConfig,
        RecordingConfig, Rules, TrustedProxies, UpstreamConfig, default_write_timeout,
        is_reference,
    },
    tunnel,
};

use self::{
    events::event_store,
    fleet::fleet,
    given::{Callback, Either, Filled, Given, Off, Word, Words},
    number::{duration, milliseconds, whole},
    parts::{cors, key, tls, tunnel},
    upstream::upstream,
};
pub(crate) use self::{
    fleet::{Fleet, Place},
    given::Wrong,
    parts::{authentication, challenged},
    remote::{Remote, remote},
    replay::{Played, played},
    upstream::Upstream,
};
use crate::bridge::Callbacks;

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) http: HttpConfig,
    /// What callers may do.
    pub(crate) policy: Policy,
    /// The child to serve; without it, `config` or `createServer` is used.
    pub(crate) upstream: Option<Upstream>,
    /// The servers to serve.
    pub(crate) fleet: Option<Fleet>,
    pub(crate) tunnel: Option<tunnel::Config>,
    pub(crate) callbacks: Callbacks,
    /// Time limit for closing.
    pub(crate) grace: Option<Duration>,
    /// The recording file.
    pub(crate) recording: Option<RecordingConfig>,
}

/// How 2026-07-28 is served if the server needs translation.
#[derive(Clone, Copy)]
enum Translation {
    Refused,
}

impl Words for Translation {
    const ALL: &'static [(&'static str, Self)] = &[("strict", Self::Refused)];
}

impl Options {
    /// Parses them from JSON.
    pub(crate) fn parse(json: &str) -> Result<Self, Wrong> {
        let given = Given::parse(json)?;
        check_callbacks(&given)?;
        let cors = cors(&given)?;
        let callbacks = Callbacks {
            authenticate: given.take::<Callback>("authenticate")?.is_some(),
            origin: cors.asks,
            route: given.take::<Callback>("onUnhandledRequest")?.is_some(),
            store: matches!(given.take::<Either<Off, Given>>("eventStore")?, Some(Either::That(_))),
        };
        let http = http(&given)?;
        let (resource_server, policy) = auth::tokens(&given)?;
        let auth = AuthConfig { resource_server, ..http.auth.clone() };
        Ok(Self {
            http: HttpConfig { cors: cors.config, auth, ..http },
            policy,
            upstream: upstream(&given)?,
            fleet: fleet(&given)?,
            tunnel: tunnel(&given)?,
            callbacks,
            grace: milliseconds(&given, "gracefulShutdownTimeout")?,
            recording: recording::recording(&given)?,
        })
    }

    /// What to serve if there is a child behind the front.
    pub(crate) fn proxy(&self, upstream: UpstreamConfig) -> ProxyConfig {
        let default = mcp_proxy_core::config::DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT;
        ProxyConfig {
            http: self.http.clone(),
            upstream: upstream.into(),
            graceful_shutdown_timeout: self.grace.unwrap_or(default),
            metrics: MetricsConfig::default(),
            policy: self.policy.clone(),
            rules: Rules::default(),
        }
    }
}

fn check_callbacks(given: &Given) -> Result<(), Wrong> {
    for name in ["onClose", "onConnect", "onListenSubscriptions"] {
        given.take::<Callback>(name)?;
    }
    let creates = given.take::<Callback>("createServer")?.is_some();
    let is_fleet = given.take::<Either<Filled, Given>>("config")?.is_some();
    let starts = given.take::<Given>("upstream")?.is_some();
    match [creates, starts, is_fleet].into_iter().filter(|given| *given).count() {
        1 => Ok(()),
        _ => {
            Err("one of the options \"createServer\" and \"upstream\" must be given, or \"config\""
                .to_owned())
        }
    }
}

fn http(given: &Given) -> Result<HttpConfig, Wrong> {
    let default = HttpConfig::default();
    let keep_alive = milliseconds(given, "keepAliveTimeout")?.unwrap_or(default.keep_alive_timeout);
    Ok(HttpConfig {
        host: given.take("host")?.map_or(default.host, |Filled(host)| host),
        port: if given.has("config") {
            given.take("port")?.unwrap_or(default.port)
        } else {
            given.need("port")?
        },
        stream_endpoint: endpoint(given, "streamEndpoint", default.stream_endpoint)?,
        sse_endpoint: endpoint(given, "sseEndpoint", default.sse_endpoint)?,
        messages_endpoint: messages_endpoint(given)?,
        trusted_proxies: trusted_proxies(given)?,
        stateless: given.switch("stateless", false)?,
        enable_json_response: given.switch("enableJsonResponse", false)?,
        modern: match given.take::<Either<bool, Word<Translation>>>("modern")? {
            Some(Either::This(on)) => on,
            Some(Either::That(Word(Translation::Refused))) | None => true,
        },
        auth: key(given)?,
        allowed_hosts: match given.take::<Vec<String>>("allowedHosts")?.unwrap_or_default() {
            hosts if hosts.iter().any(|host| host == "*") => AllowedHosts::Any,
            hosts => AllowedHosts::Only(hosts),
        },
        normalize_charset: given.switch("normalizeCharset", true)?,
        event_store: event_store(given)?,
        cluster: cluster::cluster(given)?,
        keep_alive_timeout: keep_alive,
        max_body_size: match given.take::<Either<Off, f64>>("maxBodySize")? {
            None => default.max_body_size,
            Some(Either::That(size)) if size.is_finite() => Some(whole(size)),
            Some(_) => None,
        },
        max_buffered: match given.take::<Either<Off, f64>>("maxBuffered")? {
            None => default.max_buffered,
            Some(Either::That(size)) if size.is_finite() => Some(whole(size)),
            Some(_) => None,
        },
        write_timeout: match given.take::<f64>("writeTimeout")? {
            None => Some(default_write_timeout(keep_alive)),
            Some(timeout) => duration(timeout).filter(|timeout| !timeout.is_zero()),
        },
        session_idle_timeout: match given.take::<f64>("sessionIdleTimeout")? {
            None => default.session_idle_timeout,
            Some(timeout) => duration(timeout).filter(|timeout| !timeout.is_zero()),
        },
        tls: tls(given)?,
        ..default
    })
}

fn messages_endpoint(given: &Given) -> Result<Option<String>, Wrong> {
    match given.take::<String>("messagesEndpoint")? {
        Some(path) if !is_reference(&path) => {
            Err("the option \"messagesEndpoint\" must be a path".to_owned())
        }
        path => Ok(path),
    }
}

fn trusted_proxies(given: &Given) -> Result<TrustedProxies, Wrong> {
    let networks = given.take::<Vec<String>>("trustProxy")?.unwrap_or_default();
    let parsed = networks.join(",").parse();
    parsed.map_err(|error: InvalidNetwork| format!("the option \"trustProxy\": {error}"))
}

/// `null` turns an endpoint off.
fn endpoint(given: &Given, name: &str, default: Option<String>) -> Result<Option<String>, Wrong> {
    if given.is_null(name) { Ok(None) } else { Ok(given.take(name)?.or(default)) }
}
