//! From the parsed command line to the core's configuration and the command line's own options.
//!
//! The order of the checks is the original's, so a command line with several faults is refused for
//! the same one.

mod answering;
mod auth;
mod cluster;
mod environment;
mod errand;
mod events;
mod expand;
mod fleet;
mod ping;
mod remote;
mod replay;
mod units;
mod upstream;

use std::{ffi::OsString, time::Duration};

use mcp_proxy_core::{
    config::{
        AllowedHosts, CommandConfig, CorsConfig, Filter, HttpConfig, InspectConfig, Isolation,
        MetricsConfig, MetricsListenerConfig, Pattern, ProxyConfig, RecordingConfig,
        RedactionConfig, Rules, TlsConfig, ToolRules, TrustedProxies, Upstream, is_reference,
    },
    tunnel,
};

use self::{
    events::event_store,
    units::{limit, size},
};
use crate::{
    args::{
        Typed, UsageError, Values,
        flag::Flag,
        flags::{self, Transports},
        kinds::List,
    },
    telemetry::Logging,
};

pub(crate) use errand::{Errand, Task};
pub(crate) use fleet::{FleetOptions, Origin, Process, Reading, Report, schema, unused};

/// Everything that the process needs to know to run.
#[derive(Debug)]
pub(crate) struct Options {
    /// The proxy itself.
    pub(crate) proxy: ProxyConfig,
    /// Serve one client on standard input and output instead of HTTP.
    pub(crate) stdio: bool,
    /// The log settings.
    pub(crate) logging: Logging,
    /// Open the inspection page.
    pub(crate) inspection: Option<InspectConfig>,
    /// Record all traffic.
    pub(crate) recording: Option<RecordingConfig>,
    /// Open a public tunnel to the proxy.
    pub(crate) tunnel: Option<tunnel::Config>,
    /// End with an error if the server has ended for good.
    pub(crate) exit_on_child_death: bool,
    /// Worker threads of the runtime, at least 1.
    pub(crate) threads: usize,
    /// Settings that are valid but probably not meant, as sentences for the log.
    pub(crate) warnings: Vec<String>,
}

impl TryFrom<Typed> for Options {
    type Error = UsageError;

    fn try_from(typed: Typed) -> Result<Self, UsageError> {
        let values = &typed.values;
        values.check_choices()?;
        values.of(&flags::EVENT_STORE_MAX_EVENTS)?;
        values.of(&flags::MAX_BODY_SIZE)?;
        values.of(&flags::SESSION_IDLE_TIMEOUT)?;
        let upstream = match replay::server(values, &typed.command)? {
            Some(player) => player,
            None => upstream::server(values, typed.command)?,
        };
        let stdio = matches!(upstream, Upstream::Remote(_)) && !values.has(&flags::PORT);
        let mut warnings = warnings(values, &typed.ignored);
        warnings.extend(remote::rejoined(&typed.rejoined));
        auth::check_isolation(values)?;
        if !stdio {
            warnings.extend(auth::exposure(values)?);
        }
        match &upstream {
            Upstream::Command(config) => warnings.extend(shell_warning(&config.command)),
            _ => warnings.extend(remote::warnings(values, stdio)),
        }
        Ok(Self {
            stdio,
            logging: logging(values)?,
            inspection: inspection(values)?,
            recording: recording(values)?,
            tunnel: tunnel(values)?,
            exit_on_child_death: values.of(&flags::EXIT_ON_CHILD_DEATH)?,
            threads: size(values.of(&flags::THREADS)?),
            warnings,
            proxy: ProxyConfig {
                http: http(values)?,
                upstream,
                graceful_shutdown_timeout: Duration::from_millis(
                    values.of(&flags::GRACEFUL_SHUTDOWN_TIMEOUT)?,
                ),
                metrics: metrics(values)?,
                policy: auth::policy(values)?,
                rules: rules(values)?,
            },
        })
    }
}

fn tunnel(values: &Values) -> Result<Option<tunnel::Config>, UsageError> {
    if !values.of(&flags::TUNNEL)? {
        return Ok(None);
    }
    let mut config = tunnel::Config {
        subdomain: values.of(&flags::TUNNEL_SUBDOMAIN)?,
        ..tunnel::Config::default()
    };
    if let Some(host) = values.of(&flags::TUNNEL_HOST)? {
        config.host = host;
    }
    Ok(Some(config))
}

fn http(values: &Values) -> Result<HttpConfig, UsageError> {
    let (stream_endpoint, sse_endpoint) = endpoints(values)?;
    Ok(HttpConfig {
        host: values.of(&flags::HOST)?,
        port: u16::try_from(values.of(&flags::PORT)?).unwrap_or(u16::MAX),
        stream_endpoint,
        sse_endpoint,
        messages_endpoint: messages_endpoint(values)?,
        trusted_proxies: trusted_proxies(values)?,
        stateless: values.of(&flags::STATELESS)?,
        enable_json_response: values.of(&flags::JSON_RESPONSE)?,
        modern: values.of(&flags::MODERN)?,
        auth: auth::auth(values)?,
        cors: Some(cors(values)?),
        allowed_hosts: allowed_hosts(values)?,
        event_store: event_store(values)?,
        // Zero means no limit, as in the original's HTTP server.
        keep_alive_timeout: Duration::from_millis(
            limit(values.of(&flags::KEEP_ALIVE_TIMEOUT)?).unwrap_or(FOR_EVER_MILLIS),
        ),
        max_body_size: limit(values.of(&flags::MAX_BODY_SIZE)?).map(size),
        max_sessions: size(values.of(&flags::MAX_SESSIONS)?),
        max_connections: limit(values.of(&flags::MAX_CONNECTIONS)?).map(size),
        max_in_flight: limit(values.of(&flags::MAX_IN_FLIGHT)?).map(size),
        header_timeout: Duration::from_millis(values.of(&flags::HEADER_TIMEOUT)?),
        body_timeout: Duration::from_millis(values.of(&flags::BODY_TIMEOUT)?),
        max_connections_per_ip: limit(values.of(&flags::MAX_CONNECTIONS_PER_IP)?).map(size),
        rate_limit: limit(values.of(&flags::RATE_LIMIT)?)
            .map(|rate| u32::try_from(rate).unwrap_or(u32::MAX)),
        max_connection_age: limit(values.of(&flags::MAX_CONNECTION_AGE)?)
            .map(Duration::from_millis),
        max_connection_requests: limit(values.of(&flags::MAX_CONNECTION_REQUESTS)?),
        write_timeout: limit(values.of(&flags::WRITE_TIMEOUT)?).map(Duration::from_millis),
        max_buffered: limit(values.of(&flags::MAX_BUFFERED)?).map(size),
        trace_context: values.of(&flags::TRACE_CONTEXT)?,
        session_idle_timeout: limit(values.of(&flags::SESSION_IDLE_TIMEOUT)?)
            .map(Duration::from_millis),
        tls: tls(values)?,
        cluster: cluster::cluster(values)?,
        ..HttpConfig::default()
    })
}

/// A hundred years, which can be added to any clock without overflow.
const FOR_EVER_MILLIS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;

/// Paths of the Streamable HTTP and the SSE endpoint; `None` if one is not served.
///
/// Differs from mcp-proxy: `--endpoint` works as its README says; the original never reads it.
fn endpoints(values: &Values) -> Result<(Option<String>, Option<String>), UsageError> {
    let transports = values.of(&flags::SERVER)?;
    let only = values.of(&flags::ENDPOINT)?.filter(|_| transports != Transports::Both);
    let path = |flag, unserved| match &only {
        _ if transports == unserved => Ok(None),
        Some(only) if !values.has(flag) => Ok(Some(only.clone())),
        _ => values.of(flag),
    };
    match (
        path(&flags::STREAM_ENDPOINT, Transports::Sse)?,
        path(&flags::SSE_ENDPOINT, Transports::Stream)?,
    ) {
        (None, None) => Err(UsageError::NothingToServe),
        paths => Ok(paths),
    }
}

fn messages_endpoint(values: &Values) -> Result<Option<String>, UsageError> {
    let given = values.of(&flags::MESSAGES_ENDPOINT)?.filter(|path| !path.is_empty());
    match given {
        Some(path) if !is_reference(&path) => Err(UsageError::MessagesEndpoint(path)),
        given => Ok(given),
    }
}

fn trusted_proxies(values: &Values) -> Result<TrustedProxies, UsageError> {
    Ok(values.of(&flags::TRUST_PROXY)?.join(",").parse()?)
}

/// Which tools are served. A word may contain several names; without `*` or `?` it is a single
/// name.
fn rules(values: &Values) -> Result<Rules, UsageError> {
    let patterns = |flag: &Flag<List>| -> Result<Vec<Pattern>, UsageError> {
        let words = values.of(flag)?;
        let words = words.iter().flat_map(|list| list.split(',')).map(str::trim);
        let words = words.filter(|word| !word.is_empty()).map(str::to_owned);
        let pattern = |word: String| {
            if word.contains(['*', '?']) { Pattern::Glob(word) } else { Pattern::Exact(word) }
        };
        Ok(words.map(pattern).collect())
    };
    let allow = patterns(&flags::ALLOW_TOOL)?;
    // An empty list of allowed names differs from no list.
    let allow = if values.has(&flags::ALLOW_TOOL) { vec![allow] } else { vec![] };
    let filter = Filter { allow, deny: patterns(&flags::IGNORE_TOOL)? };
    Ok(Rules { tools: ToolRules { filter, ..ToolRules::default() }, ..Rules::default() })
}

fn cors(values: &Values) -> Result<CorsConfig, UsageError> {
    let mut cors = CorsConfig::default();
    let added = values.of(&flags::CORS_ADD_ALLOWED_HEADER)?;
    cors.allowed_headers.extend(added.into_iter().filter(|header| !header.is_empty()));
    Ok(cors)
}

fn allowed_hosts(values: &Values) -> Result<AllowedHosts, UsageError> {
    let given = values.of(&flags::ALLOWED_HOSTS)?;
    let hosts = given
        .iter()
        .flat_map(|hosts| hosts.split(','))
        .map(str::trim)
        .filter(|host| !host.is_empty());
    let hosts: Vec<String> = hosts.map(|host| without_port(host).to_ascii_lowercase()).collect();
    Ok(if hosts.iter().any(|host| host == "*") {
        AllowedHosts::Any
    } else {
        AllowedHosts::Only(hosts)
    })
}

/// The name in `name:port`; an IPv6 address keeps its colons.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

fn logging(values: &Values) -> Result<Logging, UsageError> {
    Ok(Logging {
        debug: values.of(&flags::DEBUG)?,
        level: values.of(&flags::LOG_LEVEL)?,
        format: values.of(&flags::LOG_FORMAT)?,
    })
}

fn inspection(values: &Values) -> Result<Option<InspectConfig>, UsageError> {
    let port = values.of(&flags::INSPECT_PORT)?;
    let redaction =
        RedactionConfig { off: values.of(&flags::INSPECT_RAW)?, what: values.of(&flags::REDACT)? };
    let wanted = values.of(&flags::INSPECT)? || port.is_some();
    Ok(wanted.then(|| InspectConfig { port: port.unwrap_or_default(), redaction }))
}

fn recording(values: &Values) -> Result<Option<RecordingConfig>, UsageError> {
    let Some(file) = values.of(&flags::RECORD)? else { return Ok(None) };
    Ok(Some(RecordingConfig {
        max_size: values.of(&flags::RECORD_MAX_SIZE)?,
        max_files: size(values.of(&flags::RECORD_MAX_FILES)?),
        redaction: RedactionConfig { off: false, what: values.of(&flags::REDACT)? },
        ..RecordingConfig::new(file)
    }))
}

fn metrics(values: &Values) -> Result<MetricsConfig, UsageError> {
    let on_front = values.of(&flags::METRICS)?;
    if on_front && !auth::auth(values)?.is_on() {
        return Err(UsageError::OpenMetrics);
    }
    let host = values.of(&flags::METRICS_HOST)?;
    let port = values.of(&flags::METRICS_PORT)?;
    let listener = port.map(|port| MetricsListenerConfig { host, port });
    Ok(MetricsConfig { on_front, listener, read: false })
}

/// Differs from mcp-proxy: half a pair is refused at the start; there every handshake would fail.
fn tls(values: &Values) -> Result<Option<TlsConfig>, UsageError> {
    let tls = TlsConfig {
        ca: values.of(&flags::SSL_CA)?,
        cert: values.of(&flags::SSL_CERT)?,
        key: values.of(&flags::SSL_KEY)?,
        client_ca: values.of(&flags::SSL_CLIENT_CA)?,
    };
    let extra = tls.ca.as_ref().or(tls.client_ca.as_ref());
    match (&extra, &tls.cert, &tls.key) {
        (None, None, None) => Ok(None),
        (_, Some(_), Some(_)) => Ok(Some(tls)),
        (_, None, Some(_)) => Err(UsageError::IncompleteTls { missing: "--sslCert" }),
        (_, Some(_), None) => Err(UsageError::IncompleteTls { missing: "--sslKey" }),
        (Some(_), None, None) => Err(UsageError::IncompleteTls { missing: "both of them" }),
    }
}

fn warnings(values: &Values, ignored: &[OsString]) -> Vec<String> {
    let mut warnings = Vec::new();
    if !ignored.is_empty() {
        let words: Vec<_> = ignored.iter().map(|word| word.to_string_lossy()).collect();
        warnings.push(format!(
            "ignored before --: {}; the command is what comes after --",
            words.join(" ")
        ));
    }
    let isolation = values.of(&flags::ISOLATION).unwrap_or_default();
    if isolation == Isolation::Request && !values.of(&flags::STATELESS).unwrap_or_default() {
        warnings.push(
            "--isolation request without --stateless: clients that open sessions have a server for \
             each session, as with --isolation session"
                .to_owned(),
        );
    }
    if isolation == Isolation::Shared && values.has(&flags::CHILD_IDLE_TIMEOUT) {
        warnings.push("--childIdleTimeout has no effect on a shared server".to_owned());
    }
    warnings.extend(cluster::warnings(values));
    if values.has(&flags::METRICS_HOST) && !values.has(&flags::METRICS_PORT) {
        warnings.push("--metricsHost has no effect without --metricsPort".to_owned());
    }
    let inspected = values.has(&flags::INSPECT) || values.has(&flags::INSPECT_PORT);
    if values.has(&flags::INSPECT_RAW) && !inspected {
        warnings.push("--inspectRaw has no effect without --inspect".to_owned());
    }
    let unrecorded = !values.has(&flags::RECORD);
    if unrecorded && (values.has(&flags::RECORD_MAX_SIZE) || values.has(&flags::RECORD_MAX_FILES)) {
        warnings.push(
            "--recordMaxSize and --recordMaxFiles have no effect without --record".to_owned(),
        );
    }
    if values.has(&flags::ENDPOINT) && !values.has(&flags::SERVER) {
        warnings
            .push("--endpoint has no effect without --server sse or --server stream".to_owned());
    }
    warnings
}

/// The warning about `--shell` and a word with a space.
fn shell_warning(command: &CommandConfig) -> Option<String> {
    let spaced = |word: &OsString| word.as_encoded_bytes().contains(&b' ');
    // A single word is a whole command line, written for the shell.
    let joined = command.shell && !command.args.is_empty();
    let split = joined && (spaced(&command.program) || command.args.iter().any(spaced));
    split.then(|| {
        "--shell joins the words of the command without quoting, and one of them holds a space: \
         the shell will see it as several words"
            .to_owned()
    })
}

#[cfg(test)]
mod tests;
