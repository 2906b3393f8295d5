//! Ways to get a grant: from another process, by renewal, or from the start as configured.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Authorizer, Challenge, Occasion,
    assertion::Word,
    browser,
    callback::Callback,
    discovery::{Grantor, discover},
    dpop::{ALGORITHM, Key},
    foreign,
    grant::{self, TokenEndpoint, Unregistered},
    login::{Attempt, Wish},
    store::{Grant, Registered},
    token::Refusal,
};
use crate::{
    config::{CallbackConfig, CallbackHost, OAuthGrant},
    telemetry::console_error,
    watch::SignIn,
};

/// If a renewed token is refused within this time, its age is not the reason.
const AT_ONCE: Duration = Duration::from_secs(30);

impl Authorizer {
    /// A token that another process got meanwhile, a renewed one, or one from a new sign-in.
    pub(super) async fn successor(
        &self,
        challenge: &Challenge,
        occasion: Occasion,
    ) -> Result<Grant, String> {
        let known = self.known().await;
        if let Some(known) = &known {
            let is_new = challenge.used.as_ref() != Some(&known.access_token);
            if is_new && known.is_fresh() && reaches(known, challenge) {
                return Ok(Grant::clone(known));
            }
            if !challenge.insufficient_scope
                && let Some(renewed) = self.renewed(known).await?
            {
                return Ok(renewed);
            }
        }
        if self.config.grant.needs_somebody() && occasion == Occasion::Background {
            return Err("the next call asks the user to sign in again".to_owned());
        }
        let known = known.filter(|_| challenge.insufficient_scope);
        let grantor = Box::pin(discover(&self.reach, &self.config, &self.url, challenge)).await?;
        Box::pin(self.trust(&grantor.server.issuer)).await?;
        let scope = self.scope(&grantor, challenge, known.as_deref())?;
        let asked = Asked { grantor: &grantor, scope: &scope };
        let _waiting = self.config.grant.needs_somebody().then(|| self.waiting());
        match self.config.grant {
            OAuthGrant::ClientCredentials => Box::pin(self.own(asked)).await,
            OAuthGrant::JwtBearer => Box::pin(self.vouched(asked)).await,
            OAuthGrant::DeviceCode => Box::pin(self.by_device(asked)).await,
            OAuthGrant::AuthorizationCode => Box::pin(self.sign_in(asked)).await,
        }
    }

    /// The last grant of any process.
    async fn known(&self) -> Option<Arc<Grant>> {
        match Box::pin(self.store.read()).await {
            Some(kept) => Some(Arc::new(kept)),
            None => self.lock().grant.clone(),
        }
    }

    /// A renewed grant; `None` if a new one must be requested. If the authorization server cannot
    /// be reached, no new sign-in is required. A token that is refused right after its renewal
    /// requires one, since the server may now want tokens of another authorization server.
    async fn renewed(&self, known: &Grant) -> Result<Option<Grant>, String> {
        let Some(token) = &known.refresh_token else { return Ok(None) };
        if self.lock().renewed.as_ref().is_some_and(|(when, renewed)| {
            *renewed == known.access_token && when.elapsed() < AT_ONCE
        }) {
            return Ok(None);
        }
        let key = known.key.as_deref().and_then(Key::read);
        let endpoint = TokenEndpoint {
            reach: &self.reach,
            url: &known.token_endpoint,
            resource: known.resource.as_deref(),
            scope: &known.scope,
            client: &known.client,
            key: key.as_ref(),
            presented: self.config.presented,
        };
        match Box::pin(endpoint.refresh(token)).await {
            Ok(grant) => {
                self.show(SignIn::Renewed, String::new);
                self.lock().renewed = Some((Instant::now(), grant.access_token.clone()));
                Ok(Some(grant))
            }
            Err(refusal @ Refusal::Refused { .. }) => {
                tracing::info!("the token was not renewed: {refusal}");
                self.store.remove::<Grant>();
                Ok(None)
            }
            Err(Refusal::Undecided(why)) => Err(format!("the token was not renewed: {why}")),
        }
    }

    fn endpoint<'a>(
        &'a self,
        asked: Asked<'a>,
        client: &'a Registered,
        key: Option<&'a Key>,
    ) -> TokenEndpoint<'a> {
        TokenEndpoint {
            reach: &self.reach,
            url: &asked.grantor.server.token_endpoint,
            resource: asked.grantor.resource.as_deref(),
            scope: asked.scope,
            client,
            key,
            presented: self.config.presented,
        }
    }

    async fn own(&self, asked: Asked<'_>) -> Result<Grant, String> {
        let client = grant::client(&self.reach, &self.config, asked.grantor, None).await?;
        let key = new_key(asked.grantor)?;
        let assertion = match &self.config.client_key {
            Some(key) => {
                let audience = &asked.grantor.server.issuer;
                Some(Word { client_id: &client.id, audience }.signed(key)?)
            }
            None => None,
        };
        let granted = self.endpoint(asked, &client, key.as_ref()).own(assertion).await;
        granted.map_err(|refusal| refusal.to_string())
    }

    async fn vouched(&self, asked: Asked<'_>) -> Result<Grant, String> {
        let refused = |refusal: Refusal| refusal.to_string();
        let client = grant::client(&self.reach, &self.config, asked.grantor, None).await?;
        let key = new_key(asked.grantor)?;
        let endpoint = self.endpoint(asked, &client, key.as_ref());
        let path = self.config.assertion.as_deref().ok_or("there is no assertion")?;
        let mut assertion = foreign::assertion(path)?;
        if let Some(provider) = &self.config.identity_provider {
            let client = Registered { id: provider.client_id.clone(), ..Registered::default() };
            let url = foreign::place(provider)?;
            let own = TokenEndpoint { url, client: &client, key: None, ..endpoint };
            let exchanged = Box::pin(own.exchanged(&assertion, asked.grantor)).await;
            assertion = exchanged.map_err(refused)?;
        }
        Box::pin(endpoint.vouched(&assertion)).await.map_err(refused)
    }

    async fn by_device(&self, asked: Asked<'_>) -> Result<Grant, String> {
        let place = asked.grantor.server.device_authorization_endpoint.as_deref();
        let place = place.ok_or_else(|| {
            format!(
                "{} does not support signing in with a device code",
                asked.grantor.server.issuer
            )
        })?;
        let client = grant::client(&self.reach, &self.config, asked.grantor, None).await?;
        let key = new_key(asked.grantor)?;
        self.endpoint(asked, &client, key.as_ref()).by_device(place).await
    }

    /// Sends the user to the authorization server and waits for the redirect. A sign-in that
    /// another process has started and not finished is continued: its tab leads here.
    async fn sign_in(&self, asked: Asked<'_>) -> Result<Grant, String> {
        let wish = Wish {
            server: &asked.grantor.server,
            resource: asked.grantor.resource.as_deref(),
            scope: asked.scope,
            parameters: &self.config.authorize_params,
        };
        let client_id = self.config.client_id.as_deref();
        let begun = Box::pin(self.store.read::<Attempt>()).await;
        let begun = begun.filter(|begun| begun.suits(&wish, client_id));
        let config = &self.config.callback;
        let (callback, attempt) =
            match Box::pin(self.begin(&wish, asked.grantor, begun.clone(), config)).await {
                // Some servers accept only a host name.
                Err(Unregistered::Redirect(text)) if config.host == CallbackHost::Ipv4 => {
                    let named = CallbackConfig { host: CallbackHost::Localhost, ..config.clone() };
                    let begun = self.begin(&wish, asked.grantor, begun, &named);
                    Box::pin(begun).await.map_err(|_| text)?
                }
                begun => begun?,
            };
        let url = attempt.address(&wish)?;
        console_error!("sign in to use the server:\n  {url}");
        if self.config.pasted {
            console_error!(
                "if the browser runs on another machine, paste the address of its last page here"
            );
        }
        if !self.config.headless {
            browser::open(&url);
        }
        let returned = attempt.returned(&callback, wish.server, self.config.pasted).await;
        self.store.remove::<Attempt>();
        let (code, key) = (returned?, new_key(asked.grantor)?);
        let endpoint = self.endpoint(asked, &attempt.client, key.as_ref());
        let granted = endpoint.exchange(&code, &attempt.verifier, &attempt.redirect).await;
        granted.map_err(|refusal| refusal.to_string())
    }

    /// Opens the port, and continues an earlier sign-in or starts a new one.
    async fn begin(
        &self,
        wish: &Wish<'_>,
        grantor: &Grantor,
        begun: Option<Attempt>,
        config: &CallbackConfig,
    ) -> Result<(Callback, Attempt), Unregistered> {
        let port = begun.as_ref().and_then(Attempt::port);
        let callback = Callback::open(config, port).await.map_err(Unregistered::Other)?;
        let redirect = callback.redirect.as_str();
        if let Some(begun) = begun.filter(|begun| begun.redirect == redirect) {
            return Ok((callback, begun));
        }
        let client = grant::client(&self.reach, &self.config, grantor, Some(redirect)).await?;
        let attempt = Attempt::begin(wish, client, redirect).map_err(Unregistered::Other)?;
        if let Err(error) = Box::pin(self.store.write(&attempt)).await {
            self.warn_unkept(&error);
        }
        Ok((callback, attempt))
    }

    /// The scopes to request: the configured ones, else those that the server wants, else those
    /// that it offers; plus those granted before if they did not suffice (MCP, "Step-Up
    /// Authorization").
    fn scope(
        &self,
        grantor: &Grantor,
        challenge: &Challenge,
        before: Option<&Grant>,
    ) -> Result<String, String> {
        if let (Some(configured), true) = (&self.config.scope, challenge.insufficient_scope) {
            let wanted = challenge.scope.as_deref().unwrap_or("more");
            return Err(format!(
                "the server wants scope {wanted:?}, and --scope is {configured:?}"
            ));
        }
        let described = grantor.scopes.as_ref().map(|scopes| scopes.join(" "));
        let wanted = self.config.scope.clone().or_else(|| challenge.scope.clone()).or(described);
        let wanted = wanted.unwrap_or_default();
        let before = before.map_or("", |before| &before.scope);
        let offline = "offline_access";
        let offers = grantor.server.scopes_supported.as_ref();
        let lasts = offers.is_some_and(|offers| offers.iter().any(|offer| offer == offline));
        let signs_in = self.config.grant.needs_somebody();
        let also = if lasts && signs_in { offline } else { "" };
        Ok(union([before, &wanted, also]))
    }
}

/// What is needed to request a new token.
#[derive(Clone, Copy)]
struct Asked<'a> {
    grantor: &'a Grantor,
    /// Separated by spaces.
    scope: &'a str,
}

/// Whether a grant has the scopes that were missed.
fn reaches(known: &Grant, challenge: &Challenge) -> bool {
    let has = |scope: &str| known.scope.split_whitespace().any(|known| known == scope);
    let wanted = challenge.scope.as_deref().unwrap_or_default();
    !challenge.insufficient_scope || wanted.split_whitespace().all(has)
}

/// Each word once, in the order of first appearance.
fn union<const N: usize>(texts: [&str; N]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in texts.into_iter().flat_map(str::split_whitespace) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" ")
}

/// A key for a new grant, if the server requires tokens that are bound to one.
fn new_key(grantor: &Grantor) -> Result<Option<Key>, String> {
    let algorithms = grantor.server.dpop_signing_alg_values_supported.as_ref();
    let supported = algorithms.is_none_or(|names| names.iter().any(|name| name == ALGORITHM));
    if grantor.bound && supported { Key::generate().map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_asked_for_once_in_the_order_in_which_they_came() {
        assert_eq!(union(["a b", " b  c", "a"]), "a b c");
        assert_eq!(union(["", "", ""]), "");
    }

    #[test]
    fn a_grant_of_another_process_is_taken_if_it_reaches_far_enough() {
        let known = Grant { scope: "read write".to_owned(), ..Grant::default() };
        let missed = |scope: Option<&str>, insufficient_scope| Challenge {
            scope: scope.map(str::to_owned),
            insufficient_scope,
            ..Challenge::default()
        };
        assert!(reaches(&known, &missed(Some("write"), true)));
        assert!(!reaches(&known, &missed(Some("write admin"), true)));
        assert!(reaches(&known, &missed(Some("admin"), false)));
    }
}
