//! Signing in with a browser on another device, where the user types a code (RFC 8628).

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    grant::{DEVICE_CODE, TokenEndpoint},
    store::Grant,
    token::Refusal,
};
use crate::{
    telemetry::console_error,
    upstream::http::fault::{excerpt, without_mark},
};

/// Polling interval if the server names none (RFC 8628 section 3.2).
const PAUSE: Duration = Duration::from_secs(5);
/// What `slow_down` adds to it.
const SLOWER: Duration = Duration::from_secs(5);
/// Longest interval that a server may request.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// Time limit for the user, even if the server allows more.
const PATIENCE: Duration = Duration::from_mins(30);

#[derive(Deserialize)]
struct Invitation {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    interval: Option<f64>,
}

impl TokenEndpoint<'_> {
    /// Shows a code, and waits until the user has typed it.
    pub(super) async fn by_device(&self, place: &str) -> Result<Grant, String> {
        let invitation = self.invitation(place).await?;
        let shown = |text: &str| excerpt(text.as_bytes());
        let at = shown(&invitation.verification_uri);
        console_error!(
            "sign in to use the server: open\n  {at}\nand enter {}",
            shown(&invitation.user_code)
        );
        if let Some(whole) = &invitation.verification_uri_complete {
            console_error!("or open\n  {}", shown(whole));
        }
        let asked = invitation.interval.filter(|seconds| (0.0..=1e6).contains(seconds));
        let mut pause = asked.map_or(PAUSE, Duration::from_secs_f64);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            sleep(pause.min(MAX_PAUSE)).await;
            let form =
                vec![("grant_type", DEVICE_CODE), ("device_code", invitation.device_code.as_str())];
            let refusal = match self.ask(form).await {
                Ok(token) => return self.grant(token, None).map_err(|refusal| refusal.to_string()),
                Err(refusal) => refusal,
            };
            match (refusal.code(), &refusal) {
                (Some("authorization_pending"), _) => {}
                (Some("slow_down"), _) => pause += SLOWER,
                (_, Refusal::Undecided(text)) => {
                    tracing::debug!("{text}");
                    pause += SLOWER;
                }
                _ => return Err(refusal.to_string()),
            }
        }
        Err("nobody entered the code in time".to_owned())
    }

    async fn invitation(&self, place: &str) -> Result<Invitation, String> {
        let form = self.scope().into_iter().collect();
        let answered = Box::pin(self.post(place, form)).await;
        let (status, body) = answered.map_err(|refusal| refusal.to_string())?;
        let unusable = |why: &str| {
            let said = excerpt(&body);
            format!("the authorization server issued no device code ({status}{why}): {said}")
        };
        if !status.is_success() {
            return Err(unusable(""));
        }
        serde_json::from_slice(without_mark(&body)).map_err(|_| unusable(", but no JSON for one"))
    }
}
