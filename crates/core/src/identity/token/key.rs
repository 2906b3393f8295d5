//! The public keys of an issuer, from a JWK Set (RFC 7517, RFC 7518 §6, RFC 8037).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

use super::{Algorithm, Because, strict::object};

/// Most keys of a set that are kept.
const MAX_KEYS: usize = 100;

/// A public key, and its permitted use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    id: Option<String>,
    /// The only algorithm for which it may be used, if its owner names one.
    only: Option<Algorithm>,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point, or the 32 bytes of an Ed25519 key.
    Curve(Algorithm, Vec<u8>),
}

/// The signature keys of an issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JWK Set. Keys that are not for signatures, or of an unknown kind, are skipped.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let set = object(text)?;
        let Some(Value::Array(keys)) = set.get("keys") else {
            return Err("it has no list of keys".to_owned());
        };
        let keys = keys.iter().filter_map(Value::as_object).filter_map(Key::read);
        let keys: Vec<Key> = keys.take(MAX_KEYS).collect();
        if keys.is_empty() {
            return Err("it has no key that signs tokens".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key with this id for this algorithm. A token without an id needs an issuer with a single
    /// key; a single key without an id matches every id.
    pub(crate) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&Key, Because> {
        let mut fitting = self.0.iter().filter(|key| key.admits(algorithm));
        let Some(id) = id else {
            let (first, second) = (fitting.next(), fitting.next());
            return match (first, second) {
                (Some(key), None) => Ok(key),
                (None, _) => Err(Because::UnknownKey(None)),
                _ => Err(Because::UnnamedKey),
            };
        };
        let named = fitting.find(|key| key.id.as_deref() == Some(id));
        let alone = || match self.0.as_slice() {
            [key] if key.id.is_none() && key.admits(algorithm) => Some(key),
            _ => None,
        };
        named.or_else(alone).ok_or_else(|| Because::UnknownKey(Some(id.to_owned())))
    }
}

impl Key {
    fn read(key: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        if key.contains_key("use") && text("use") != Some("sig") {
            return None;
        }
        let verifies = |operations: &Value| {
            operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"))
        };
        if key.get("key_ops").is_some_and(|operations| !verifies(operations)) {
            return None;
        }
        let id = match key.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return None,
        };
        let only = match key.get("alg") {
            None => None,
            Some(name) => Some(Algorithm::named(name.as_str()?)?),
        };
        let key = Self { id, only, material: Material::read(key)? };
        only.is_none_or(|only| key.material.fits(only)).then_some(key)
    }

    fn admits(&self, algorithm: Algorithm) -> bool {
        self.only.is_none_or(|only| only == algorithm) && self.material.fits(algorithm)
    }

    /// Whether the signature was made with this key.
    pub(crate) fn signed(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        if !self.admits(algorithm) {
            return false;
        }
        match &self.material {
            Material::Rsa { n, e } => algorithm.rsa().is_some_and(|how| {
                RsaPublicKeyComponents { n, e }.verify(how, text, signature).is_ok()
            }),
            Material::Curve(_, point) => algorithm.curve().is_some_and(|how| {
                UnparsedPublicKey::new(how, point).verify(text, signature).is_ok()
            }),
        }
    }
}

impl Material {
    fn read(key: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes =
            |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok().filter(|bytes| !bytes.is_empty());
        let point = |algorithm, length: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            let whole = x.len() == length && y.len() == length;
            whole.then(|| Self::Curve(algorithm, [vec![4], x, y].concat()))
        };
        match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                // Some issuers write the number with a leading zero, which `ring` refuses.
                let n = bytes("n")?;
                let start = n.iter().position(|byte| *byte != 0)?;
                Some(Self::Rsa { n: n[start..].to_vec(), e: bytes("e")? })
            }
            ("EC", Some("P-256")) => point(Algorithm::Es256, 32),
            ("EC", Some("P-384")) => point(Algorithm::Es384, 48),
            ("OKP", Some("Ed25519")) => {
                let point = bytes("x").filter(|point| point.len() == 32)?;
                Some(Self::Curve(Algorithm::EdDsa, point))
            }
            _ => None,
        }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa { .. } => algorithm.rsa().is_some(),
            Self::Curve(own, _) => *own == algorithm,
        }
    }
}
