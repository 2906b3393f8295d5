//! The port: paths, limits, authentication and TLS.

use std::time::Duration;

use mcp_proxy_core::config::{
    AllowedHosts, CorsConfig, HttpConfig, TlsConfig, TrustedProxies, default_write_timeout,
    is_reference,
};

use super::{
    auth, cluster,
    events::event_store,
    units::{limit, size},
};
use crate::args::{
    UsageError, Values,
    flags::{self, Transports},
};

/// See the module.
pub(super) fn http(values: &Values) -> Result<HttpConfig, UsageError> {
    let (stream_endpoint, sse_endpoint) = endpoints(values)?;
    let keep_alive = limit(values.of(&flags::KEEP_ALIVE_TIMEOUT)?).unwrap_or(FOR_EVER_MILLIS);
    let keep_alive = Duration::from_millis(keep_alive);
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
        keep_alive_timeout: keep_alive,
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
        write_timeout: if values.has(&flags::WRITE_TIMEOUT) {
            limit(values.of(&flags::WRITE_TIMEOUT)?).map(Duration::from_millis)
        } else {
            Some(default_write_timeout(keep_alive))
        },
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
