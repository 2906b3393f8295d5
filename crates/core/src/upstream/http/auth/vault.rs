//! The encryption of what is kept.
//!
//! Whoever gets hold of a token's file alone, from a backup or a shared folder, has nothing: the key
//! is another file, in another directory. It is no protection from programs that run as the same
//! user, which can read both.

use std::{
    fs::OpenOptions,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};

const KEY_LENGTH: usize = 32;
/// The first byte of what is sealed, so that another way of sealing can be told from this one.
const FORM: u8 = 1;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Vault {
    key_file: PathBuf,
}

impl Vault {
    pub(super) fn new(key_file: &Path) -> Self {
        Self { key_file: key_file.to_owned() }
    }

    /// Seals a text that is kept under this name, and can be opened under no other.
    pub(super) fn seal(&self, name: &str, mut text: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce)?;
        let failed = |_| io::Error::other("the text cannot be encrypted");
        let unique = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(name.as_bytes());
        self.key()?.seal_in_place_append_tag(unique, aad, &mut text).map_err(failed)?;
        Ok([&[FORM], &nonce[..], &text].concat())
    }

    /// What was sealed under this name; nothing if it was another name or key.
    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.strip_prefix(&[FORM])?.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let key = self.key().ok()?;
        let opened = key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut text).ok()?;
        Some(opened.to_vec())
    }

    /// The key; the first process that needs one makes it while the others wait.
    fn key(&self) -> io::Result<LessSafeKey> {
        self.key_file.parent().map_or(Ok(()), super::store::make_directory)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.key_file)?;
        file.lock()?;
        let mut key = Vec::with_capacity(KEY_LENGTH);
        file.read_to_end(&mut key)?;
        if key.is_empty() {
            key.resize(KEY_LENGTH, 0);
            fill(&mut key)?;
            file.write_all(&key)?;
            file.sync_all()?;
        }
        let unusable = |_| io::Error::other(format!("{} is no key", self.key_file.display()));
        UnboundKey::new(&CHACHA20_POLY1305, &key).map(LessSafeKey::new).map_err(unusable)
    }
}

fn fill(bytes: &mut [u8]) -> io::Result<()> {
    let failed = |_| io::Error::other("the system gives no random numbers");
    SystemRandom::new().fill(bytes).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_sealed_opens_under_its_name_and_key_and_hides_its_text() {
        let directory = tempfile::tempdir().unwrap();
        let vault = |name: &str| Vault::new(&directory.path().join("deep").join(name));
        let text = b"a token".to_vec();
        let sealed = vault("one").seal("n", text.clone()).unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"token"));
        assert_eq!(vault("one").open("n", &sealed), Some(text.clone()));
        assert_eq!(vault("one").open("m", &sealed), None);
        assert_eq!(vault("two").open("n", &sealed), None);
        assert_ne!(vault("one").seal("n", text).unwrap(), sealed);
        for end in 0..sealed.len() {
            assert_eq!(vault("one").open("n", &sealed[..end]), None);
        }
    }

    #[test]
    fn the_key_is_for_its_owner_only_and_what_is_no_key_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let vault = Vault::new(&file);
        vault.seal("n", Vec::new()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&file, "short").unwrap();
        assert!(vault.seal("n", Vec::new()).unwrap_err().to_string().contains("is no key"));
        assert_eq!(fs::read(&file).unwrap(), b"short");
    }
}
