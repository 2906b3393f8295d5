//! What the log says about refusals because of the caller. Callers appear as a hash, so the log
//! contains no names; the line itself is written in one place (`telemetry::audit`).

use std::sync::Arc;

use http::{header::USER_AGENT, request::Parts};

use super::{
    cache::hash,
    hex::hex,
    token::{Because, Claims},
};
use crate::telemetry::audit::{Audit, Refused};

/// Why a request was refused, for the code that logs it.
#[derive(Debug)]
pub(crate) struct Explanation {
    why: String,
    outcome: &'static str,
    client: Option<String>,
}

impl Explanation {
    /// Whether the request with this head has no credentials, or none that are valid here.
    pub(crate) fn of(because: &Because, head: &Parts) -> Arc<Self> {
        let client = head.headers.get(USER_AGENT).and_then(|name| name.to_str().ok());
        Arc::new(Self {
            why: because.explain(),
            outcome: because.outcome(),
            client: client.map(str::to_owned),
        })
    }

    /// The log line with what is known here.
    pub(crate) fn add_to<'a>(&'a self, line: Refused<'a>) -> Refused<'a> {
        Refused {
            reason: self.outcome,
            client: self.client.as_deref(),
            outcome: Some(self.outcome),
            why: Some(&self.why),
            ..line
        }
    }
}

/// Logs the request of a known caller who may not do this, or not so often.
pub(crate) fn refused_call(
    audit: &Audit,
    claims: Option<&Claims>,
    (method, tool): (&str, Option<&str>),
    outcome: &'static str,
) {
    let subject = claims.map(pseudonym);
    audit.write(&Refused {
        reason: outcome,
        outcome: Some(outcome),
        issuer: claims.map(|claims| claims.issuer.as_str()),
        subject: subject.as_deref(),
        method: Some(method),
        tool,
        ..Refused::default()
    });
}

/// A caller's pseudonym in the log: always the same for the same caller.
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
