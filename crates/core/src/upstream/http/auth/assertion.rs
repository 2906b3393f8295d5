//! A client's signed assertion, which replaces a secret (RFC 7523, `private_key_jwt`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

/// The assertion's type in a token request.
pub(super) const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long it is valid: it is used at once.
const LIFETIME: Duration = Duration::from_mins(1);

/// A key, by its signature algorithm.
enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// The audience and the subject of the assertion.
pub(super) struct Word<'a> {
    pub(super) client_id: &'a str,
    /// The authorization server's issuer.
    pub(super) audience: &'a str,
}

impl Word<'_> {
    /// Signs it with a key in PEM form (PKCS #8).
    pub(super) fn signed(&self, pem: &str) -> Result<String, String> {
        let unusable = "the client's key is not PKCS #8 key for ES256, EdDSA or RS256";
        let key = Key::read(pem).ok_or(unusable)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = serde_json::json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "jti": uuid::Uuid::new_v4().to_string(),
            "iat": now.as_secs(),
            "exp": (now + LIFETIME).as_secs(),
        });
        let head = serde_json::json!({ "alg": key.algorithm(), "typ": "JWT" });
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{head}.{claims}");
        let signature = key.sign(text.as_bytes()).ok_or(unusable)?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Key {
    fn read(pem: &str) -> Option<Self> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let (key, random) = (key.secret_pkcs8_der(), SystemRandom::new());
        let es256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &random);
        es256
            .map(Self::Es256)
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).map(Self::EdDsa))
            .or_else(|_| RsaKeyPair::from_pkcs8(key).map(Self::Rs256))
            .ok()
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
        }
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => Some(key.sign(&random, text).ok()?.as_ref().to_vec()),
            Self::EdDsa(key) => Some(key.sign(text).as_ref().to_vec()),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    fn pem(der: &[u8]) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    fn parts(word: &str) -> (Value, Value) {
        let mut parts = word.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let mut value = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
        (value(), value())
    }

    const WORD: Word<'_> = Word { client_id: "me", audience: "https://as.test" };

    #[test]
    fn the_word_says_who_says_it_to_whom_and_is_signed() {
        let der =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .unwrap();
        let word = WORD.signed(&pem(der.as_ref())).unwrap();
        let (head, claims) = parts(&word);
        assert_eq!(head["alg"], "ES256");
        assert_eq!((&claims["iss"], &claims["sub"]), (&"me".into(), &"me".into()));
        assert_eq!(claims["aud"], "https://as.test");
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            der.as_ref(),
            &SystemRandom::new(),
        )
        .unwrap();
        let (text, signature) = word.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key());
        public.verify(text.as_bytes(), &signature).unwrap();
        assert_ne!(parts(&WORD.signed(&pem(der.as_ref())).unwrap()).1["jti"], claims["jti"]);
    }

    #[test]
    fn other_keys_sign_in_their_own_way_and_what_is_none_is_said() {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        assert_eq!(parts(&WORD.signed(&pem(der.as_ref())).unwrap()).0["alg"], "EdDSA");
        for none in ["", "x", &pem(b"no key")] {
            assert!(WORD.signed(none).unwrap_err().contains("PKCS #8"));
        }
    }
}
