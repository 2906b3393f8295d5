//! Finds the authorization server of a remote server: RFC 9728 and RFC 8414 documents, and their
//! substitutes.

use http::{Method, header::LOCATION};
use reqwest::{Response, Url};
use serde::{Deserialize, de::DeserializeOwned};

use super::{challenge::Challenge, reach::Reach};
use crate::{
    config::{OAuthConfig, ResourceParameter},
    identity::well_known::{PROTECTED_RESOURCE, is_safe, root},
    upstream::http::{
        fault::{chain, excerpt, without_mark},
        origin::same_origin,
    },
};

/// Longest document that is read.
const MAX_DOCUMENT: usize = 256 * 1024;
/// Most redirects of a document; all must stay within its origin.
const MAX_REDIRECTS: usize = 5;
const AUTHORIZATION_SERVER: &str = "oauth-authorization-server";
const OPENID: &str = "openid-configuration";

/// What is known about access to a server.
#[derive(Clone, Debug)]
pub(super) struct Grantor {
    /// The resource for which tokens are requested.
    pub(super) resource: Option<String>,
    /// The scopes that the server lists.
    pub(super) scopes: Option<Vec<String>>,
    /// Whether it accepts only tokens that are bound to a key (RFC 9449).
    pub(super) bound: bool,
    pub(super) server: AuthorizationServer,
}

/// The metadata of an authorization server that are used here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthorizationServer {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) token_endpoint: String,
    pub(super) registration_endpoint: Option<String>,
    pub(super) scopes_supported: Option<Vec<String>>,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
    pub(super) dpop_signing_alg_values_supported: Option<Vec<String>>,
    pub(super) authorization_response_iss_parameter_supported: Option<bool>,
    /// Not published by the server but assumed (MCP 2025-03-26, authorization, "Fallbacks").
    #[serde(skip)]
    pub(super) assumed: bool,
}

#[derive(Deserialize)]
struct ProtectedResource {
    resource: String,
    authorization_servers: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    dpop_bound_access_tokens_required: Option<bool>,
}

/// Finds out who grants access to the server at `url`.
pub(super) async fn discover(
    reach: &Reach,
    config: &OAuthConfig,
    url: &Url,
    challenge: &Challenge,
) -> Result<Grantor, String> {
    let described = Box::pin(protected_resource(reach, url, challenge)).await?;
    if let Some(resource) = described.as_ref().map(|described| &described.resource)
        && !covers(resource, url)
    {
        let resource = excerpt(resource.as_bytes());
        return Err(format!("the server's metadata is for another resource, {resource}"));
    }
    let named = described.as_ref().and_then(|described| described.authorization_servers.as_deref());
    let named = named.unwrap_or_default();
    let issuer = issuer(named, config.issuer.as_deref())?;
    let itself = root(url);
    let server = match Box::pin(metadata(reach, issuer.as_ref().unwrap_or(&itself))).await? {
        Some(server) => server,
        None if issuer.as_ref().is_none_or(|issuer| *issuer == itself) => assumed(&itself)?,
        None => return Err(format!("{} serves no metadata", issuer.unwrap_or(itself))),
    };
    let requires = |described: &ProtectedResource| described.dpop_bound_access_tokens_required;
    Ok(Grantor {
        resource: match &config.resource {
            ResourceParameter::Absent => None,
            ResourceParameter::Uri(uri) => Some(uri.clone()),
            ResourceParameter::Described => {
                let told = described.as_ref().map(|described| described.resource.clone());
                Some(told.unwrap_or_else(|| canonical(url)))
            }
        },
        bound: challenge.bound || described.as_ref().and_then(requires) == Some(true),
        scopes: described.and_then(|described| described.scopes_supported),
        server: checked(server, config.assume_pkce)?,
    })
}

/// The issuer to use: the configured one, else the first that the server names. `None` is the
/// server itself.
fn issuer(named: &[String], wanted: Option<&str>) -> Result<Option<Url>, String> {
    let read = |text: &str| {
        let shown = excerpt(text.as_bytes());
        text.parse::<Url>().map_err(|_| format!("its authorization server {shown:?} is not a URL"))
    };
    let Some(wanted) = wanted else {
        return named.first().map(|first| read(first)).transpose();
    };
    if !named.is_empty() && !named.iter().any(|named| same_issuer(named, wanted)) {
        let named = excerpt(named.join(", ").as_bytes());
        return Err(format!("the server names {named} to sign in at, but --issuer is {wanted}"));
    }
    read(wanted).map(Some)
}

/// Whether two spellings name the same issuer.
pub(super) fn same_issuer(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The resource identifier of a server that does not publish one (RFC 8707 section 2).
fn canonical(url: &Url) -> String {
    let mut canonical = url.clone();
    canonical.set_query(None);
    canonical.set_fragment(None);
    // Only URLs without a host refuse this, and this one has a host.
    let cleared = canonical.set_username("").and_then(|()| canonical.set_password(None));
    if cleared.is_err() {
        tracing::debug!("the server's URL takes no user name");
    }
    let text = canonical.as_str();
    let text = if canonical.path() == "/" { text.trim_end_matches('/') } else { text };
    text.to_owned()
}

async fn protected_resource(
    reach: &Reach,
    url: &Url,
    challenge: &Challenge,
) -> Result<Option<ProtectedResource>, String> {
    let named = challenge.resource_metadata.as_ref().and_then(|place| url.join(place).ok());
    if let Some(place) = named {
        match fetch(reach, place).await {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => tracing::debug!("the server's metadata is not at the URL that it gives"),
            Err(problem) => {
                tracing::debug!("the server's metadata is not where it says: {problem}");
            }
        }
    }
    for place in [well_known(url, PROTECTED_RESOURCE), well_known(&root(url), PROTECTED_RESOURCE)] {
        if let Some(found) = fetch(reach, place).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn metadata(reach: &Reach, issuer: &Url) -> Result<Option<AuthorizationServer>, String> {
    for place in metadata_places(issuer) {
        let found: Option<AuthorizationServer> = fetch(reach, place).await?;
        if let Some(server) = found {
            if !same_issuer(&server.issuer, issuer.as_str()) {
                let claimed = excerpt(server.issuer.as_bytes());
                return Err(format!("the metadata of {issuer} are those of {claimed}"));
            }
            return Ok(Some(server));
        }
    }
    Ok(None)
}

/// RFC 8414 section 3.1 and OpenID Connect Discovery, in the order of MCP.
fn metadata_places(issuer: &Url) -> Vec<Url> {
    let mut places = vec![well_known(issuer, AUTHORIZATION_SERVER), well_known(issuer, OPENID)];
    if issuer.path() != "/" {
        let mut place = issuer.clone();
        place.set_path(&format!("{}/.well-known/{OPENID}", issuer.path().trim_end_matches('/')));
        places.push(place);
    }
    places
}

/// The URL of the metadata document with this name: the name goes between host and path, and the
/// query stays (RFC 9728 section 3).
fn well_known(url: &Url, name: &str) -> Url {
    let mut place = root(url);
    place.set_query(url.query());
    place.set_path(&format!("/.well-known/{name}{}", url.path().trim_end_matches('/')));
    place
}

/// Whether a resource is the one at `url`, or contains it.
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

/// Secrets and codes are sent there, so nobody on the way may be able to read them.
fn checked(server: AuthorizationServer, assume_pkce: bool) -> Result<AuthorizationServer, String> {
    let places = [
        &server.authorization_endpoint,
        &server.device_authorization_endpoint,
        &server.registration_endpoint,
    ];
    for place in places.into_iter().flatten().chain([&server.token_endpoint]) {
        let safe = place.parse::<Url>().is_ok_and(|url| is_safe(&url));
        if !safe {
            return Err(format!("{:?} is not an HTTPS URL", excerpt(place.as_bytes())));
        }
    }
    let proves = |methods: &Vec<String>| methods.iter().any(|method| method == "S256");
    let described = server.code_challenge_methods_supported.as_ref();
    let unsaid = !server.assumed && server.authorization_endpoint.is_some();
    if unsaid && !assume_pkce && !described.is_some_and(proves) {
        let issuer = &server.issuer;
        return Err(format!(
            "{issuer} does not say that it supports PKCE (S256), which protects the sign-in; if \
             it supports it anyway, as Entra ID and Cognito do, use --assumePkce"
        ));
    }
    Ok(server)
}

/// A JSON document; `None` if there is none.
async fn fetch<T: DeserializeOwned>(reach: &Reach, place: Url) -> Result<Option<T>, String> {
    if !is_safe(&place) {
        // A server without TLS is not asked who grants access to it.
        return Ok(None);
    }
    let mut next = place.clone();
    for _ in 0..=MAX_REDIRECTS {
        let failed = |problem: String| format!("{place}: {problem}");
        let request = reach.request(Method::GET, &next).await?;
        let response = request.header("accept", "application/json").send().await;
        let response = response.map_err(|error| failed(chain(&error.without_url())))?;
        if let Some(target) = redirect(&response).filter(|target| same_origin(target, &place)) {
            next = target;
            continue;
        }
        if !response.status().is_success() {
            return Ok(None);
        }
        let body = read(response).await.map_err(|error| failed(chain(&error.without_url())))?;
        return Ok(serde_json::from_slice(without_mark(&body)).ok());
    }
    Ok(None)
}

fn redirect(response: &Response) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    response.url().join(location).ok().filter(|_| response.status().is_redirection())
}

pub(super) async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
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
    fn documents_stand_where_the_specifications_put_them() {
        let place = well_known(&url("https://h:1/a/mcp?x=1"), PROTECTED_RESOURCE);
        assert_eq!(place.as_str(), "https://h:1/.well-known/oauth-protected-resource/a/mcp?x=1");
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
            assert_eq!(checked(server(token), false).is_ok(), accepted, "{token}");
        }
    }

    #[test]
    fn a_server_that_does_not_speak_of_pkce_is_signed_in_to_only_where_that_is_meant() {
        let server = AuthorizationServer {
            authorization_endpoint: Some("https://h/authorize".to_owned()),
            token_endpoint: "https://h/token".to_owned(),
            ..AuthorizationServer::default()
        };
        let refused = checked(server.clone(), false).unwrap_err();
        assert!(refused.contains("PKCE") && refused.contains("--assumePkce"), "{refused}");
        assert!(checked(server, true).is_ok());
    }

    #[test]
    fn the_operator_says_which_authorization_server_is_asked() {
        let named = |names: &[&str], wanted| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            issuer(&names, wanted).map(|issuer| issuer.map(String::from))
        };
        let read = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(named(&[], None), Ok(None));
        assert_eq!(named(&["https://a", "https://b"], None), read("https://a/"));
        assert_eq!(named(&["https://a", "https://b/"], Some("https://b")), read("https://b/"));
        assert_eq!(named(&[], Some("https://b")), read("https://b/"));
        let refused = named(&["https://evil"], Some("https://b")).unwrap_err();
        assert!(refused.contains("https://evil") && refused.contains("--issuer"), "{refused}");
        assert!(named(&["evil\u{1b}[2J"], None).unwrap_err().contains("not a URL"));
    }

    #[test]
    fn a_server_that_does_not_describe_itself_is_called_by_its_url() {
        for (of, resource) in [
            ("https://h/mcp", "https://h/mcp"),
            ("https://h", "https://h"),
            ("https://u:p@h:1/mcp?key=secret#x", "https://h:1/mcp"),
        ] {
            assert_eq!(canonical(&url(of)), resource);
        }
    }
}
