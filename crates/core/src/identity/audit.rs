//! One line in the log for each refusal. What others wrote is cut; who called is a hash,
//! so that a log names nobody.

use http::{header::USER_AGENT, request::Parts};

use super::{
    cache::hash,
    hex::hex,
    token::{Because, Claims},
};

/// Most characters of what others wrote.
const MAX_WRITTEN: usize = 100;

/// A request that was not let in. A client that has not signed in yet is nothing to worry about.
pub(crate) fn refused_request(because: &Because, head: &Parts, endpoint: &str) {
    let client = head.headers.get(USER_AGENT).and_then(|name| name.to_str().ok());
    let client = cut(client.unwrap_or_default());
    let method = head.method.as_str();
    if *because == Because::Nothing {
        tracing::debug!(
            target: "mcp_proxy::audit", endpoint, method, client, outcome = "unauthorized",
            "a request was refused: it has no credentials"
        );
        return;
    }
    tracing::warn!(
        target: "mcp_proxy::audit", endpoint, method, client, outcome = because.outcome(),
        "a request was refused: {}", because.explain()
    );
}

/// A request of somebody who was let in and may not do this, or not so often.
pub(crate) fn refused_call(
    claims: Option<&Claims>,
    method: &str,
    tool: &str,
    outcome: &'static str,
) {
    let issuer = claims.map_or("", |claims| claims.issuer.as_str());
    let subject = claims.map(pseudonym).unwrap_or_default();
    let (method, tool) = (cut(method), cut(tool));
    tracing::warn!(
        target: "mcp_proxy::audit", issuer, subject, method, tool, outcome,
        "a call was refused"
    );
}

/// As much of it as a line of the log needs; the log itself escapes what is not printable.
fn cut(text: &str) -> &str {
    text.char_indices().nth(MAX_WRITTEN).map_or(text, |(end, _)| &text[..end])
}

/// What stands for a person in the log: the same for the same one.
fn pseudonym(claims: &Claims) -> String {
    let hash = hash(&format!("{}\0{}", claims.issuer, claims.subject));
    hex(&hash[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_apart_and_not_named() {
        let alice = pseudonym(&Claims::new("https://idp", "alice"));
        assert_eq!(alice, pseudonym(&Claims::new("https://idp", "alice")));
        assert_ne!(alice, pseudonym(&Claims::new("https://idp", "bob")));
        assert_ne!(alice, pseudonym(&Claims::new("https://id", "palice")));
        assert_eq!(alice.len(), 16);
    }
}
