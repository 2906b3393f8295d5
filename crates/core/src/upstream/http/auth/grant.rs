//! Asking an authorization server: for a client (RFC 7591), for a token, for its successor.

use std::{borrow::Cow, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use http::{
    HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, TokenResponse as _, TokenUrl,
    basic::{BasicClient, BasicErrorResponseType, BasicTokenResponse},
    url::form_urlencoded,
};
use reqwest::{Client, Url};
use serde::Deserialize;

use super::{
    assertion::KIND,
    discovery::{AuthorizationServer, Grantor, read},
    dpop::{Claim, Key, NONCE, PROOF},
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
    /// The key that a token is to be bound to.
    pub(super) key: Option<&'a Key>,
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
        let token = request.request_async(&self.carrier()).await;
        token.map(|token| self.grant(&token, None)).map_err(|error| refusal(&error))
    }

    /// The successor of a token.
    pub(super) async fn refresh(&self, token: &str) -> Result<Grant, Refusal> {
        let (client, given) = (self.token_client()?, RefreshToken::new(token.to_owned()));
        let mut request = client.exchange_refresh_token(&given);
        if let Some(resource) = self.resource {
            request = request.add_extra_param("resource", resource.to_owned());
        }
        let renewed = request.request_async(&self.carrier()).await;
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
        let token = request.request_async(&self.carrier()).await;
        token.map(|token| self.grant(&token, None)).map_err(|error| refusal(&error))
    }

    pub(super) fn carrier(&self) -> Carrier<'_> {
        Carrier { http: self.http, key: self.key }
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

    pub(super) fn grant(&self, token: &BasicTokenResponse, before: Option<&str>) -> Grant {
        let renewed = token.refresh_token().map(|token| token.secret().clone());
        let bound = token.token_type().as_ref().eq_ignore_ascii_case("dpop");
        Grant {
            access_token: token.access_token().secret().clone(),
            // A server that names no new one goes on with the one before.
            refresh_token: renewed.or_else(|| before.map(str::to_owned)),
            expires_at: Grant::end_of(token.expires_in()),
            token_endpoint: self.url.to_owned(),
            resource: self.resource.map(str::to_owned),
            client: self.client.clone(),
            key: self.key.filter(|_| bound).map(|key| key.kept().to_owned()),
        }
    }
}

/// Time an authorization server has to answer.
pub(in crate::upstream::http) const TIMEOUT: Duration = Duration::from_secs(30);

/// Carries requests for tokens, those of the OAuth library among them.
pub(super) struct Carrier<'a> {
    http: &'a Client,
    key: Option<&'a Key>,
}

impl<'c> AsyncHttpClient<'c> for Carrier<'_> {
    type Error = reqwest::Error;
    type Future = BoxFuture<'c, Result<HttpResponse, reqwest::Error>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Carrier<'_> {
    /// Sends a form in a way that the library does not know; what comes back is a token.
    pub(super) async fn post(
        &self,
        url: &str,
        form: String,
        authorization: Option<HeaderValue>,
    ) -> Result<BasicTokenResponse, Refusal> {
        let failed = |why: &dyn std::fmt::Display| Refusal::Other(why.to_string());
        let mut request = HttpRequest::new(form.into_bytes());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.parse().map_err(|error| failed(&error))?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        let answer = Box::pin(self.send(request)).await;
        let answer = answer.map_err(|error| Refusal::Other(chain(&error)))?;
        if !answer.status().is_success() {
            return Err(match serde_json::from_slice(answer.body()) {
                Ok(error) => refusal(&RequestTokenError::ServerResponse(error)),
                Err(_) => failed(&format!("the authorization server answered {}", answer.status())),
            });
        }
        serde_json::from_slice(answer.body()).map_err(|error| {
            failed(&format!("the authorization server answered nonsense: {error}"))
        })
    }

    /// Sends a request, with a proof that holds what the server wants it to hold.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
        let first = self.send_once(&request, None).await?;
        let nonce = first.headers().get(NONCE).and_then(|nonce| nonce.to_str().ok());
        match nonce {
            // RFC 9449 section 8: the refusal says what was missing.
            Some(nonce) if self.key.is_some() && !first.status().is_success() => {
                self.send_once(&request, Some(nonce)).await
            }
            _ => Ok(first),
        }
    }

    async fn send_once(
        &self,
        request: &HttpRequest,
        nonce: Option<&str>,
    ) -> Result<HttpResponse, reqwest::Error> {
        let url = request.uri().to_string();
        let mut sent = self.http.request(request.method().clone(), &url);
        sent = sent.headers(request.headers().clone()).body(request.body().clone());
        let place = url.parse::<Url>().ok();
        if let (Some(key), Some(place)) = (self.key, place) {
            let claim = Claim { method: request.method(), url: &place, token: None, nonce };
            sent =
                key.proof(&claim).into_iter().fold(sent, |sent, proof| sent.header(PROOF, proof));
        }
        let response = sent.send().await?;
        let mut answer = HttpResponse::new(Vec::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        *answer.body_mut() = read(response).await?;
        Ok(answer)
    }
}

/// A client's name and secret as a header (RFC 6749 section 2.3.1).
pub(super) fn basic(id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    // Base64 is of what a header can hold.
    let value = HeaderValue::from_str(&format!("Basic {pair}"));
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
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
