//! Encryption of stored values.

use std::{io, path::Path};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::keys::{Home, Key, Keys, fill};
use crate::config::TokenStore;

/// See the module.
#[derive(Debug)]
pub(super) struct Vault {
    keys: Keys,
}

impl Vault {
    pub(super) fn new(wanted: TokenStore, key_file: &Path) -> Self {
        Self { keys: Keys::new(wanted, key_file) }
    }

    /// Encrypts a text for this name; it can be opened under no other.
    pub(super) async fn seal(&self, name: &str, mut text: Vec<u8>) -> io::Result<Vec<u8>> {
        let (home, key) = self.keys.for_sealing().await?;
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce)?;
        let failed = |_| io::Error::other("the text cannot be encrypted");
        let unique = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(name.as_bytes());
        cipher(&key)?.seal_in_place_append_tag(unique, aad, &mut text).map_err(failed)?;
        Ok([&[home as u8], &nonce[..], &text].concat())
    }

    /// The text that was encrypted for this name.
    pub(super) async fn open(&self, name: &str, sealed: &[u8]) -> io::Result<Vec<u8>> {
        let foreign = || io::Error::other("it was encrypted with another key");
        let (home, sealed) = sealed.split_first().ok_or_else(foreign)?;
        let home = Home::of(*home).ok_or_else(foreign)?;
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(foreign)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| foreign())?;
        let key = self.keys.for_opening(home).await?;
        let mut text = text.to_vec();
        let opened = cipher(&key)?.open_in_place(nonce, Aad::from(name.as_bytes()), &mut text);
        opened.map(|opened| opened.to_vec()).map_err(|_| foreign())
    }
}

fn cipher(key: &Key) -> io::Result<LessSafeKey> {
    let unusable = |_| io::Error::other("the key cannot be used");
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_sealed_opens_under_its_name_and_key_and_hides_its_text() {
        let directory = tempfile::tempdir().unwrap();
        let vault =
            |name: &str| Vault::new(TokenStore::File, &directory.path().join("deep").join(name));
        let text = b"a token".to_vec();
        let sealed = vault("one").seal("n", text.clone()).await.unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"token"));
        assert_eq!(vault("one").open("n", &sealed).await.unwrap(), text);
        assert!(vault("one").open("m", &sealed).await.is_err());
        assert!(vault("two").open("n", &sealed).await.is_err());
        assert_ne!(vault("one").seal("n", text).await.unwrap(), sealed);
        for end in 0..sealed.len() {
            assert!(vault("one").open("n", &sealed[..end]).await.is_err());
        }
    }

    #[tokio::test]
    async fn what_was_sealed_with_a_key_of_the_keyring_is_left_alone_where_that_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::new(TokenStore::File, &directory.path().join("key"));
        let mut sealed = vault.seal("n", b"a token".to_vec()).await.unwrap();
        assert_eq!(sealed[0], Home::File as u8);
        sealed[0] = Home::Keyring as u8;
        let refused = vault.open("n", &sealed).await.unwrap_err();
        assert!(refused.to_string().contains("in the keyring"), "{refused}");
    }
}
