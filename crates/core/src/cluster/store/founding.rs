//! Everything that is needed to open a session at another replica, sealed: the store learns neither
//! who has the session nor what the client has sent.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::secrets::Secrets;
use crate::identity::Portable;

/// The version that is written. Older ones, once there are any, are still read.
const VERSION: u8 = 1;

/// See the module.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Founding {
    /// The path of the session's endpoint.
    pub(crate) endpoint: String,
    pub(crate) who: Portable,
    /// The client's name for it.
    pub(crate) name: String,
    /// The client's `initialize`.
    pub(crate) initialize: String,
    /// Whether the client has sent `notifications/initialized`.
    pub(crate) initialized: bool,
    /// The last request that set a log level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<String>,
    /// Requests for subscriptions, by their URIs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) subscriptions: BTreeMap<String, String>,
    /// The session with a remote server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remote: Option<RemoteSession>,
    /// Those with the remote servers of an endpoint that serves several, by the servers' names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) remotes: BTreeMap<String, RemoteSession>,
}

/// A session with a remote server.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct RemoteSession {
    pub(crate) number: u64,
    /// A secret.
    pub(crate) id: String,
    pub(crate) version: Option<String>,
}

impl fmt::Debug for RemoteSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSession").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Most bytes of subscriptions that are kept, since each change writes all of them.
const MAX_SUBSCRIPTIONS: usize = 256 * 1024;

impl Founding {
    /// Remembers a subscription if there is room for it.
    pub(crate) fn subscribe(&mut self, uri: String, request: String) {
        let length = |(uri, request): (&String, &String)| uri.len() + request.len();
        let kept: usize = self.subscriptions.iter().map(length).sum();
        if kept + length((&uri, &request)) <= MAX_SUBSCRIPTIONS {
            self.subscriptions.insert(uri, request);
        }
    }
}

/// Seals and opens.
pub(super) struct Sealer(Vec<LessSafeKey>);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(redacted)")
    }
}

impl Sealer {
    /// Returns `None` only if ring refuses its own keys, which cannot happen.
    pub(super) fn new(secrets: &Secrets) -> Option<Self> {
        let key = |secret: [u8; 32]| UnboundKey::new(&AES_256_GCM, &secret).ok();
        let keys = secrets.derive(b"mcp-proxy store 1").into_iter().map(key);
        Some(Self(keys.collect::<Option<Vec<_>>>()?.into_iter().map(LessSafeKey::new).collect()))
    }

    /// Empty if the system provides no random numbers; an empty text cannot be opened.
    pub(super) fn seal(&self, id: Uuid, founding: &Founding) -> Bytes {
        let sealed = || {
            let mut nonce = [0; NONCE_LEN];
            SystemRandom::new().fill(&mut nonce).ok()?;
            let mut text = serde_json::to_vec(founding).ok()?;
            let at = Nonce::assume_unique_for_key(nonce);
            let key = self.0.first()?;
            key.seal_in_place_append_tag(at, Aad::from(id.as_bytes()), &mut text).ok()?;
            Some(Bytes::from([&[VERSION], &nonce[..], &text].concat()))
        };
        sealed().unwrap_or_default()
    }

    pub(super) fn open(&self, id: Uuid, sealed: &[u8]) -> Option<Founding> {
        let (&VERSION, rest) = sealed.split_first()? else { return None };
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
        self.0.iter().find_map(|key| {
            let mut text = text.to_vec();
            let at = Nonce::assume_unique_for_key(*nonce);
            let opened = key.open_in_place(at, Aad::from(id.as_bytes()), &mut text).ok()?;
            serde_json::from_slice(opened).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    #[test]
    fn what_is_kept_is_read_by_those_who_know_the_secret_and_for_its_session_only() {
        let keyed = |secrets: &str| Sealer::new(&Secrets::parse(secrets).unwrap()).unwrap();
        let founding = Founding {
            endpoint: "/mcp".to_owned(),
            who: Portable::from(&Identity::named("alice")),
            name: "n".to_owned(),
            initialize: "{}".to_owned(),
            initialized: true,
            level: None,
            subscriptions: BTreeMap::new(),
            remote: None,
            remotes: BTreeMap::new(),
        };
        let id = Uuid::new_v4();
        let sealed = keyed("0123456789abcdef").seal(id, &founding);
        assert!(sealed.len() < 1024, "{}", sealed.len());
        assert!(!String::from_utf8_lossy(&sealed).contains("alice"));
        let both = keyed("fedcba9876543210\n0123456789abcdef");
        assert_eq!(both.open(id, &sealed).unwrap().name, "n");
        assert!(both.open(Uuid::new_v4(), &sealed).is_none());
        assert!(keyed("fedcba9876543210").open(id, &sealed).is_none());
    }
}
