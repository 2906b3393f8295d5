//! Checks tokens and keys for a port: who is let in, and what everybody else is told.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode, header::HOST, request::Parts};

use super::{
    Authenticator, Claims, Denial, Endpoint, Identity,
    audit::Explanation,
    challenge::{Challenge, ErrorCode},
    holds,
    resource_server::{Outside, ResourceServer},
    token::Because,
};
use crate::{config::AuthConfig, error::Error};

const MISSING: &str = "Unauthorized: this endpoint needs an access token";
const INVALID: &str = "Unauthorized: the access token is not valid here";
const SCOPE: &str = "Forbidden: the access token lacks scopes that this needs";
const FORBIDDEN: &str = "Forbidden: you may not use this server";
const AWAY: &str = "Service Unavailable: access tokens cannot be verified at the moment";

/// See the module.
#[derive(Debug)]
pub(crate) struct Bearer {
    server: ResourceServer,
    outside: Outside,
}

impl Bearer {
    /// The configured checks, if tokens are accepted at all, for a port that is reached at this
    /// address.
    pub(crate) fn of(config: &AuthConfig, outside: Outside) -> Result<Option<Self>, Error> {
        let Some(tokens) = &config.resource_server else { return Ok(None) };
        let server = ResourceServer::new(tokens, outside.base(), config.api_key.as_ref())?;
        Ok(Some(Self { server, outside }))
    }

    /// Starts fetching what will be needed; needs a runtime.
    pub(crate) fn prepare(&self) {
        self.server.prepare();
    }

    /// Whether clients can be told where to get a token.
    pub(crate) fn has_issuers(&self) -> bool {
        self.server.has_issuers()
    }

    /// The metadata document of the endpoint at this path, for a request with these headers.
    pub(crate) fn describe(&self, endpoint: &Endpoint<'_>, headers: &HeaderMap) -> Option<String> {
        let (host, scheme) = asked_for(headers);
        let resource = format!("{}{}", self.outside.seen_from(host, scheme)?, endpoint.path);
        let scopes = self.needed(own_scopes(endpoint));
        self.server.describe(resource, &scopes)
    }

    /// Whether the issuer's own metadata are served here, too.
    pub(crate) fn mirrors(&self) -> bool {
        self.server.mirror().is_some()
    }

    /// The issuer's metadata, if there are any.
    pub(crate) async fn mirrored(&self) -> Option<Bytes> {
        self.server.mirror()?.document().await
    }

    /// The endpoint's own path for a path below the metadata's: a public URL with a path adds that
    /// as a prefix.
    pub(crate) fn endpoint_of<'a>(&self, path: &'a str) -> &'a str {
        let below = path.strip_prefix(self.outside.prefix());
        below.filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path)
    }

    /// Whether these claims allow any use of this endpoint.
    fn check(&self, claims: &Claims, endpoint: &Endpoint<'_>) -> Result<(), Because> {
        let wanted = endpoint.policy.as_ref().and_then(|policy| {
            policy.claims.iter().find(|wanted| !holds(std::slice::from_ref(wanted), Some(claims)))
        });
        if let Some((name, _)) = wanted {
            return Err(Because::Unentitled(name.clone()));
        }
        let own = own_scopes(endpoint);
        let checked = claims.check_scopes(self.server.scopes());
        let checked = checked.and_then(|()| claims.check_scopes(own));
        checked.map_err(|because| match because {
            Because::Scope { missing, .. } => {
                Because::Scope { required: self.needed(own), missing }
            }
            other => other,
        })
    }

    /// These scopes, with those that are required for everything.
    pub(crate) fn needed(&self, further: &[String]) -> Vec<String> {
        let mut all = self.server.scopes().to_vec();
        all.extend(further.iter().filter(|scope| !self.server.scopes().contains(scope)).cloned());
        all
    }

    /// The challenge for a request that needs further scopes.
    pub(crate) fn step_up(&self, required: &[String], head: &HeaderMap, endpoint: &str) -> String {
        let metadata = self.metadata(head, endpoint);
        let error = Some(ErrorCode::InsufficientScope);
        let scopes = self.needed(required);
        Challenge { error, scopes: &scopes, metadata: metadata.as_deref() }.to_string()
    }

    fn metadata(&self, headers: &HeaderMap, endpoint: &str) -> Option<String> {
        let (host, scheme) = asked_for(headers);
        self.outside.metadata(endpoint, host, scheme).filter(|_| self.has_issuers())
    }

    /// The answer to a request that was refused for this reason. The reason itself is only logged.
    fn denial(&self, because: &Because, head: &Parts, endpoint: &Endpoint<'_>) -> Denial {
        let (status, error, message) = match because {
            Because::Nothing => (StatusCode::UNAUTHORIZED, None, MISSING),
            Because::Scope { .. } => {
                (StatusCode::FORBIDDEN, Some(ErrorCode::InsufficientScope), SCOPE)
            }
            Because::Unentitled(_) => (StatusCode::FORBIDDEN, None, FORBIDDEN),
            Because::NoKeys(_) => (StatusCode::SERVICE_UNAVAILABLE, None, AWAY),
            _ => (StatusCode::UNAUTHORIZED, Some(ErrorCode::InvalidToken), INVALID),
        };
        let why = Some(Explanation::of(because, head));
        // Another token would not help.
        let is_final = matches!(because, Because::Unentitled(_) | Because::NoKeys(_));
        let challenge = (!is_final).then(|| {
            let metadata = self.metadata(&head.headers, endpoint.path);
            let scopes = self.needed(own_scopes(endpoint));
            Challenge { error, scopes: &scopes, metadata: metadata.as_deref() }.to_string()
        });
        Denial::Token { status, challenge, message, why }
    }
}

/// What this endpoint requires besides what is required for everything.
fn own_scopes<'a>(endpoint: &'a Endpoint<'_>) -> &'a [String] {
    endpoint.policy.as_ref().map_or(&[], |policy| &policy.scopes)
}

/// The requested host, and the scheme if a trusted proxy has reported it; the port removes reports
/// of others.
fn asked_for(headers: &HeaderMap) -> (Option<&str>, Option<&str>) {
    let host = headers.get(HOST);
    let scheme = headers.get("x-forwarded-proto");
    (host.and_then(|value| value.to_str().ok()), scheme.and_then(|value| value.to_str().ok()))
}

impl Authenticator for Bearer {
    fn recognise(&self, head: &Parts, endpoint: &Endpoint<'_>) -> Option<Identity> {
        let claims = self.server.recognise(&head.headers, endpoint.path)?;
        self.check(&claims, endpoint).ok().map(|()| claims.into())
    }

    fn authenticate<'a>(
        &'a self,
        head: &'a Parts,
        endpoint: &'a Endpoint<'a>,
    ) -> BoxFuture<'a, Result<Identity, Denial>> {
        Box::pin(async move {
            let known = self.server.authenticate(&head.headers, endpoint.path).await;
            let known = known.and_then(|claims| self.check(&claims, endpoint).map(|()| claims));
            known.map(Identity::from).map_err(|because| self.denial(&because, head, endpoint))
        })
    }
}
