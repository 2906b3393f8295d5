//! What a server that requires credentials says about how to get them (RFC 9728, RFC 8414).

use http::Method;
use reqwest::Url;
use serde_json::Value;

use super::probe::{Probe, Reply};
use crate::doctor::{
    codes::{BAD_METADATA, NO_METADATA},
    report::Stage,
};

/// Follows the metadata documents from the refusal to the authorization server.
pub(super) async fn examine(probe: &Probe, url: &Url, refusal: &Reply, stage: &mut Stage) {
    let challenge = refusal.header("www-authenticate").to_owned();
    if challenge.is_empty() {
        stage.find(NO_METADATA, "", "401 comes without WWW-Authenticate");
    }
    let Some((place, resource)) = resource(probe, url, &challenge).await else {
        if !challenge.is_empty() {
            stage.find(NO_METADATA, "", "there is no document about the protected resource");
        }
        return;
    };
    let named = resource["resource"].as_str().unwrap_or_default();
    if !covers(named, url) {
        let text = format!("{place}: resource is {named:?}, which is another one");
        stage.find(BAD_METADATA, "", text);
    }
    let issuers = resource["authorization_servers"].as_array();
    let Some(issuer) = issuers.and_then(|issuers| issuers.first()).and_then(Value::as_str) else {
        return stage.find(BAD_METADATA, "", format!("{place}: authorization_servers is missing"));
    };
    stage.says(format!("signs in at {issuer}"));
    let Some(issuer_url) = Url::parse(issuer).ok().filter(Url::has_host) else {
        return stage.find(BAD_METADATA, "", format!("{place}: {issuer:?} is not a URL"));
    };
    match authorization_server(probe, &issuer_url).await {
        None => stage.find(BAD_METADATA, "", format!("{issuer} serves no metadata")),
        Some(document) => judge(issuer, &document, stage),
    }
}

fn judge(issuer: &str, document: &Value, stage: &mut Stage) {
    let said = document["issuer"].as_str().unwrap_or_default();
    if said.trim_end_matches('/') != issuer.trim_end_matches('/') {
        stage.find(BAD_METADATA, "", format!("{issuer} calls itself {said:?}"));
    }
    for member in ["authorization_endpoint", "token_endpoint"] {
        if !document[member].is_string() {
            stage.find(BAD_METADATA, "", format!("{issuer}: {member} is missing"));
        }
    }
    let methods = document["code_challenge_methods_supported"].as_array();
    if !methods.is_some_and(|methods| methods.iter().any(|method| method == "S256")) {
        let text = format!("{issuer}: it does not say that it supports PKCE (S256)");
        stage.find(BAD_METADATA, "", text);
    }
}

async fn resource(probe: &Probe, url: &Url, challenge: &str) -> Option<(String, Value)> {
    let named = parameter(challenge, "resource_metadata").and_then(|text| Url::parse(&text).ok());
    let known = |path: &str| {
        let mut known = url.clone();
        known.set_query(None);
        known.set_path(&format!("/.well-known/oauth-protected-resource{path}"));
        known
    };
    let usual = [known(url.path().trim_end_matches('/')), known("")];
    for place in named.into_iter().chain(usual) {
        if let Some(document) = document(probe, &place).await {
            return Some((place.to_string(), document));
        }
    }
    None
}

async fn authorization_server(probe: &Probe, issuer: &Url) -> Option<Value> {
    let path = issuer.path().trim_end_matches('/').to_owned();
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    let places = [
        at(format!("/.well-known/oauth-authorization-server{path}")),
        at(format!("/.well-known/openid-configuration{path}")),
        at(format!("{path}/.well-known/openid-configuration")),
    ];
    for place in places {
        if let Some(document) = document(probe, &place).await {
            return Some(document);
        }
    }
    None
}

/// Fetches a JSON document. No credentials are sent there.
async fn document(probe: &Probe, url: &Url) -> Option<Value> {
    let reply =
        probe.send(Method::GET, url, &[("accept", "application/json")], false).await.ok()?;
    if !reply.status.is_success() {
        return None;
    }
    serde_json::from_slice(&reply.body).ok().filter(Value::is_object)
}

/// A parameter of a challenge.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let (_, rest) = challenge.split_once(&format!("{name}="))?;
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().map(str::to_owned),
        None => rest.split([',', ' ']).next().map(str::to_owned),
    }
}

/// Whether a resource is the server at this URL, or contains it.
fn covers(resource: &str, url: &Url) -> bool {
    Url::parse(resource).is_ok_and(|resource| {
        let path = resource.path().trim_end_matches('/');
        resource.origin() == url.origin()
            && (url.path() == path || url.path().starts_with(&format!("{path}/")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_covers_what_is_below_it() {
        let url = Url::parse("https://host/a/mcp").unwrap();
        for (resource, expected) in [
            ("https://host/a/mcp", true),
            ("https://host/a/mcp/", true),
            ("https://host/a", true),
            ("https://host", true),
            ("https://host/b", false),
            ("https://other/a/mcp", false),
            ("https://host/a/mc", false),
            ("", false),
        ] {
            assert_eq!(covers(resource, &url), expected, "{resource}");
        }
    }

    #[test]
    fn parameters_of_a_challenge_are_read() {
        let challenge = r#"Bearer error="invalid_token", resource_metadata="https://h/x", scope=a"#;
        assert_eq!(parameter(challenge, "resource_metadata").as_deref(), Some("https://h/x"));
        assert_eq!(parameter(challenge, "scope").as_deref(), Some("a"));
        assert_eq!(parameter(challenge, "realm"), None);
    }
}
