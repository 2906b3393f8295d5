//! Proofs that the sender of a token is the client to which it was granted (DPoP, RFC 9449).
//!
//! The key is created for the grant and stored with it, because the token cannot be used without
//! it, by this process or another.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderName, Method};
use reqwest::Url;
use ring::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

/// The algorithm of every proof.
pub(super) const ALGORITHM: &str = "ES256";
/// The header of a proof.
pub(in crate::upstream::http) const PROOF: HeaderName = HeaderName::from_static("dpop");
/// The header in which a server sends the nonce for the next proof.
pub(in crate::upstream::http) const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// See the module.
pub(super) struct Key {
    pair: EcdsaKeyPair,
    kept: String,
}

/// Secrets are not shown.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// What a proof is bound to.
pub(super) struct Claim<'a> {
    pub(super) method: &'a Method,
    pub(super) url: &'a Url,
    /// The token that is sent with it; `None` for a token request.
    pub(super) token: Option<&'a str>,
    /// The server's nonce.
    pub(super) nonce: Option<&'a str>,
}

impl Key {
    pub(super) fn generate() -> Result<Self, String> {
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let made = made.ok().and_then(|made| Self::read(&URL_SAFE_NO_PAD.encode(made)));
        made.ok_or_else(|| "no key can be made".to_owned())
    }

    /// Reads a stored key.
    pub(super) fn read(kept: &str) -> Option<Self> {
        let der = URL_SAFE_NO_PAD.decode(kept).ok()?;
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random);
        Some(Self { pair: pair.ok()?, kept: kept.to_owned() })
    }

    /// The key in its stored form.
    pub(super) fn kept(&self) -> &str {
        &self.kept
    }

    /// A proof for one request.
    pub(super) fn proof(&self, claim: &Claim<'_>) -> Option<String> {
        let head = json!({ "typ": "dpop+jwt", "alg": ALGORITHM, "jwk": self.public() });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut place = claim.url.clone();
        place.set_query(None);
        place.set_fragment(None);
        let mut claims = json!({
            "jti": uuid::Uuid::new_v4().to_string(),
            "htm": claim.method.as_str(),
            "htu": place.as_str(),
            "iat": now.as_secs(),
        });
        if let Some(token) = claim.token {
            let hash = digest::digest(&digest::SHA256, token.as_bytes());
            claims["ath"] = URL_SAFE_NO_PAD.encode(hash).into();
        }
        if let Some(nonce) = claim.nonce {
            claims["nonce"] = nonce.into();
        }
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{head}.{claims}");
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).ok()?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The public half, as a JWK.
    fn public(&self) -> Value {
        // An uncompressed point: 4, then both coordinates.
        let coordinates = self.pair.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = coordinates.split_at(coordinates.len() / 2);
        let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    fn part(proof: &str, number: usize) -> Value {
        let text = URL_SAFE_NO_PAD.decode(proof.split('.').nth(number).unwrap()).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn a_proof_is_for_one_request_and_token_and_anybody_can_check_it() {
        let key = Key::generate().unwrap();
        let url = "https://h:1/mcp?secret=1#x".parse().unwrap();
        let claim = Claim { method: &Method::POST, url: &url, token: Some("t"), nonce: Some("n") };
        let proof = key.proof(&claim).unwrap();
        let (head, claims) = (part(&proof, 0), part(&proof, 1));
        assert_eq!((&head["typ"], &head["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
        assert_eq!((&claims["htm"], &claims["nonce"]), (&json!("POST"), &json!("n")));
        assert_eq!(claims["htu"], "https://h:1/mcp");
        assert_eq!(
            claims["ath"], "47mKTaMaEn1L3m5DAz9muidMqw636xxw7EFAK_YnPdg",
            "the hash of \"t\""
        );
        assert!(head["jwk"].get("d").is_none());
        let other = part(&key.proof(&claim).unwrap(), 1);
        assert_ne!(other["jti"], claims["jti"]);

        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(head["jwk"][name].as_str().unwrap());
        let point = [vec![4], coordinate("x").unwrap(), coordinate("y").unwrap()].concat();
        let (text, signature) = proof.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        public.verify(text.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn a_key_that_was_kept_is_the_same_key() {
        let key = Key::generate().unwrap();
        assert_eq!(Key::read(key.kept()).unwrap().public(), key.public());
        for none in ["", "x", "AAAA"] {
            assert!(Key::read(none).is_none());
        }
        let url = "https://h".parse().unwrap();
        let claim = Claim { method: &Method::POST, url: &url, token: None, nonce: None };
        let claims = part(&key.proof(&claim).unwrap(), 1);
        assert!(claims.get("ath").is_none() && claims.get("nonce").is_none());
    }
}
