//! `WWW-Authenticate: Bearer` (RFC 6750 §3, RFC 9728 §5.1).

use std::fmt;

use http::Uri;

use crate::config::{AuthConfig, OAuthChallenge};

/// Segment put between host and path of a protected resource to find its metadata (RFC 9728 §3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The parameters of one challenge, in the order they are written.
#[derive(Debug)]
pub(super) struct Challenge(Vec<(&'static str, String)>);

impl Challenge {
    /// For a missing or wrong API key.
    pub(super) fn api_key(config: &AuthConfig, description: &str) -> Self {
        let oauth = config.oauth.clone().unwrap_or_default();
        let error = oauth.error.clone().unwrap_or_else(|| "invalid_token".to_owned());
        Self::new(oauth, error, description)
    }

    /// For a caller who was refused for this reason; a configured `error` applies to the key only.
    pub(super) fn refused(config: &AuthConfig, description: &str) -> Self {
        let oauth = config.oauth.clone().unwrap_or_default();
        Self::new(oauth, "invalid_token".to_owned(), description)
    }

    /// For a caller whose scopes do not suffice; `None` if no protected resource is configured.
    pub(super) fn scope(
        config: &AuthConfig,
        required: &[String],
        description: Option<&str>,
    ) -> Option<Self> {
        let resource = config.oauth.as_ref()?.resource.as_deref()?;
        let mut parameters = vec![
            ("error", "insufficient_scope".to_owned()),
            ("scope", required.join(" ")),
            ("resource_metadata", metadata_url(resource)),
        ];
        parameters.extend(description.map(|text| ("error_description", text.to_owned())));
        Some(Self(parameters))
    }

    fn new(oauth: OAuthChallenge, error: String, description: &str) -> Self {
        let parameters = [
            ("realm", oauth.realm),
            ("resource_metadata", oauth.resource.as_deref().map(metadata_url)),
            ("error", Some(error)),
            ("error_description", Some(description.to_owned())),
            ("error_uri", oauth.error_uri),
            ("scope", oauth.scope),
        ];
        let set = |(name, value): (_, Option<String>)| value.map(|value| (name, value));
        Self(parameters.into_iter().filter_map(set).collect())
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<_> =
            self.0.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        write!(f, "Bearer {}", parameters.join(", "))
    }
}

/// The content of a quoted string (RFC 9110 §5.6.4).
fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"")
}

/// The URL of a protected resource's metadata.
fn metadata_url(resource: &str) -> String {
    let Ok(uri) = resource.parse::<Uri>() else { return format!("{resource}{WELL_KNOWN}") };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return format!("{resource}{WELL_KNOWN}");
    };
    let path = if uri.path() == "/" { "" } else { uri.path() };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{authority}{WELL_KNOWN}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_segment_goes_between_host_and_path() {
        for (resource, expected) in [
            ("https://h", "https://h/.well-known/oauth-protected-resource"),
            ("https://h/", "https://h/.well-known/oauth-protected-resource"),
            ("https://h/api?x=1", "https://h/.well-known/oauth-protected-resource/api?x=1"),
            ("https://h/api/", "https://h/.well-known/oauth-protected-resource/api/"),
            ("not a url", "not a url/.well-known/oauth-protected-resource"),
        ] {
            assert_eq!(metadata_url(resource), expected);
        }
    }

    #[test]
    fn parameters_keep_their_order_and_descriptions_are_escaped() {
        let oauth = OAuthChallenge {
            realm: Some("r".to_owned()),
            scope: Some("a b".to_owned()),
            ..OAuthChallenge::default()
        };
        let config = AuthConfig { oauth: Some(oauth), ..AuthConfig::default() };
        assert_eq!(
            Challenge::api_key(&config, "say \"no\"").to_string(),
            r#"Bearer realm="r", error="invalid_token", error_description="say \"no\"", scope="a b""#
        );
        let quoted = Challenge::api_key(&AuthConfig::default(), r#"a \" b"#).to_string();
        assert_eq!(quoted, r#"Bearer error="invalid_token", error_description="a \\\" b""#);
    }
}
