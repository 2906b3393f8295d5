//! Names of things that live at one replica: sessions, and calls that wait for their clients.
//!
//! A name is a unique part, a dot, and its owner. The owner is encrypted, so that nobody learns how
//! many replicas there are, and authenticated, so that nobody can make up a name. If none of the
//! secrets opens a name, no replica has given it.

use std::{collections::HashMap, fmt, sync::PoisonError};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest,
};

use super::{
    replica::{REPLICA_ID, ReplicaId},
    secrets::Secrets,
};
use crate::runtime::lock::Mutex;

/// The version of a sealed owner; others are refused.
const VERSION: u8 = 1;
/// Names longer than this are not looked at.
const MAX_NAME: usize = 256;
/// Most names whose owners are remembered.
const MAX_KNOWN: usize = 4096;
/// Separates the unique part and the owner.
const DOT: char = '.';

/// Gives names and reads them.
pub(crate) struct Names {
    own: ReplicaId,
    /// The first one seals, all of them open.
    keys: Vec<LessSafeKey>,
    /// Names that were opened: clients send theirs with each request.
    known: Mutex<HashMap<String, ReplicaId>>,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Names {
    /// The namer of this replica. Returns `None` only if ring refuses its own keys, which cannot
    /// happen.
    pub(crate) fn new(own: ReplicaId, secrets: &Secrets) -> Option<Self> {
        let key = |secret: [u8; 32]| UnboundKey::new(&AES_256_GCM, &secret).ok();
        let keys = secrets.derive(b"mcp-proxy names 1").into_iter().map(key);
        let keys: Option<Vec<_>> = keys.collect();
        let keys = keys?.into_iter().map(LessSafeKey::new).collect();
        Some(Self { own, keys, known: Mutex::default() })
    }

    /// A name for something of this replica; `unique` must differ for each.
    pub(crate) fn give(&self, unique: &str) -> String {
        let Some(key) = self.keys.first() else { return unique.to_owned() };
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&self.own.0);
        // The text is the same for every name, so even a repeated nonce would reveal nothing.
        let sealing = key.seal_in_place_append_tag(nonce(unique), aad(unique), &mut sealed);
        // Sealing fails only for texts of 64 GiB.
        if sealing.is_err() {
            return unique.to_owned();
        }
        format!("{unique}{DOT}{}", URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The replica that gave this name; `None` if no replica did.
    pub(crate) fn owner(&self, name: &str) -> Option<ReplicaId> {
        if name.len() > MAX_NAME {
            return None;
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        known.or_else(|| self.open(name))
    }

    fn open(&self, name: &str) -> Option<ReplicaId> {
        let (unique, owner) = name.rsplit_once(DOT)?;
        let sealed = URL_SAFE_NO_PAD.decode(owner).ok()?;
        let owner = self.keys.iter().find_map(|key| open(key, unique, sealed.clone()))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(name.to_owned(), owner);
        Some(owner)
    }

    /// The replica that gave this name, if it is another one.
    pub(crate) fn elsewhere(&self, name: &str) -> Option<ReplicaId> {
        self.owner(name).filter(|owner| *owner != self.own)
    }
}

fn open(key: &LessSafeKey, unique: &str, mut sealed: Vec<u8>) -> Option<ReplicaId> {
    let opened = key.open_in_place(nonce(unique), aad(unique), &mut sealed).ok()?;
    let (&VERSION, owner) = opened.split_first()? else { return None };
    Some(ReplicaId(<[u8; REPLICA_ID]>::try_from(owner).ok()?))
}

fn aad(unique: &str) -> Aad<&[u8]> {
    Aad::from(unique.as_bytes())
}

/// Unique parts are random, so their hashes are, too.
fn nonce(unique: &str) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    let hash = digest::digest(&digest::SHA256, unique.as_bytes());
    nonce.copy_from_slice(hash.as_ref().split_at(NONCE_LEN).0);
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    const FIRST: &str = "0123456789abcdef";
    const SECOND: &str = "fedcba9876543210";

    fn names(own: u8, secrets: &str) -> Names {
        Names::new(ReplicaId([own; REPLICA_ID]), &Secrets::parse(secrets).unwrap()).unwrap()
    }

    #[test]
    fn a_name_says_whose_it_is_to_those_who_know_the_secret() {
        let (one, other) = (names(1, FIRST), names(2, FIRST));
        let name = one.give("a7");
        assert_eq!(other.owner(&name), Some(ReplicaId([1; 8])));
        assert_eq!(other.elsewhere(&name), Some(ReplicaId([1; 8])));
        assert_eq!(one.elsewhere(&name), None, "its own");
        assert_eq!(names(2, SECOND).owner(&name), None);
    }

    #[test]
    fn secrets_can_be_exchanged_without_losing_a_name() {
        let name = names(1, FIRST).give("a7");
        let both = names(2, &format!("{SECOND}\n{FIRST}"));
        assert_eq!(both.owner(&name), Some(ReplicaId([1; 8])));
        assert_eq!(names(1, FIRST).owner(&both.give("b")), None, "the first one signs");
    }

    #[test]
    fn a_name_is_one_word_of_a_header_and_of_a_query() {
        let name = names(1, FIRST).give("0b3d3e4a-9d0e-4c55-a1e5-1f3c4f7a2f50");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        assert!(name.chars().all(plain), "{name}");
        assert!(name.len() <= 80, "{name}");
    }

    #[test]
    fn names_that_were_opened_are_remembered_up_to_a_limit() {
        let (one, other) = (names(1, FIRST), names(2, FIRST));
        for number in 0..=MAX_KNOWN {
            let name = one.give(&number.to_string());
            assert_eq!(other.owner(&name), Some(ReplicaId([1; 8])));
            assert_eq!(other.owner(&name), Some(ReplicaId([1; 8])), "again");
            assert_eq!(other.owner(&format!("{name}A")), None);
        }
        assert_eq!(other.known.lock().unwrap().len(), 1);
    }

    #[test]
    fn owners_are_not_to_be_told_apart() {
        let (a, b) = (names(1, FIRST).give("a"), names(1, FIRST).give("b"));
        let tail = |name: &str| name.rsplit_once('.').unwrap().1[..12].to_owned();
        assert_ne!(tail(&a), tail(&b));
    }

    proptest! {
        #[test]
        fn nobody_makes_a_name_of_another(at: usize, to in any::<u8>(), text in any::<String>()) {
            let one = names(1, FIRST);
            let name = one.give("0b3d3e4a-9d0e-4c55");
            let mut forged = name.clone().into_bytes();
            let at = at % forged.len();
            forged[at] = to;
            if let Ok(forged) = String::from_utf8(forged) {
                prop_assert!(forged == name || one.owner(&forged).is_none());
            }
            prop_assert!(one.owner(&text).is_none());
        }
    }
}
