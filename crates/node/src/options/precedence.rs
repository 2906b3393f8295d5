//! The options before the file that defines the servers.

use mcp_proxy_core::{
    config::{FleetConfig, HttpConfig, ServerConfig},
    tunnel,
};

use super::Options;

impl Options {
    /// The tunnel in the options, else the one in the file.
    pub(crate) fn or_tunnel(&self, file: Option<&tunnel::Config>) -> Option<tunnel::Config> {
        let given = self.fleet.as_ref().is_some_and(|fleet| fleet.given.contains(&"tunnel"));
        if given { self.tunnel.clone() } else { file.cloned() }
    }

    /// What to serve if a file defines it.
    pub(crate) fn over(&self, file: FleetConfig) -> FleetConfig {
        let given = self.fleet.as_ref().map(|fleet| fleet.given.as_slice()).unwrap_or_default();
        let budget = self.grace.unwrap_or(file.graceful_shutdown_timeout);
        let held = |server: &ServerConfig| ServerConfig {
            policy: self.policy.clone().and(server.policy.clone()),
            ..server.clone()
        };
        FleetConfig {
            servers: file.servers.iter().map(held).collect(),
            http: over(&self.http, given, file.http.clone()),
            graceful_shutdown_timeout: budget,
            ..file
        }
    }
}

/// The settings of a port: the options, else the file.
fn over(options: &HttpConfig, given: &[&str], mut http: HttpConfig) -> HttpConfig {
    let options = options.clone();
    for name in given {
        match *name {
            "allowedHosts" => http.allowed_hosts = options.allowed_hosts.clone(),
            "apiKey" => http.auth.api_key.clone_from(&options.auth.api_key),
            "auth" => http.auth.resource_server.clone_from(&options.auth.resource_server),
            "cors" => http.cors.clone_from(&options.cors),
            "enableJsonResponse" => http.enable_json_response = options.enable_json_response,
            "eventStore" | "eventStoreMaxEvents" => {
                http.event_store.clone_from(&options.event_store);
            }
            "host" => http.host.clone_from(&options.host),
            "keepAliveTimeout" => http.keep_alive_timeout = options.keep_alive_timeout,
            "maxBodySize" => http.max_body_size = options.max_body_size,
            "maxBuffered" => http.max_buffered = options.max_buffered,
            "peerPort" | "peerSecret" | "peers" | "store" => {
                http.cluster.clone_from(&options.cluster);
            }
            "modern" => http.modern = options.modern,
            "port" => http.port = options.port,
            "sessionIdleTimeout" => http.session_idle_timeout = options.session_idle_timeout,
            "sseEndpoint" => http.sse_endpoint.clone_from(&options.sse_endpoint),
            "sslCert" => http.tls.clone_from(&options.tls),
            "stateless" => http.stateless = options.stateless,
            "streamEndpoint" => http.stream_endpoint.clone_from(&options.stream_endpoint),
            "writeTimeout" => http.write_timeout = options.write_timeout,
            _ => {}
        }
    }
    http.auth.oauth = options.auth.oauth;
    http.normalize_charset = options.normalize_charset;
    http.shares_port = options.shares_port;
    http
}
