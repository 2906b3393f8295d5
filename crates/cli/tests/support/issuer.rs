//! An issuer of access tokens, with its keys in a file.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::Launch;

/// See the module.
pub(crate) struct Issuer {
    pair: EcdsaKeyPair,
    folder: tempfile::TempDir,
}

impl Issuer {
    pub(crate) const NAME: &str = "https://idp.example";
    /// The audience of the tokens that are made here.
    pub(crate) const PUBLIC: &str = "https://mcp.example";

    pub(crate) fn new() -> Self {
        let (how, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let made = EcdsaKeyPair::generate_pkcs8(how, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(how, made.as_ref(), &random).expect("a key");
        let folder = tempfile::tempdir().expect("a folder");
        let issuer = Self { pair, folder };
        let keys = json!({ "keys": [issuer.key()] }).to_string();
        std::fs::write(issuer.file("keys.json"), keys).expect("a file");
        issuer
    }

    /// A file in the directory of the keys' file.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The proxy that accepts this issuer's tokens.
    pub(crate) fn guard(&self, launch: Launch) -> Launch {
        let launch = launch.flags(&["--auth", Self::NAME, "--publicUrl", Self::PUBLIC]);
        launch.flag("--authJwks", self.file("keys.json"))
    }

    /// The public key.
    pub(crate) fn key(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({ "kty": "EC", "crv": "P-256", "kid": "k1", "x": x, "y": y })
    }

    /// Valid claims of this subject for `/mcp`.
    pub(crate) fn claims(subject: &str) -> Value {
        json!({
            "iss": Self::NAME, "sub": subject, "aud": format!("{}/mcp", Self::PUBLIC),
            "exp": now() + 300,
        })
    }

    /// A valid token of this subject for `/mcp`.
    pub(crate) fn token(&self, subject: &str) -> String {
        self.sign(&Self::claims(subject))
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_raw(r#"{"alg":"ES256","kid":"k1"}"#, &claims.to_string())
    }

    /// Signs any payload.
    pub(crate) fn sign_raw(&self, head: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs()
}
