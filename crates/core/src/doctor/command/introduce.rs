//! The first request to a server, in either era.

use std::time::Duration;

use serde_json::{Value, json};

use super::talk::Talk;
use crate::{
    doctor::peer::{Peer as _, Silence},
    era::modern_server::{self, Envelope},
    protocol::{LATEST_LEGACY, older_versions},
};

pub(super) use modern_server::DISCOVER;

/// Time that a server has for an older revision after it refused the newest one.
const OLDER: Duration = Duration::from_secs(5);

/// Shakes hands as a client without capabilities; if the newest revision is refused, in an older
/// one.
pub(super) async fn initialize(talk: &mut Talk, limit: Duration) -> Result<Value, Silence> {
    let first = talk.ask("initialize", params(LATEST_LEGACY), limit).await;
    let answer = match first {
        Err(Silence::Error(error)) => older(talk, error).await,
        other => other,
    };
    if answer.is_ok() {
        talk.initialized().await;
    }
    answer
}

async fn older(talk: &mut Talk, error: Value) -> Result<Value, Silence> {
    let text = error.to_string();
    let concerns_version =
        ["version", "protocol", "revision"].iter().any(|word| text.to_lowercase().contains(word));
    if concerns_version {
        for version in older_versions(&text) {
            match talk.ask("initialize", params(version), OLDER).await {
                Err(Silence::Error(_)) => {}
                other => return other,
            }
        }
    }
    Err(Silence::Error(error))
}

fn params(version: &str) -> Value {
    json!({
        "protocolVersion": version,
        "capabilities": {},
        "clientInfo": { "name": "mcp-proxy", "version": crate::VERSION },
    })
}

/// Asks a 2026-07-28 server who it is.
pub(super) async fn discover(talk: &mut Talk, limit: Duration) -> Result<Value, Silence> {
    talk.ask(DISCOVER, json!({ "_meta": meta() }), limit).await
}

/// The `_meta` that every request of that revision carries.
pub(super) fn meta() -> Value {
    let members = format!("{{{}}}", Envelope::of_proxy(crate::VERSION).members());
    serde_json::from_str(&members).unwrap_or_default()
}
