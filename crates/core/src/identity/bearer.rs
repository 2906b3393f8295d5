//! Tokens and keys, as a port asks about them: who is let in, and what everybody else is told.

use futures_util::future::BoxFuture;
use http::{StatusCode, header::USER_AGENT, request::Parts};

use super::{
    Authenticator, Denial, Identity,
    challenge::{Challenge, ErrorCode},
    resource_server::{Outside, ResourceServer},
    token::{Because, quoted},
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
    /// What is configured, if tokens are accepted at all, for a port that is reached like this.
    pub(crate) fn of(config: &AuthConfig, outside: Outside) -> Result<Option<Self>, Error> {
        let Some(tokens) = &config.resource_server else { return Ok(None) };
        let server = ResourceServer::new(tokens, outside.base(), config.api_key.as_deref())?;
        Ok(Some(Self { server, outside }))
    }

    /// Begins to fetch what will be needed; needs a runtime.
    pub(crate) fn prepare(&self) {
        self.server.prepare();
    }

    /// Whether clients can be told where to get a token.
    pub(crate) fn has_issuers(&self) -> bool {
        self.server.has_issuers()
    }

    /// The document about the endpoint at this path, for whoever asks for it at `host`.
    pub(crate) fn describe(&self, endpoint: &str, host: Option<&str>) -> Option<String> {
        self.server.describe(format!("{}{endpoint}", self.outside.seen_from(host)?))
    }

    /// The path of the endpoint that a path below the metadata's own means: a public URL with a
    /// path puts that in front.
    pub(crate) fn endpoint_of<'a>(&self, path: &'a str) -> &'a str {
        let below = path.strip_prefix(self.outside.prefix());
        below.filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path)
    }

    /// What somebody is told who is refused for this reason. Why, is for the log only.
    fn denial(&self, because: &Because, head: &Parts, endpoint: &str) -> Denial {
        report(because, head, endpoint);
        let (status, error, message) = match because {
            Because::Nothing => (StatusCode::UNAUTHORIZED, None, MISSING),
            Because::Scope { .. } => {
                (StatusCode::FORBIDDEN, Some(ErrorCode::InsufficientScope), SCOPE)
            }
            Because::Unentitled(_) => return Denial::plain(StatusCode::FORBIDDEN, FORBIDDEN),
            Because::NoKeys(_) => return Denial::plain(StatusCode::SERVICE_UNAVAILABLE, AWAY),
            _ => (StatusCode::UNAUTHORIZED, Some(ErrorCode::InvalidToken), INVALID),
        };
        let host = head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let metadata = self.outside.metadata(endpoint, host).filter(|_| self.has_issuers());
        let scopes = match because {
            Because::Scope { required, .. } => required,
            _ => self.server.scopes(),
        };
        let challenge = Challenge { error, scopes, metadata: metadata.as_deref() }.to_string();
        Denial::Token { status, challenge: Some(challenge), message }
    }
}

/// One line for each refusal; a client that has not signed in yet is nothing to worry about.
fn report(because: &Because, head: &Parts, endpoint: &str) {
    let client = head.headers.get(USER_AGENT).and_then(|name| name.to_str().ok());
    let client = quoted(client.unwrap_or_default());
    let method = head.method.as_str();
    if *because == Because::Nothing {
        tracing::debug!(
            target: "mcp_proxy::audit", endpoint, method, client, outcome = "unauthorized",
            "a request was refused: it has no credentials"
        );
        return;
    }
    tracing::warn!(
        target: "mcp_proxy::audit", endpoint, method, client, outcome = because.outcome(),
        "a request was refused: {}", because.explain()
    );
}

impl Authenticator for Bearer {
    fn authenticate<'a>(
        &'a self,
        head: &'a Parts,
        endpoint: &'a str,
    ) -> BoxFuture<'a, Result<Identity, Denial>> {
        Box::pin(async move {
            let known = self.server.authenticate(&head.headers, endpoint).await;
            known.map(Identity::from).map_err(|because| self.denial(&because, head, endpoint))
        })
    }
}
