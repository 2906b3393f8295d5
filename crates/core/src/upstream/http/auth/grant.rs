//! Asking an authorization server: for a client (RFC 7591), for a token, for its successor.

use std::{borrow::Cow, time::Duration};

use futures_util::future::BoxFuture;
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, TokenResponse as _, TokenUrl,
    basic::{BasicClient, BasicErrorResponseType, BasicTokenResponse},
};
use reqwest::{Client, Url};
use serde::Deserialize;

use super::{
    assertion::KIND,
    discovery::{AuthorizationServer, Grantor, read},
    store::{Grant, Registered},
};
use crate::{config::OAuthConfig, upstream::http::fault::chain};

type TokenClient =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What was presented is not good (any more).
    InvalidGrant(String),
    Other(String),
}

impl Refusal {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::InvalidGrant(text) | Self::Other(text) => text,
        }
    }
}

/// The client to sign in as: the configured one, or one that is registered for the purpose.
pub(super) async fn client(
    http: &Client,
    config: &OAuthConfig,
    grantor: &Grantor,
    redirect: Option<&str>,
) -> Result<Registered, String> {
    let server = &grantor.server;
    if let Some(id) = &config.client_id {
        let secret = config.client_secret.clone();
        let secret_in_body = secret.is_some() && prefers_body(server);
        return Ok(Registered { id: id.clone(), secret, secret_in_body });
    }
    let (Some(place), Some(redirect)) = (&server.registration_endpoint, redirect) else {
        return Err(format!("{} registers no clients; --clientId names one", server.issuer));
    };
    register(http, server, place, redirect).await
}

async fn register(
    http: &Client,
    server: &AuthorizationServer,
    place: &str,
    redirect: &str,
) -> Result<Registered, String> {
    #[derive(Deserialize)]
    struct Answer {
        client_id: String,
        client_secret: Option<String>,
        token_endpoint_auth_method: Option<String>,
    }
    let method = registration_method(server);
    let body = serde_json::json!({
        "client_name": "mcp-proxy",
        "redirect_uris": [redirect],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        "application_type": "native",
    });
    let failed = |why: String| format!("{place} does not register a client: {why}");
    let request = http.post(place).header("content-type", "application/json");
    let response = request.body(body.to_string()).send().await;
    let response = response.map_err(|error| failed(chain(&error.without_url())))?;
    let status = response.status();
    let body = read(response).await.map_err(|error| failed(chain(&error)))?;
    if !status.is_success() {
        return Err(failed(format!("{status} {}", crate::upstream::http::fault::excerpt(&body))));
    }
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))?;
    let given = answer.token_endpoint_auth_method.unwrap_or_else(|| method.to_owned());
    Ok(Registered {
        id: answer.client_id,
        secret: answer.client_secret.filter(|_| given != "none"),
        secret_in_body: given == "client_secret_post",
    })
}

/// A program on somebody's machine keeps no secret, unless the server insists on one.
fn registration_method(server: &AuthorizationServer) -> &'static str {
    let Some(supported) = &server.token_endpoint_auth_methods_supported else { return "none" };
    let methods = ["none", "client_secret_basic", "client_secret_post"];
    let supports = |method: &&str| supported.iter().any(|other| other == method);
    methods.into_iter().find(supports).unwrap_or("none")
}

fn prefers_body(server: &AuthorizationServer) -> bool {
    let supported = server.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
    let supports = |method: &str| supported.iter().any(|other| other == method);
    !supports("client_secret_basic") && supports("client_secret_post")
}

/// One conversation with a token endpoint.
pub(super) struct TokenEndpoint<'a> {
    pub(super) http: &'a Client,
    pub(super) url: &'a str,
    pub(super) resource: Option<&'a str>,
    pub(super) client: &'a Registered,
}

impl TokenEndpoint<'_> {
    /// A token for the code that the browser brought back.
    pub(super) async fn exchange(
        &self,
        code: String,
        verifier: PkceCodeVerifier,
        redirect: &str,
    ) -> Result<Grant, Refusal> {
        let redirect = RedirectUrl::new(redirect.to_owned()).map_err(other)?;
        let client = self.token_client()?;
        let mut request = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(verifier)
            .set_redirect_uri(Cow::Owned(redirect));
        if let Some(resource) = self.resource {
            request = request.add_extra_param("resource", resource.to_owned());
        }
        let token = request.request_async(&Carrier(self.http.clone())).await;
        token.map(|token| self.grant(&token, None)).map_err(|error| refusal(&error))
    }

    /// The successor of a token.
    pub(super) async fn refresh(&self, token: &str) -> Result<Grant, Refusal> {
        let (client, given) = (self.token_client()?, RefreshToken::new(token.to_owned()));
        let mut request = client.exchange_refresh_token(&given);
        if let Some(resource) = self.resource {
            request = request.add_extra_param("resource", resource.to_owned());
        }
        let renewed = request.request_async(&Carrier(self.http.clone())).await;
        renewed.map(|renewed| self.grant(&renewed, Some(token))).map_err(|error| refusal(&error))
    }

    /// A token for the client itself, which may vouch for itself with a signed assertion.
    pub(super) async fn own(
        &self,
        scopes: &[String],
        assertion: Option<String>,
    ) -> Result<Grant, Refusal> {
        let client = self.token_client()?;
        let scopes = scopes.iter().cloned().map(Scope::new);
        let mut request = client.exchange_client_credentials().add_scopes(scopes);
        if let Some(assertion) = assertion {
            request = request
                .add_extra_param("client_assertion_type", KIND)
                .add_extra_param("client_assertion", assertion);
        }
        if let Some(resource) = self.resource {
            request = request.add_extra_param("resource", resource.to_owned());
        }
        let token = request.request_async(&Carrier(self.http.clone())).await;
        token.map(|token| self.grant(&token, None)).map_err(|error| refusal(&error))
    }

    fn token_client(&self) -> Result<TokenClient, Refusal> {
        let url = TokenUrl::new(self.url.to_owned()).map_err(other)?;
        let in_body = self.client.secret.is_none() || self.client.secret_in_body;
        let kind = if in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        let client = BasicClient::new(ClientId::new(self.client.id.clone()));
        let client = client.set_auth_type(kind).set_token_uri(url);
        Ok(match &self.client.secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.clone())),
            None => client,
        })
    }

    fn grant(&self, token: &BasicTokenResponse, before: Option<&str>) -> Grant {
        let renewed = token.refresh_token().map(|token| token.secret().clone());
        Grant {
            access_token: token.access_token().secret().clone(),
            // A server that names no new one goes on with the one before.
            refresh_token: renewed.or_else(|| before.map(str::to_owned)),
            expires_at: Grant::end_of(token.expires_in()),
            token_endpoint: self.url.to_owned(),
            resource: self.resource.map(str::to_owned),
            client: self.client.clone(),
        }
    }
}

/// Time an authorization server has to answer.
pub(in crate::upstream::http) const TIMEOUT: Duration = Duration::from_secs(30);

/// Carries the requests of the OAuth library.
struct Carrier(Client);

impl<'c> AsyncHttpClient<'c> for Carrier {
    type Error = reqwest::Error;
    type Future = BoxFuture<'c, Result<HttpResponse, reqwest::Error>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(send(&self.0, request))
    }
}

async fn send(http: &Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let (head, body) = request.into_parts();
    let url = head.uri.to_string();
    let response = http.request(head.method, url).headers(head.headers).body(body).send().await?;
    let mut answer = HttpResponse::new(Vec::new());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = response.headers().clone();
    *answer.body_mut() = read(response).await?;
    Ok(answer)
}

fn other(error: oauth2::url::ParseError) -> Refusal {
    Refusal::Other(error.to_string())
}

fn refusal(
    error: &RequestTokenError<reqwest::Error, oauth2::basic::BasicErrorResponse>,
) -> Refusal {
    match error {
        RequestTokenError::ServerResponse(answer) => {
            let text = format!("the authorization server refused: {answer}");
            match answer.error() {
                BasicErrorResponseType::InvalidGrant | BasicErrorResponseType::InvalidClient => {
                    Refusal::InvalidGrant(text)
                }
                _ => Refusal::Other(text),
            }
        }
        RequestTokenError::Request(error) => Refusal::Other(chain(error)),
        RequestTokenError::Parse(error, _) => {
            Refusal::Other(format!("the authorization server answered nonsense: {error}"))
        }
        RequestTokenError::Other(text) => Refusal::Other(text.clone()),
    }
}

/// A URL from a document that was checked.
pub(super) fn url(text: &str) -> Result<Url, String> {
    text.parse().map_err(|_| format!("{text:?} is no URL"))
}
