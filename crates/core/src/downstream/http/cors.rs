//! CORS headers, exactly as the original sends them.

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use crate::{
    config::{CorsConfig, CorsOrigin},
    telemetry::console_error,
};

/// The headers of an answer to a request with an `Origin`.
#[derive(Debug)]
pub(super) struct Cors {
    config: CorsConfig,
    fixed: Vec<(HeaderName, HeaderValue)>,
}

impl Cors {
    pub(super) fn new(config: CorsConfig) -> Self {
        let max_age = config.max_age.map(|seconds| seconds.to_string());
        let fixed = [
            (header::VARY, Some("Origin".to_owned())),
            (header::ACCESS_CONTROL_ALLOW_METHODS, Some(config.methods.join(", "))),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, Some(config.allowed_headers.join(", "))),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, Some(config.exposed_headers.join(", "))),
            (header::ACCESS_CONTROL_MAX_AGE, max_age),
        ];
        let valid = |(name, value): (HeaderName, Option<String>)| {
            Some((name, HeaderValue::try_from(value?).ok()?))
        };
        Self { fixed: fixed.into_iter().filter_map(valid).collect(), config }
    }

    /// Whether the host decides which origins are allowed.
    pub(super) fn asks_host(&self) -> bool {
        matches!(self.config.origin, CorsOrigin::Host)
    }

    /// Adds the headers for this origin; `allowed` is the host's decision.
    pub(super) fn answer(&self, origin: &HeaderValue, allowed: bool, headers: &mut HeaderMap) {
        let Some(serialised) = serialise(origin) else {
            console_error!("[mcp-proxy] error parsing origin {origin:?}");
            return;
        };
        for (name, value) in &self.fixed {
            headers.insert(name.clone(), value.clone());
        }
        let allowed = match &self.config.origin {
            CorsOrigin::Host => allowed.then(|| origin.clone()),
            CorsOrigin::Any => Some(HeaderValue::from_static("*")),
            CorsOrigin::Fixed(value) => HeaderValue::try_from(value).ok(),
            CorsOrigin::List(list) => {
                let listed = list.contains(&serialised);
                listed.then(|| HeaderValue::try_from(serialised).ok()).flatten()
            }
        };
        let wildcard = allowed.as_ref().is_some_and(|value| value == "*");
        if let Some(credentials) = self.config.credentials.filter(|_| !wildcard) {
            let value = HeaderValue::from_static(if credentials { "true" } else { "false" });
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, value);
        }
        if let Some(allowed) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
    }
}

/// Scheme, host and port of an origin, without a default port; `None` for anything else.
fn serialise(origin: &HeaderValue) -> Option<String> {
    let uri: Uri = origin.to_str().ok()?.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let host = uri.host()?.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    Some(match uri.port_u16().filter(|port| Some(*port) != default) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(config: CorsConfig, origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        Cors::new(config).answer(&HeaderValue::from_static(origin), false, &mut headers);
        headers
    }

    #[test]
    fn defaults_are_the_original_s() {
        let headers = answer(CorsConfig::default(), "https://a.example");
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert_eq!(headers["access-control-allow-methods"], "GET, POST, OPTIONS");
        assert_eq!(
            headers["access-control-allow-headers"],
            "Content-Type, Authorization, Accept, Mcp-Session-Id, Mcp-Protocol-Version, \
             Last-Event-Id, Mcp-Method, Mcp-Name"
        );
        assert_eq!(headers["access-control-expose-headers"], "Mcp-Session-Id");
        assert_eq!(headers["vary"], "Origin");
        assert_eq!(headers.len(), 5);
    }

    #[test]
    fn a_listed_origin_is_echoed_and_any_other_gets_no_allow_origin() {
        let config = || CorsConfig {
            origin: CorsOrigin::List(vec!["https://a.example".to_owned()]),
            credentials: Some(true),
            ..CorsConfig::default()
        };
        let headers = answer(config(), "https://A.example:443");
        assert_eq!(headers["access-control-allow-origin"], "https://a.example");
        assert_eq!(headers["access-control-allow-credentials"], "true");
        let headers = answer(config(), "https://b.example");
        assert!(!headers.contains_key("access-control-allow-origin"));
        assert_eq!(headers["access-control-allow-credentials"], "true");
    }

    #[test]
    fn credentials_are_never_combined_with_a_wildcard() {
        let config = CorsConfig { credentials: Some(true), ..CorsConfig::default() };
        let headers = answer(config, "https://a.example");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }

    #[test]
    fn an_origin_that_is_no_url_gets_no_cors_headers() {
        assert!(answer(CorsConfig::default(), "null").is_empty());
    }
}
