//! Seals values that clients keep for the proxy and send back: cursors, states, ids of tasks.
//!
//! A seal hides its content and is valid only in the context where it was made; the context is
//! authenticated, not contained. Equal texts have equal seals, so that ids can be compared.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    rand::{SecureRandom, SystemRandom},
};

/// Bytes of a secret.
pub(crate) const SECRET: usize = 32;

/// See the module.
pub(crate) struct Seal {
    key: LessSafeKey,
    /// Of secrets that are being retired: they only open.
    older: Vec<LessSafeKey>,
    /// Derives nonces from the context and the text, so that no two texts share one.
    nonces: hmac::Key,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(redacted)")
    }
}

impl Seal {
    /// Seals that everybody with this secret can open. Returns `None` only if ring refuses its own
    /// keys, which cannot happen.
    pub(crate) fn new(secret: &[u8; SECRET]) -> Option<Self> {
        Self::of(std::slice::from_ref(secret))
    }

    /// The same with several secrets: the first one seals, all of them open. `None` if there are
    /// none.
    pub(crate) fn of(secrets: &[[u8; SECRET]]) -> Option<Self> {
        let (first, older) = secrets.split_first()?;
        let nonces = derived(first, b"mcp-proxy nonce");
        Some(Self {
            key: key(first)?,
            older: older.iter().map(key).collect::<Option<_>>()?,
            nonces: hmac::Key::new(hmac::HMAC_SHA256, nonces.as_ref()),
        })
    }

    /// Seals that this process alone can open; `None` if the system provides no random numbers.
    pub(crate) fn random() -> Option<Self> {
        let mut secret = [0; SECRET];
        SystemRandom::new().fill(&mut secret).ok()?;
        Self::new(&secret)
    }

    /// Seals a text, in characters that never need escaping.
    pub(crate) fn close(&self, context: &[u8], text: &[u8]) -> String {
        let mut nonces = hmac::Context::with_key(&self.nonces);
        nonces.update(&(context.len() as u64).to_le_bytes());
        nonces.update(context);
        nonces.update(text);
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(nonces.sign().as_ref().split_at(NONCE_LEN).0);
        let mut sealed = Vec::with_capacity(NONCE_LEN + text.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(text);
        let at = Nonce::assume_unique_for_key(nonce);
        // Fails only for texts of 64 GiB; an empty seal cannot be opened.
        if self.key.seal_in_place_append_tag(at, Aad::from(context), &mut sealed).is_err() {
            return String::new();
        }
        sealed.splice(0..0, nonce);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The text that was sealed in this context.
    pub(crate) fn open(&self, context: &[u8], sealed: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let open = |key: &LessSafeKey| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = sealed.to_vec();
            let length = key.open_in_place(nonce, Aad::from(context), &mut text).ok()?.len();
            text.truncate(length);
            Some(text)
        };
        std::iter::once(&self.key).chain(&self.older).find_map(open)
    }
}

fn derived(secret: &[u8; SECRET], purpose: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), purpose)
}

fn key(secret: &[u8; SECRET]) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, derived(secret, b"mcp-proxy seal").as_ref());
    key.ok().map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn seals_are_of_their_secret() {
        let (one, other) = (Seal::new(&[1; SECRET]).unwrap(), Seal::random().unwrap());
        let sealed = one.close(b"here", b"text");
        assert_eq!(one.open(b"here", &sealed).as_deref(), Some(&b"text"[..]));
        assert_eq!(Seal::new(&[1; SECRET]).unwrap().close(b"here", b"text"), sealed);
        assert_eq!(other.open(b"here", &sealed), None);
    }

    #[test]
    fn an_older_secret_opens_and_the_first_one_seals() {
        let both = Seal::of(&[[2; SECRET], [1; SECRET]]).unwrap();
        let (old, new) = (Seal::new(&[1; SECRET]).unwrap(), Seal::new(&[2; SECRET]).unwrap());
        let sealed = old.close(b"here", b"text");
        assert_eq!(both.open(b"here", &sealed).as_deref(), Some(&b"text"[..]));
        assert_eq!(both.close(b"here", b"text"), new.close(b"here", b"text"));
        assert!(Seal::of(&[]).is_none());
    }

    proptest! {
        #[test]
        fn a_seal_opens_where_it_was_given(
            context in any::<Vec<u8>>(), text in any::<Vec<u8>>(), elsewhere in any::<Vec<u8>>(), at: usize,
        ) {
            let seal = Seal::new(&[7; SECRET]).unwrap();
            let sealed = seal.close(&context, &text);
            let opened = seal.open(&context, &sealed);
            prop_assert_eq!(opened.as_deref(), Some(&text[..]));
            prop_assert!(elsewhere == context || seal.open(&elsewhere, &sealed).is_none());
            let mut forged = sealed.into_bytes();
            let at = at % forged.len();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            prop_assert!(seal.open(&context, &forged).is_none());
        }

        #[test]
        fn no_text_breaks_it(sealed in any::<String>()) {
            prop_assert!(Seal::new(&[7; SECRET]).unwrap().open(b"", &sealed).is_none());
        }
    }
}
