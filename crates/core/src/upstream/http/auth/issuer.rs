//! Which authorization server gets secrets: the configured one, or the one that the remote server
//! named first.

use super::{Authorizer, discovery::same_issuer, store::Remembered};
use crate::upstream::http::fault::excerpt;

impl Authorizer {
    /// Refuses a new authorization server if it would get a secret. A client that was registered at
    /// the old one has nothing to lose, and is registered again.
    pub(super) async fn trust(&self, issuer: &str) -> Result<(), String> {
        let config = &self.config;
        let secret = config.client_secret.is_some()
            || config.client_key.is_some()
            || config.assertion.is_some();
        // A configured `--issuer` was already compared with what the server names.
        if !secret || config.issuer.is_some() {
            return Ok(());
        }
        let kept = Box::pin(self.store.read::<Remembered>()).await.map(|kept| kept.issuer);
        match kept.or_else(|| self.lock().issuer.clone()) {
            Some(first) if same_issuer(&first, issuer) => Ok(()),
            Some(first) => {
                let issuer = excerpt(issuer.as_bytes());
                Err(format!(
                    "the server now names {issuer} to sign in at; before, it named {first}. The \
                     client's secret is not sent to another one; if the change is right, use \
                     --issuer {issuer}"
                ))
            }
            None => {
                self.lock().issuer = Some(issuer.to_owned());
                let remembered = Remembered { issuer: issuer.to_owned() };
                if let Err(error) = Box::pin(self.store.write(&remembered)).await {
                    self.warn_unkept(&error);
                }
                Ok(())
            }
        }
    }
}
