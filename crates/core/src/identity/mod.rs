//! Identifies callers.
//!
//! Each request has an [`Identity`], which an [`Authenticator`] derives from the request's head.
//! Sessions, leased servers, waiting calls and remembered tools belong to the identity for which
//! they were created.
//!
//! Authenticators are the API key, the callback of an embedding program, and an OAuth resource
//! server (RFC 6750, RFC 8707, RFC 9068, RFC 9728) with static tokens. Decisions there are pure:
//! [`token`] verifies, `issuer::machine` says when keys are fetched, [`challenge`] and [`metadata`]
//! say what a client is told. Around them are the sources: issuers with their keys, introspection,
//! and a file of static tokens.

mod api_key;
pub(crate) mod audit;
mod bearer;
pub(crate) mod cache;
mod callback;
pub(crate) mod certificate;
pub(crate) mod challenge;
pub(crate) mod credential;
mod denial;
mod entitlement;
mod expiry;
mod hex;
pub(crate) mod introspection;
pub(crate) mod issuer;
pub(crate) mod metadata;
mod mirror;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod oracle;
mod packed;
mod portable;
mod recent;
pub(crate) mod resource_server;
pub(crate) mod static_tokens;
pub(crate) mod token;
pub(crate) mod well_known;

pub(crate) use api_key::ApiKey;
pub(crate) use bearer::Bearer;
pub(crate) use callback::Callback;
pub(crate) use denial::Denial;
pub(crate) use entitlement::holds;
pub(crate) use expiry::Expiry;
pub(crate) use portable::Portable;
pub(crate) use token::Claims;

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};

use crate::config::Policy;

/// Identifies the sender of a request from its head.
///
/// Called before the body is read. An invalid credential is a [`Denial`]; then no other
/// authenticator is asked.
pub(crate) trait Authenticator: fmt::Debug + Send + Sync {
    fn authenticate<'a>(
        &'a self,
        head: &'a Parts,
        endpoint: &'a Endpoint<'a>,
    ) -> BoxFuture<'a, Result<Identity, Denial>>;

    /// The same for a caller that came recently and may continue; it refuses nobody.
    fn recognise(&self, _head: &Parts, _endpoint: &Endpoint<'_>) -> Option<Identity> {
        None
    }
}

/// The requested endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoint<'a> {
    /// Its configured path.
    pub(crate) path: &'a str,
    /// What callers need there, besides what is needed everywhere.
    pub(crate) policy: Option<Arc<Policy>>,
}

/// On whose behalf a request is made; by default nobody in particular. Cheap to clone.
///
/// Two identities with the same issuer and subject are equal, whatever else their credentials say:
/// a refreshed token is the same identity. All that are nobody in particular are equal, too.
#[derive(Clone, Default)]
pub(crate) struct Identity(Who);

#[derive(Clone, Default)]
enum Who {
    #[default]
    Nobody,
    /// The sender of this `Authorization` header, which was not checked.
    Unverified(Bytes),
    Somebody(Arc<Claims>),
}

impl From<Arc<Claims>> for Identity {
    fn from(claims: Arc<Claims>) -> Self {
        Self(Who::Somebody(claims))
    }
}

impl From<Claims> for Identity {
    fn from(claims: Claims) -> Self {
        Arc::new(claims).into()
    }
}

impl Identity {
    /// What is known about a particular caller.
    pub(crate) fn claims(&self) -> Option<&Arc<Claims>> {
        match &self.0 {
            Who::Somebody(claims) => Some(claims),
            Who::Nobody | Who::Unverified(_) => None,
        }
    }

    /// The same; if it is nobody in particular, the sender of these credentials. That tells
    /// requests apart, but does not say who may send them.
    pub(crate) fn or_presented(self, headers: &HeaderMap) -> Self {
        let mut presented = headers.get_all(AUTHORIZATION).iter();
        match (&self.0, presented.next()) {
            (Who::Nobody, Some(first)) => {
                let all = presented.fold(first.as_bytes().to_vec(), |all, next| {
                    [&all, &b"\0"[..], next.as_bytes()].concat()
                });
                Self(Who::Unverified(all.into()))
            }
            _ => self,
        }
    }

    /// Whether it certainly belongs to a single caller, so that what was created for it may be kept
    /// for its next request.
    pub(crate) fn is_one_caller(&self) -> bool {
        self.claims().is_some()
    }

    #[cfg(test)]
    pub(crate) fn named(subject: &str) -> Self {
        Claims::new("test", subject).into()
    }

    /// What identities are compared by.
    pub(crate) fn key(&self) -> (u8, &[u8], &[u8]) {
        match &self.0 {
            Who::Nobody => (0, &[], &[]),
            Who::Unverified(presented) => (1, presented, &[]),
            Who::Somebody(claims) => (2, claims.issuer.as_bytes(), claims.subject.as_bytes()),
        }
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Who::Nobody => "Identity(anonymous)",
            Who::Unverified(_) => "Identity(unverified)",
            Who::Somebody(_) => "Identity(redacted)",
        })
    }
}

/// The current time, for the validity of tokens.
pub(crate) fn now() -> token::Seconds {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(issuer: &str, subject: &str) -> Identity {
        Claims::new(issuer, subject).into()
    }

    fn presenting(identity: Identity, values: &[&str]) -> Identity {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        identity.or_presented(&headers)
    }

    #[test]
    fn issuer_and_subject_decide_who_is_who() {
        let refreshed = Claims { expires: Some(1), ..Claims::new("i", "s") };
        assert_eq!(person("i", "s"), refreshed.into());
        assert_ne!(person("i", "s"), person("j", "s"));
        assert_ne!(person("i", "s"), person("i", "t"));
        assert_ne!(person("i", "s"), Identity::default());
        assert_eq!(Identity::default(), Identity::default());
    }

    #[test]
    fn only_somebody_in_particular_is_one_caller() {
        assert!(person("i", "s").is_one_caller());
        assert!(!Identity::default().is_one_caller());
        assert!(!presenting(Identity::default(), &["Bearer a"]).is_one_caller());
    }

    #[test]
    fn what_is_presented_tells_apart_those_of_whom_nothing_is_known() {
        let nobody = Identity::default;
        let one = presenting(nobody(), &["Bearer a"]);
        assert_eq!(one, presenting(nobody(), &["Bearer a"]));
        for other in [&["Bearer b"][..], &["Bearer a", "Bearer b"], &[]] {
            assert_ne!(one, presenting(nobody(), other), "{other:?}");
        }
        assert_eq!(presenting(nobody(), &[]), nobody());
        assert_eq!(presenting(person("i", "s"), &["Bearer a"]), person("i", "s"));
    }

    #[test]
    fn names_do_not_reach_the_log() {
        assert!(!format!("{:?}", person("https://i", "alice")).contains("alice"));
    }
}
