//! Who grants access to a server: RFC 9728 and RFC 8414 documents, and what stands in for them.

use std::net::Ipv4Addr;

use reqwest::{Client, Url};
use serde::{Deserialize, de::DeserializeOwned};

use super::challenge::Challenge;

/// Longest document that is read.
const MAX_DOCUMENT: usize = 256 * 1024;
const PROTECTED_RESOURCE: &str = "oauth-protected-resource";
const AUTHORIZATION_SERVER: &str = "oauth-authorization-server";
const OPENID: &str = "openid-configuration";

/// Everything that is known of who grants access.
#[derive(Clone, Debug)]
pub(super) struct Grantor {
    /// The resource that tokens are asked for; none where the server does not describe itself.
    pub(super) resource: Option<String>,
    /// The scopes that the server describes.
    pub(super) scopes: Option<Vec<String>>,
    pub(super) server: AuthorizationServer,
}

/// The metadata of an authorization server, as far as it matters here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthorizationServer {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) token_endpoint: String,
    pub(super) registration_endpoint: Option<String>,
    pub(super) scopes_supported: Option<Vec<String>>,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
    pub(super) authorization_response_iss_parameter_supported: bool,
    /// It was not described, only assumed (MCP 2025-03-26, authorization, "Fallbacks").
    #[serde(skip)]
    pub(super) assumed: bool,
}

#[derive(Deserialize)]
struct ProtectedResource {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    scopes_supported: Option<Vec<String>>,
}

/// Finds out who grants access to the server at `url`.
pub(super) async fn discover(
    http: &Client,
    url: &Url,
    challenge: &Challenge,
) -> Result<Grantor, String> {
    let described = protected_resource(http, url, challenge).await?;
    let Some(described) = described else {
        let issuer = root(url);
        let server = match metadata(http, &issuer).await? {
            Some(server) => server,
            None => assumed(&issuer)?,
        };
        return Ok(Grantor { resource: None, scopes: None, server: checked(server)? });
    };
    if !covers(&described.resource, url) {
        let resource = &described.resource;
        return Err(format!("the server describes itself as another resource, {resource}"));
    }
    let issuer =
        described.authorization_servers.first().ok_or("it names no authorization server")?;
    let issuer: Url = issuer.parse().map_err(|_| "its authorization server is not a URL")?;
    let server = metadata(http, &issuer).await?;
    let server = server.ok_or_else(|| format!("{issuer} does not describe itself"))?;
    Ok(Grantor {
        resource: Some(described.resource),
        scopes: described.scopes_supported,
        server: checked(server)?,
    })
}

async fn protected_resource(
    http: &Client,
    url: &Url,
    challenge: &Challenge,
) -> Result<Option<ProtectedResource>, String> {
    if let Some(place) = &challenge.resource_metadata {
        let place: Url = place.parse().map_err(|_| "resource_metadata is not a URL")?;
        return fetch(http, place).await;
    }
    for place in [well_known(url, PROTECTED_RESOURCE), well_known(&root(url), PROTECTED_RESOURCE)] {
        if let Some(found) = fetch(http, place).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn metadata(http: &Client, issuer: &Url) -> Result<Option<AuthorizationServer>, String> {
    for place in metadata_places(issuer) {
        let found: Option<AuthorizationServer> = fetch(http, place).await?;
        if let Some(server) = found {
            if server.issuer.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
                let claimed = &server.issuer;
                return Err(format!("the metadata of {issuer} are those of {claimed}"));
            }
            return Ok(Some(server));
        }
    }
    Ok(None)
}

/// RFC 8414 section 3.1 and OpenID Connect Discovery, in the order that MCP gives them.
fn metadata_places(issuer: &Url) -> Vec<Url> {
    let mut places = vec![well_known(issuer, AUTHORIZATION_SERVER), well_known(issuer, OPENID)];
    if issuer.path() != "/" {
        let mut place = issuer.clone();
        place.set_path(&format!("{}/.well-known/{OPENID}", issuer.path().trim_end_matches('/')));
        places.push(place);
    }
    places
}

/// The document of this name about a URL: the name goes between host and path.
fn well_known(url: &Url, name: &str) -> Url {
    let mut place = root(url);
    place.set_path(&format!("/.well-known/{name}{}", url.path().trim_end_matches('/')));
    place
}

fn root(url: &Url) -> Url {
    let mut root = url.clone();
    root.set_path("/");
    root.set_query(None);
    root.set_fragment(None);
    root
}

/// Whether a resource is the one at `url`, or one that holds it.
fn covers(resource: &str, url: &Url) -> bool {
    let Ok(resource) = resource.parse::<Url>() else { return false };
    let within = resource.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(within);
    resource.origin() == url.origin()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn assumed(issuer: &Url) -> Result<AuthorizationServer, String> {
    let at = |path| issuer.join(path).map(String::from).map_err(|error| error.to_string());
    Ok(AuthorizationServer {
        issuer: issuer.to_string(),
        authorization_endpoint: Some(at("/authorize")?),
        token_endpoint: at("/token")?,
        registration_endpoint: Some(at("/register")?),
        assumed: true,
        ..AuthorizationServer::default()
    })
}

/// Secrets and codes go to these places only if nobody can read them on the way.
fn checked(server: AuthorizationServer) -> Result<AuthorizationServer, String> {
    let places = [&server.authorization_endpoint, &server.registration_endpoint];
    for place in places.into_iter().flatten().chain([&server.token_endpoint]) {
        let safe = place.parse::<Url>().is_ok_and(|url| is_safe(&url));
        if !safe {
            return Err(format!("{place:?} is no HTTPS URL"));
        }
    }
    let proves = |methods: &Vec<String>| methods.iter().any(|method| method == "S256");
    let described = server.code_challenge_methods_supported.as_ref();
    if !server.assumed && server.authorization_endpoint.is_some() && !described.is_some_and(proves)
    {
        return Err(format!("{} does not support PKCE (S256)", server.issuer));
    }
    Ok(server)
}

/// HTTPS, or a machine that is this one.
pub(super) fn is_safe(url: &Url) -> bool {
    let is_loopback = |host: &str| {
        let address = host.parse::<Ipv4Addr>();
        matches!(host, "localhost" | "[::1]") || address.is_ok_and(|address| address.is_loopback())
    };
    let loopback = url.host_str().is_some_and(is_loopback);
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

/// A JSON document; none if it is not there.
async fn fetch<T: DeserializeOwned>(http: &Client, place: Url) -> Result<Option<T>, String> {
    if !is_safe(&place) {
        // A server without TLS is not asked who may use it.
        return Ok(None);
    }
    let shown = place.clone();
    let failed = |error: reqwest::Error| {
        format!("{shown}: {}", super::super::fault::chain(&error.without_url()))
    };
    let response = http.get(place).header("accept", "application/json").send().await;
    let response = response.map_err(failed)?;
    if !response.status().is_success() {
        return Ok(None);
    }
    let body = read(response).await.map_err(failed)?;
    Ok(serde_json::from_slice(&body).ok())
}

pub(super) async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_DOCUMENT {
            break;
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn only_addresses_of_this_machine_do_without_tls() {
        for safe in [
            "https://h",
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]/",
            "http://localhost",
        ] {
            assert!(is_safe(&url(safe)), "{safe}");
        }
        for unsafe_one in [
            "http://h",
            "http://127.example.com",
            "http://localhost.example.com",
            "ftp://localhost",
        ] {
            assert!(!is_safe(&url(unsafe_one)), "{unsafe_one}");
        }
    }

    #[test]
    fn documents_stand_where_the_specifications_put_them() {
        let place = well_known(&url("https://h:1/a/mcp?x=1"), PROTECTED_RESOURCE);
        assert_eq!(place.as_str(), "https://h:1/.well-known/oauth-protected-resource/a/mcp");
        let places = |issuer| {
            metadata_places(&url(issuer)).into_iter().map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(
            places("https://h/t/1"),
            [
                "https://h/.well-known/oauth-authorization-server/t/1",
                "https://h/.well-known/openid-configuration/t/1",
                "https://h/t/1/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            places("https://h"),
            [
                "https://h/.well-known/oauth-authorization-server",
                "https://h/.well-known/openid-configuration",
            ]
        );
    }

    #[test]
    fn a_resource_covers_what_is_below_it() {
        for (resource, covered) in [
            ("https://h/mcp", true),
            ("https://h", true),
            ("https://h/", true),
            ("https://h/m", false),
            ("https://h/other", false),
            ("https://evil/mcp", false),
            ("http://h/mcp", false),
            ("nonsense", false),
        ] {
            assert_eq!(covers(resource, &url("https://h/mcp")), covered, "{resource}");
        }
    }

    #[test]
    fn secrets_go_nowhere_in_plain_text() {
        let server = |token: &str| AuthorizationServer {
            token_endpoint: token.to_owned(),
            ..AuthorizationServer::default()
        };
        for (token, accepted) in [
            ("https://h/token", true),
            ("http://127.0.0.1:1/token", true),
            ("http://localhost/token", true),
            ("http://h/token", false),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            assert_eq!(checked(server(token)).is_ok(), accepted, "{token}");
        }
    }

    #[test]
    fn a_server_without_pkce_is_not_signed_in_to() {
        let server = AuthorizationServer {
            authorization_endpoint: Some("https://h/authorize".to_owned()),
            token_endpoint: "https://h/token".to_owned(),
            ..AuthorizationServer::default()
        };
        assert!(checked(server).unwrap_err().contains("PKCE"));
    }
}
