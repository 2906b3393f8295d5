//! The options of `startHTTPServer` as JavaScript hands them over: checked, as JSON.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use mcp_proxy_core::{
    config::{
        AllowedHosts, AuthConfig, CommandConfig, CorsConfig, CorsOrigin,
        DEFAULT_EVENT_STORE_MAX_BYTES, DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT, EventStoreConfig,
        HttpConfig, MetricsConfig, OAuthChallenge, ProxyConfig, TlsConfig, UpstreamConfig,
        UpstreamProtocol,
    },
    tunnel,
};
use serde::Deserialize;

use crate::bridge::Callbacks;

/// Left out means the default; `off` lists what was turned off.
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as users set them")]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Options {
    allowed_hosts: Vec<String>,
    api_key: Option<String>,
    authenticate: bool,
    cors: Option<Cors>,
    enable_json_response: bool,
    event_store_max_events: Option<f64>,
    host: Option<String>,
    keep_alive_timeout: Option<f64>,
    max_body_size: Option<f64>,
    normalize_charset: Option<bool>,
    oauth: Option<Oauth>,
    off: Vec<String>,
    port: u16,
    route: bool,
    session_idle_timeout: Option<f64>,
    sse_endpoint: Option<String>,
    ssl_ca: Option<PathBuf>,
    ssl_cert: Option<PathBuf>,
    ssl_key: Option<PathBuf>,
    stateless: bool,
    store: bool,
    stream_endpoint: Option<String>,
    tunnel: Option<Tunnel>,
    upstream: Option<Upstream>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Cors {
    allowed_headers: Option<Vec<String>>,
    credentials: Option<bool>,
    exposed_headers: Option<Vec<String>>,
    max_age: Option<u64>,
    methods: Option<Vec<String>>,
    origin: Option<String>,
    origins: Option<Vec<String>>,
    /// JavaScript says which origins are allowed.
    ask_origin: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Oauth {
    error: Option<String>,
    error_description: Option<String>,
    error_uri: Option<String>,
    realm: Option<String>,
    resource: Option<String>,
    scope: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Tunnel {
    host: Option<String>,
    subdomain: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Upstream {
    args: Vec<String>,
    command: String,
    connection_timeout: Option<f64>,
    cwd: Option<PathBuf>,
    env: BTreeMap<String, String>,
    request_timeout: Option<f64>,
    shell: bool,
    #[serde(rename = "upstreamProtocol")]
    protocol: Option<String>,
}

impl Options {
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| format!("unusable options: {error}"))
    }

    pub(crate) fn callbacks(&self) -> Callbacks {
        Callbacks { authenticate: self.authenticate, route: self.route, store: self.store }
    }

    /// Whether JavaScript has to be asked about anything.
    pub(crate) fn has_callbacks(&self) -> bool {
        self.authenticate || self.route || self.cors.as_ref().is_some_and(|cors| cors.ask_origin)
    }

    fn is_off(&self, option: &str) -> bool {
        self.off.iter().any(|name| name == option)
    }

    pub(crate) fn http(&self) -> HttpConfig {
        let default = HttpConfig::default();
        let endpoint = |name: &str, given: &Option<String>, default: Option<String>| {
            if self.is_off(name) { None } else { given.clone().or(default) }
        };
        HttpConfig {
            host: self.host.clone().unwrap_or(default.host),
            port: self.port,
            stream_endpoint: endpoint(
                "streamEndpoint",
                &self.stream_endpoint,
                default.stream_endpoint,
            ),
            sse_endpoint: endpoint("sseEndpoint", &self.sse_endpoint, default.sse_endpoint),
            stateless: self.stateless,
            enable_json_response: self.enable_json_response,
            modern: !self.is_off("modern"),
            auth: self.auth(),
            cors: (!self.is_off("cors")).then(|| self.cors.clone().unwrap_or_default().config()),
            allowed_hosts: if self.allowed_hosts.iter().any(|host| host == "*") {
                AllowedHosts::Any
            } else {
                AllowedHosts::Only(self.allowed_hosts.clone())
            },
            normalize_charset: self.normalize_charset.unwrap_or(true),
            event_store: self.event_store(),
            keep_alive_timeout: milliseconds(self.keep_alive_timeout, default.keep_alive_timeout),
            max_body_size: match self.max_body_size {
                _ if self.is_off("maxBodySize") => None,
                Some(size) => Some(whole(size)),
                None => default.max_body_size,
            },
            session_idle_timeout: match self.session_idle_timeout {
                None => default.session_idle_timeout,
                Some(timeout) if timeout > 0.0 => Some(Duration::from_secs_f64(timeout / 1000.0)),
                Some(_) => None,
            },
            tls: self.tls(),
            ..default
        }
    }

    fn event_store(&self) -> Option<EventStoreConfig> {
        let max_events = self.event_store_max_events.map(whole);
        (!self.is_off("eventStore")).then(|| EventStoreConfig {
            max_events: max_events.unwrap_or(EventStoreConfig::default().max_events).max(1),
            max_bytes: DEFAULT_EVENT_STORE_MAX_BYTES,
        })
    }

    fn auth(&self) -> AuthConfig {
        AuthConfig {
            api_key: self.api_key.clone().filter(|key| !key.is_empty()),
            oauth: self.oauth.clone().map(|oauth| OAuthChallenge {
                realm: oauth.realm,
                error: oauth.error,
                error_description: oauth.error_description,
                error_uri: oauth.error_uri,
                scope: oauth.scope,
                resource: oauth.resource,
            }),
        }
    }

    fn tls(&self) -> Option<TlsConfig> {
        let (ca, cert, key) = (self.ssl_ca.clone(), self.ssl_cert.clone(), self.ssl_key.clone());
        (ca.is_some() || cert.is_some() || key.is_some()).then_some(TlsConfig { ca, cert, key })
    }

    /// What to open a public URL with, if one is wanted.
    pub(crate) fn tunnel(&self) -> Option<tunnel::Config> {
        let Tunnel { host, subdomain } = self.tunnel.clone()?;
        let mut config = tunnel::Config { subdomain, ..tunnel::Config::default() };
        if let Some(host) = host {
            config.host = host;
        }
        if self.auth().api_key.is_none() && !self.authenticate {
            tracing::warn!(
                "a tunnel without apiKey and authenticate: whoever knows its URL can use the server"
            );
        }
        Some(config)
    }

    /// The whole configuration where a child is served.
    pub(crate) fn upstream(&self, http: HttpConfig) -> Option<ProxyConfig> {
        let given = self.upstream.clone()?;
        let mut command = CommandConfig::new(given.command);
        command.args = given.args.into_iter().map(Into::into).collect();
        command.shell = given.shell;
        command.cwd = given.cwd;
        command.env =
            given.env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut upstream = UpstreamConfig::new(command);
        upstream.protocol = match given.protocol.as_deref() {
            Some("auto") => UpstreamProtocol::Auto,
            Some("modern") => UpstreamProtocol::Modern,
            _ => UpstreamProtocol::Legacy,
        };
        upstream.connection_timeout =
            milliseconds(given.connection_timeout, upstream.connection_timeout);
        if let Some(timeout) = given.request_timeout {
            let timeout = Duration::from_secs_f64(timeout / 1000.0);
            upstream.request_timeout = (!timeout.is_zero()).then_some(timeout);
        }
        Some(ProxyConfig {
            http,
            upstream: upstream.into(),
            graceful_shutdown_timeout: DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT,
            metrics: MetricsConfig::default(),
        })
    }
}

impl Cors {
    fn config(self) -> CorsConfig {
        let default = CorsConfig::default();
        CorsConfig {
            origin: match (self.ask_origin, self.origins, self.origin) {
                (true, _, _) => CorsOrigin::Host,
                (_, Some(list), _) => CorsOrigin::List(list),
                (_, _, Some(value)) if !value.is_empty() && value != "*" => {
                    CorsOrigin::Fixed(value)
                }
                _ => CorsOrigin::Any,
            },
            credentials: self.credentials,
            methods: self.methods.unwrap_or(default.methods),
            allowed_headers: self.allowed_headers.unwrap_or(default.allowed_headers),
            exposed_headers: self.exposed_headers.unwrap_or(default.exposed_headers),
            max_age: self.max_age,
        }
    }
}

fn milliseconds(given: Option<f64>, default: Duration) -> Duration {
    given.map_or(default, |given| Duration::from_secs_f64((given / 1000.0).max(0.0)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count beyond the range is as good as its end"
)]
fn whole(number: f64) -> usize {
    number as usize
}
