//! Credentials for a remote server that asks for them: found, asked for, kept and renewed.
//!
//! A refused request brings a challenge; [`Authorizer::authorize`] turns it into a token, once for
//! all requests of the process and, by a lock beside the token's file, of all processes.

mod assertion;
mod challenge;
mod discovery;
mod grant;
mod login;
mod store;
mod vault;

pub(super) use challenge::Challenge;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use reqwest::{Client, Url};
use tokio::sync::Semaphore;

use self::{
    assertion::Word,
    discovery::{Grantor, discover},
    grant::{Refusal, TokenEndpoint},
    login::{Callback, Wish},
    store::{Grant, Store},
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
    grant: Mutex<Option<Grant>>,
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Authorizer {
    /// Begins with what was kept of an earlier run. `http` is a client without any credentials.
    pub(super) fn new(config: &OAuthConfig, http: Client, url: &Url) -> Self {
        let key = format!("{url} {}", config.client_id.as_deref().unwrap_or_default());
        let vault = Vault::new(&config.key_file);
        let store = Store::new(&config.directory, key.trim(), vault);
        let grant = Mutex::new(store.read());
        Self {
            config: config.clone(),
            http,
            url: url.clone(),
            store,
            turn: Semaphore::new(1),
            grant,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Grant>> {
        self.grant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token to send, if there is one.
    pub(super) fn token(&self) -> Option<String> {
        self.lock().as_ref().map(|grant| grant.access_token.clone())
    }

    /// Gets a token that may be accepted where the one of the challenge was not.
    pub(super) async fn authorize(&self, challenge: &Challenge) -> Result<(), String> {
        let _turn = self.turn.acquire().await.map_err(|error| error.to_string())?;
        if self.token() != challenge.used {
            return Ok(());
        }
        let kept = |error| format!("the tokens cannot be kept: {error}");
        let _lock = self.store.lock().await.map_err(kept)?;
        let grant = Box::pin(self.successor(challenge)).await?;
        self.store.write(&grant).map_err(kept)?;
        *self.lock() = Some(grant);
        Ok(())
    }

    /// The token that another process got meanwhile, a renewed one, or one for a new sign-in.
    async fn successor(&self, challenge: &Challenge) -> Result<Grant, String> {
        let known = self.store.read();
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
            OAuthGrant::AuthorizationCode => Box::pin(self.sign_in(&grantor, challenge)).await,
        }
    }

    async fn renewed(&self, known: &Grant) -> Option<Result<Grant, Refusal>> {
        let token = known.refresh_token.as_deref()?;
        let endpoint = TokenEndpoint {
            http: &self.http,
            url: &known.token_endpoint,
            resource: known.resource.as_deref(),
            client: &known.client,
        };
        Some(Box::pin(endpoint.refresh(token)).await)
    }

    async fn own(&self, grantor: &Grantor, challenge: &Challenge) -> Result<Grant, String> {
        let client = grant::client(&self.http, &self.config, grantor, None).await?;
        let scopes = self.scopes(grantor, challenge);
        let endpoint = TokenEndpoint {
            http: &self.http,
            url: &grantor.server.token_endpoint,
            resource: grantor.resource.as_deref(),
            client: &client,
        };
        let assertion = match &self.config.client_key {
            Some(key) => {
                let audience = &grantor.server.issuer;
                Some(Word { client_id: &client.id, audience }.signed(key)?)
            }
            None => None,
        };
        endpoint.own(&scopes, assertion).await.map_err(Refusal::into_text)
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
        let endpoint = TokenEndpoint {
            http: &self.http,
            url: &grantor.server.token_endpoint,
            resource: grantor.resource.as_deref(),
            client: &client,
        };
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
