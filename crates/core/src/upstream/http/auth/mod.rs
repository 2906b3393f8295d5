//! Credentials for a remote server that asks for them: found, asked for, kept and renewed.
//!
//! A refused request brings a challenge; [`Authorizer::authorize`] turns it into a token, once for
//! all requests of the process and, by a lock beside the token's file, of all processes.

mod assertion;
mod browser;
mod challenge;
mod discovery;
mod dpop;
mod foreign;
mod grant;
mod keys;
mod login;
mod store;
mod vault;

pub(super) use challenge::Challenge;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use reqwest::{Client, Request, Url};
use tokio::sync::{OnceCell, Semaphore};

use self::{
    assertion::Word,
    discovery::{Grantor, discover},
    dpop::{ALGORITHM, Claim, Key},
    grant::{Refusal, TokenEndpoint},
    login::{Callback, Wish},
    store::{Grant, Registered, Store},
    vault::Vault,
};
use crate::config::{OAuthConfig, OAuthGrant};

pub(super) use grant::TIMEOUT;

/// See the module.
pub(super) struct Authorizer {
    config: OAuthConfig,
    http: Client,
    url: Url,
    store: Store,
    turn: Semaphore,
    /// What was kept of an earlier run has been looked at.
    recalled: OnceCell<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<String>,
    /// The key that it is bound to.
    key: Option<Arc<Key>>,
    /// What the server wants the next proof to hold.
    nonce: Option<String>,
}

impl State {
    fn take(&mut self, grant: Grant) {
        self.key = grant.key.as_deref().and_then(Key::read).map(Arc::new);
        self.token = Some(grant.access_token);
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Authorizer {
    /// `http` is a client without any credentials.
    pub(super) fn new(config: &OAuthConfig, http: Client, url: &Url) -> Self {
        let key = format!("{url} {}", config.client_id.as_deref().unwrap_or_default());
        let vault = Vault::new(config.store, &config.key_file);
        let store = Store::new(&config.directory, key.trim(), vault);
        Self {
            config: config.clone(),
            http,
            url: url.clone(),
            store,
            turn: Semaphore::new(1),
            recalled: OnceCell::new(),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token to send, if there is one: what was kept of an earlier run to begin with.
    async fn token(&self) -> Option<String> {
        let recall = || async {
            if let Some(kept) = self.store.read().await {
                self.lock().take(kept);
            }
        };
        self.recalled.get_or_init(|| Box::pin(recall())).await;
        self.lock().token.clone()
    }

    /// Puts the token on a request, if there is one; the token that was put there.
    pub(super) async fn sign(&self, request: &mut Request) -> Option<String> {
        let token = Box::pin(self.token()).await?;
        let state = self.lock();
        let (key, nonce) = (state.key.clone(), state.nonce.clone());
        drop(state);
        let proof = key.as_ref().and_then(|key| {
            let (method, url) = (request.method(), request.url());
            key.proof(&Claim { method, url, token: Some(&token), nonce: nonce.as_deref() })
        });
        let scheme = if key.is_some() { "DPoP" } else { "Bearer" };
        let mut value = HeaderValue::from_str(&format!("{scheme} {token}")).ok()?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        let proof = proof.and_then(|proof| HeaderValue::from_str(&proof).ok());
        request.headers_mut().extend(proof.map(|proof| (dpop::PROOF, proof)));
        Some(token)
    }

    /// Notes what the server wants the next proof to hold.
    pub(super) fn heed(&self, headers: &HeaderMap) {
        if let Some(nonce) = headers.get(dpop::NONCE).and_then(|nonce| nonce.to_str().ok()) {
            self.lock().nonce = Some(nonce.to_owned());
        }
    }

    /// Gets a token that may be accepted where the one of the challenge was not.
    pub(super) async fn authorize(&self, challenge: &Challenge) -> Result<(), String> {
        let _turn = self.turn.acquire().await.map_err(|error| error.to_string())?;
        // A nonce that was missing has come with the challenge.
        if self.token().await != challenge.used || challenge.lacks_nonce {
            return Ok(());
        }
        let kept = |error| format!("the tokens cannot be kept: {error}");
        let _lock = self.store.lock().await.map_err(kept)?;
        let grant = Box::pin(self.successor(challenge)).await?;
        Box::pin(self.store.write(&grant)).await.map_err(kept)?;
        self.lock().take(grant);
        Ok(())
    }

    /// The token that another process got meanwhile, a renewed one, or one for a new sign-in.
    async fn successor(&self, challenge: &Challenge) -> Result<Grant, String> {
        let known = Box::pin(self.store.read()).await;
        if let Some(known) = known.filter(|_| !challenge.insufficient_scope) {
            let is_new = challenge.used.as_ref() != Some(&known.access_token);
            if is_new && known.is_fresh() {
                return Ok(known);
            }
            match self.renewed(&known).await {
                Some(Ok(grant)) => return Ok(grant),
                Some(Err(Refusal::InvalidGrant(text))) => {
                    tracing::info!("the token was not renewed: {text}");
                    self.store.remove();
                }
                Some(Err(Refusal::Other(text))) => return Err(text),
                None => {}
            }
        }
        let grantor = Box::pin(discover(&self.http, &self.url, challenge)).await?;
        match self.config.grant {
            OAuthGrant::ClientCredentials => Box::pin(self.own(&grantor, challenge)).await,
            OAuthGrant::JwtBearer => Box::pin(self.vouched(&grantor, challenge)).await,
            OAuthGrant::AuthorizationCode => Box::pin(self.sign_in(&grantor, challenge)).await,
        }
    }

    async fn renewed(&self, known: &Grant) -> Option<Result<Grant, Refusal>> {
        let token = known.refresh_token.as_deref()?;
        let key = known.key.as_deref().and_then(Key::read);
        let endpoint = TokenEndpoint {
            http: &self.http,
            url: &known.token_endpoint,
            resource: known.resource.as_deref(),
            client: &known.client,
            key: key.as_ref(),
        };
        Some(Box::pin(endpoint.refresh(token)).await)
    }

    async fn own(&self, grantor: &Grantor, challenge: &Challenge) -> Result<Grant, String> {
        let client = grant::client(&self.http, &self.config, grantor, None).await?;
        let scopes = self.scopes(grantor, challenge);
        let key = new_key(grantor)?;
        let endpoint = self.endpoint(grantor, &client, key.as_ref());
        let assertion = match &self.config.client_key {
            Some(key) => {
                let audience = &grantor.server.issuer;
                Some(Word { client_id: &client.id, audience }.signed(key)?)
            }
            None => None,
        };
        endpoint.own(&scopes, assertion).await.map_err(Refusal::into_text)
    }

    fn endpoint<'a>(
        &'a self,
        grantor: &'a Grantor,
        client: &'a Registered,
        key: Option<&'a Key>,
    ) -> TokenEndpoint<'a> {
        TokenEndpoint {
            http: &self.http,
            url: &grantor.server.token_endpoint,
            resource: grantor.resource.as_deref(),
            client,
            key,
        }
    }

    async fn vouched(&self, grantor: &Grantor, challenge: &Challenge) -> Result<Grant, String> {
        let client = grant::client(&self.http, &self.config, grantor, None).await?;
        let key = new_key(grantor)?;
        let endpoint = self.endpoint(grantor, &client, key.as_ref());
        let path = self.config.assertion.as_deref().ok_or("there is no assertion")?;
        let mut assertion = foreign::assertion(path)?;
        if let Some(provider) = &self.config.identity_provider {
            let client = Registered { id: provider.client_id.clone(), ..Registered::default() };
            let url = foreign::place(provider)?;
            let own = TokenEndpoint { url, client: &client, key: None, ..endpoint };
            let exchanged = Box::pin(own.exchanged(&assertion, grantor)).await;
            assertion = exchanged.map_err(Refusal::into_text)?;
        }
        let scopes = self.scopes(grantor, challenge);
        let granted = Box::pin(endpoint.vouched(&assertion, &scopes)).await;
        granted.map_err(Refusal::into_text)
    }

    async fn sign_in(&self, grantor: &Grantor, challenge: &Challenge) -> Result<Grant, String> {
        let callback = Callback::open(self.config.callback_port).await?;
        let redirect = callback.redirect.as_str();
        let client = grant::client(&self.http, &self.config, grantor, Some(redirect)).await?;
        let scopes = self.scopes(grantor, challenge);
        let wish = Wish {
            server: &grantor.server,
            client_id: &client.id,
            resource: grantor.resource.as_deref(),
            scopes: &scopes,
            headless: self.config.headless,
        };
        let consent = callback.consent(&wish).await?;
        let key = new_key(grantor)?;
        let endpoint = self.endpoint(grantor, &client, key.as_ref());
        let granted = endpoint.exchange(consent.code, consent.verifier, redirect).await;
        granted.map_err(Refusal::into_text)
    }

    /// What is asked for: what was configured, else what the server wants, else what it has.
    fn scopes(&self, grantor: &Grantor, challenge: &Challenge) -> Vec<String> {
        let words = |text: &String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let configured = self.config.scope.as_ref().map(words);
        let mut scopes = configured
            .or_else(|| challenge.scope.as_ref().map(words))
            .or_else(|| grantor.scopes.clone())
            .unwrap_or_default();
        let offline = "offline_access".to_owned();
        let offers = grantor.server.scopes_supported.as_ref();
        let lasts = offers.is_some_and(|offers| offers.contains(&offline));
        let signs_in = self.config.grant == OAuthGrant::AuthorizationCode;
        if lasts && signs_in && !scopes.contains(&offline) {
            scopes.push(offline);
        }
        scopes
    }
}

/// A key for a new grant, where the server wants tokens that are bound to one.
fn new_key(grantor: &Grantor) -> Result<Option<Key>, String> {
    let algorithms = grantor.server.dpop_signing_alg_values_supported.as_ref();
    let supported = algorithms.is_none_or(|names| names.iter().any(|name| name == ALGORITHM));
    if grantor.bound && supported { Key::generate().map(Some) } else { Ok(None) }
}
