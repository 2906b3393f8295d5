//! The stored sign-in, for callers that must not ask a user to sign in.

use reqwest::Url;

use super::{Authorizer, Challenge, Occasion};
use crate::{config::RemoteConfig, upstream::http::client};

/// The stored token for this server, renewed if it has expired. `None` if no stored token can be
/// sent, or if other credentials are configured.
pub(crate) async fn stored_token(config: &RemoteConfig) -> Option<String> {
    let oauth = config.oauth.as_ref().filter(|_| config.bearer_token.is_none())?;
    let url = Url::parse(&config.url).ok()?;
    let reach = client::for_others(config, oauth, &url).ok()?;
    let authorizer = Authorizer::new(oauth, reach, &url, 0);
    let used = authorizer.token().await?;
    let grant = authorizer.lock().grant.clone()?;
    if grant.key.is_some() {
        return None;
    }
    if !grant.is_fresh() {
        let over = Challenge { used: Some(used), ..Challenge::default() };
        authorizer.authorize(&over, Occasion::Background).await.ok()?;
    }
    authorizer.token().await
}
