//! Requests to an authorization server: to register a client (RFC 7591), for a token, and to renew
//! one.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use reqwest::Url;
use serde::Deserialize;

use super::{
    assertion::KIND,
    discovery::{AuthorizationServer, Grantor, read},
    dpop::{Claim, Key, NONCE, PROOF},
    reach::Reach,
    store::{Grant, Registered},
    token::{Refusal, Token},
};
use crate::{
    config::{OAuthConfig, OAuthGrant, PresentedToken},
    upstream::http::fault::{chain, excerpt, without_mark},
};

/// Time limit for answers of an authorization server.
pub(in crate::upstream::http) const TIMEOUT: Duration = Duration::from_secs(30);
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The form's names and values.
pub(super) type Form<'a> = Vec<(&'a str, &'a str)>;

/// Why there is no client to sign in as.
#[derive(Debug)]
pub(super) enum Unregistered {
    /// The authorization server refuses the redirect URI.
    Redirect(String),
    Other(String),
}

impl From<Unregistered> for String {
    fn from(unregistered: Unregistered) -> Self {
        match unregistered {
            Unregistered::Redirect(text) | Unregistered::Other(text) => text,
        }
    }
}

/// The client to sign in as: the configured one, or a newly registered one.
pub(super) async fn client(
    reach: &Reach,
    config: &OAuthConfig,
    grantor: &Grantor,
    redirect: Option<&str>,
) -> Result<Registered, Unregistered> {
    let server = &grantor.server;
    if let Some(id) = &config.client_id {
        let secret = config.client_secret.clone();
        let secret_in_body = secret.is_some() && prefers_body(server);
        return Ok(Registered { id: id.clone(), secret, secret_in_body });
    }
    let place = server.registration_endpoint.as_deref();
    let Some(place) = place.filter(|_| config.grant.needs_somebody()) else {
        let text = format!("{} registers no clients; --clientId names one", server.issuer);
        return Err(Unregistered::Other(text));
    };
    register(reach, server, place, &metadata(config.grant, server, redirect)).await
}

/// The client's metadata. A program on a user's machine has no secret, unless the server insists on
/// one.
fn metadata(
    grant: OAuthGrant,
    server: &AuthorizationServer,
    redirect: Option<&str>,
) -> serde_json::Value {
    let own = if grant == OAuthGrant::DeviceCode { DEVICE_CODE } else { "authorization_code" };
    let mut metadata = serde_json::json!({
        "client_name": "mcp-proxy",
        "grant_types": [own, "refresh_token"],
        "token_endpoint_auth_method": registration_method(server),
        "application_type": "native",
    });
    if let Some(redirect) = redirect {
        metadata["redirect_uris"] = serde_json::json!([redirect]);
        metadata["response_types"] = serde_json::json!(["code"]);
    }
    metadata
}

/// The device authorization grant (RFC 8628).
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn register(
    reach: &Reach,
    server: &AuthorizationServer,
    place: &str,
    metadata: &serde_json::Value,
) -> Result<Registered, Unregistered> {
    #[derive(Deserialize)]
    struct Answer {
        client_id: String,
        client_secret: Option<String>,
        token_endpoint_auth_method: Option<String>,
    }
    let text = |why: String| format!("{place} does not register a client: {why}");
    let failed = |why: String| Unregistered::Other(text(why));
    let place = url(place).map_err(Unregistered::Other)?;
    let request = reach.request(Method::POST, &place).await.map_err(failed)?;
    let request = request.header(CONTENT_TYPE, JSON).body(metadata.to_string());
    let response = request.send().await.map_err(|error| failed(chain(&error.without_url())))?;
    let status = response.status();
    let body = read(response).await.map_err(|error| failed(chain(&error)))?;
    if !status.is_success() {
        let said = format!("{status} {}", excerpt(&body));
        if status.is_client_error() && String::from_utf8_lossy(&body).contains("redirect_uri") {
            return Err(Unregistered::Redirect(text(format!("{said}{REDIRECT_HINT}"))));
        }
        return Err(failed(said));
    }
    let answer: Answer =
        serde_json::from_slice(without_mark(&body)).map_err(|error| failed(error.to_string()))?;
    let secret = answer.client_secret.filter(|secret| !secret.is_empty());
    // If a secret has no method, it is sent in the header (RFC 7591 section 2).
    let given = answer.token_endpoint_auth_method.unwrap_or_else(|| {
        let default = registration_method(server);
        if default == "none" { "client_secret_basic" } else { default }.to_owned()
    });
    Ok(Registered {
        id: answer.client_id,
        secret: secret.filter(|_| given != "none"),
        secret_in_body: given == "client_secret_post",
    })
}

const REDIRECT_HINT: &str =
    " (--callbackHost, --callbackPort and --callbackPath say which address is registered)";

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

/// Requests to one token endpoint.
#[derive(Clone, Copy)]
pub(super) struct TokenEndpoint<'a> {
    pub(super) reach: &'a Reach,
    pub(super) url: &'a str,
    pub(super) resource: Option<&'a str>,
    /// The scopes to request, or that were requested, separated by spaces.
    pub(super) scope: &'a str,
    pub(super) client: &'a Registered,
    /// The key to which a token will be bound.
    pub(super) key: Option<&'a Key>,
    pub(super) presented: PresentedToken,
}

impl TokenEndpoint<'_> {
    /// Exchanges the code from the browser for a token.
    pub(super) async fn exchange(
        &self,
        code: &str,
        verifier: &str,
        redirect: &str,
    ) -> Result<Grant, Refusal> {
        let form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        self.grant(self.ask(form).await?, None)
    }

    /// Renews a token. Servers that granted it for a resource may not know the parameter here.
    pub(super) async fn refresh(&self, token: &str) -> Result<Grant, Refusal> {
        let form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        match self.ask(form.clone()).await {
            Err(refusal) if self.resource.is_some() && refusal.is_about_resource() => {
                let without = Self { resource: None, ..*self };
                without.grant(without.ask(form).await?, Some(token))
            }
            answered => self.grant(answered?, Some(token)),
        }
    }

    /// A token for the client itself, which may authenticate with a signed assertion.
    pub(super) async fn own(&self, assertion: Option<String>) -> Result<Grant, Refusal> {
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(assertion) = &assertion {
            form.push(("client_assertion_type", KIND));
            form.push(("client_assertion", assertion));
        }
        form.extend(self.scope());
        self.grant(self.ask(form).await?, None)
    }

    /// The scope parameter, if there is one.
    pub(super) fn scope(&self) -> Option<(&'static str, &str)> {
        Some(("scope", self.scope)).filter(|(_, scope)| !scope.is_empty())
    }

    /// Sends a form with the resource parameter and the client's authentication.
    pub(super) async fn ask(&self, form: Form<'_>) -> Result<Token, Refusal> {
        let (status, body) = Box::pin(self.post(self.url, form)).await?;
        Token::read(status, &body)
    }

    /// The same to any endpoint of the server, for any answer.
    pub(super) async fn post(
        &self,
        place: &str,
        mut form: Form<'_>,
    ) -> Result<(StatusCode, Vec<u8>), Refusal> {
        let Registered { id, secret, secret_in_body } = self.client;
        let in_header = secret.as_ref().filter(|_| !secret_in_body);
        let authorization = in_header.map(|secret| basic(id, secret));
        if authorization.is_none() {
            form.push(("client_id", id));
            form.extend(secret.as_ref().map(|secret| ("client_secret", secret.as_str())));
        }
        form.extend(self.resource.map(|resource| ("resource", resource)));
        let request = Prepared {
            url: url(place).map_err(Refusal::Undecided)?,
            form: encoded(&form),
            authorization,
        };
        self.send(&request).await
    }

    /// Sends a request, with a proof that contains the server's nonce.
    async fn send(&self, request: &Prepared) -> Result<(StatusCode, Vec<u8>), Refusal> {
        let (status, nonce, body) = self.send_once(request, None).await?;
        match nonce {
            // RFC 9449 section 8: the refusal contains the missing nonce.
            Some(nonce) if self.key.is_some() && !status.is_success() => {
                let (status, _, body) = self.send_once(request, Some(&nonce)).await?;
                Ok((status, body))
            }
            _ => Ok((status, body)),
        }
    }

    async fn send_once(
        &self,
        request: &Prepared,
        nonce: Option<&str>,
    ) -> Result<(StatusCode, Option<String>, Vec<u8>), Refusal> {
        let unanswered = |error: reqwest::Error| Refusal::Undecided(chain(&error.without_url()));
        let sent = self.reach.request(Method::POST, &request.url).await;
        let mut sent = sent.map_err(Refusal::Undecided)?;
        sent = sent.header(CONTENT_TYPE, FORM).header(ACCEPT, JSON).body(request.form.clone());
        if let Some(authorization) = &request.authorization {
            sent = sent.header(AUTHORIZATION, authorization);
        }
        let proof = self.key.and_then(|key| {
            key.proof(&Claim { method: &Method::POST, url: &request.url, token: None, nonce })
        });
        sent = proof.into_iter().fold(sent, |sent, proof| sent.header(PROOF, proof));
        let response = sent.send().await.map_err(unanswered)?;
        let status = response.status();
        let nonce = response.headers().get(NONCE).and_then(|nonce| nonce.to_str().ok());
        let nonce = nonce.map(str::to_owned);
        Ok((status, nonce, read(response).await.map_err(unanswered)?))
    }

    /// The stored form of a token.
    pub(super) fn grant(&self, token: Token, before: Option<&str>) -> Result<Grant, Refusal> {
        let access_token = match (self.presented, token.id) {
            (PresentedToken::Access, _) => token.access,
            (PresentedToken::Id, Some(id)) => id,
            (PresentedToken::Id, None) => {
                let text = "the authorization server gave no ID token (--useIdToken); \
                            the scope \"openid\" may be missing";
                return Err(Refusal::Refused { code: None, text: text.to_owned() });
            }
        };
        Ok(Grant {
            access_token,
            // A server that names no new refresh token continues to accept the old one.
            refresh_token: token.refresh.or_else(|| before.map(str::to_owned)),
            expires_at: Grant::end_of(token.lifetime),
            token_endpoint: self.url.to_owned(),
            resource: self.resource.map(str::to_owned),
            scope: token.scope.unwrap_or_else(|| self.scope.to_owned()),
            client: self.client.clone(),
            key: self.key.filter(|_| token.bound).map(|key| key.kept().to_owned()),
        })
    }
}

/// A request that may have to be sent twice.
struct Prepared {
    url: Url,
    form: String,
    authorization: Option<HeaderValue>,
}

fn encoded(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// A client's name and secret as a header (RFC 6749 section 2.3.1).
fn basic(id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    // Base64 contains only characters that are valid in a header.
    let value = HeaderValue::from_str(&format!("Basic {pair}"));
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// A URL from a document that was checked.
pub(super) fn url(text: &str) -> Result<Url, String> {
    text.parse().map_err(|_| format!("{:?} is not a URL", excerpt(text.as_bytes())))
}
