//! The key that encrypts tokens: in the system's keyring if that can be used, otherwise in a file.
//!
//! Tokens are in files in both cases, so that processes take turns in the same way; but with the
//! keyring, the files alone are useless.

mod file;
mod key;
mod keyring;

pub(super) use self::key::{KEY_LENGTH, Key, fill};

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::config::TokenStore;

/// Where a key is kept. The number is the first byte of everything that is encrypted with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Home {
    File = 1,
    Keyring = 2,
}

impl Home {
    pub(super) fn of(number: u8) -> Option<Self> {
        [Self::File, Self::Keyring].into_iter().find(|home| *home as u8 == number)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Keys {
    wanted: TokenStore,
    file: PathBuf,
    keyring: Mutex<Keyring>,
}

/// The state of the keyring. If it could not be used and a file is allowed, it is not tried again:
/// the user may have been asked to unlock it, and did not.
#[derive(Clone)]
enum Keyring {
    Untried,
    Holds(Key),
    Unusable(String),
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Untried => "Untried",
            Self::Holds(_) => "Holds(redacted)",
            Self::Unusable(_) => "Unusable",
        })
    }
}

impl Keys {
    /// Keys for this file: the one in it, or the one in the keyring with its name.
    pub(super) fn new(wanted: TokenStore, file: &Path) -> Self {
        Self { wanted, file: file.to_owned(), keyring: Mutex::new(Keyring::Untried) }
    }

    fn lock(&self) -> MutexGuard<'_, Keyring> {
        self.keyring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key to encrypt with; created when it is first needed.
    pub(super) async fn for_sealing(&self) -> io::Result<(Home, Key)> {
        if self.wanted == TokenStore::File {
            return Ok((Home::File, file::key(&self.file)?));
        }
        match Box::pin(self.in_keyring(true)).await {
            Ok(key) => Ok((Home::Keyring, key)),
            Err(_) if self.wanted == TokenStore::Auto => Ok((Home::File, file::key(&self.file)?)),
            Err(why) => Err(io::Error::other(format!("the keyring cannot be used: {why}"))),
        }
    }

    /// The key with which something was encrypted.
    pub(super) async fn for_opening(&self, home: Home) -> io::Result<Key> {
        match home {
            Home::File => file::key(&self.file),
            Home::Keyring if self.wanted == TokenStore::File => Err(io::Error::other(
                "its key is in the keyring, which --tokenStore file does not use",
            )),
            Home::Keyring => Box::pin(self.in_keyring(false)).await.map_err(io::Error::other),
        }
    }

    async fn in_keyring(&self, make: bool) -> Result<Key, String> {
        match self.lock().clone() {
            Keyring::Holds(key) => return Ok(key),
            Keyring::Unusable(why) if self.wanted == TokenStore::Auto => return Err(why),
            Keyring::Unusable(_) | Keyring::Untried => {}
        }
        let place = self.file.display().to_string();
        let known = match keyring::find(&place).await {
            Ok(None) if make => Box::pin(self.made(&place)).await,
            Ok(None) => return Err("its key is not in the keyring".to_owned()),
            known => known,
        };
        let key = known.and_then(|known| {
            let key = known.as_deref().and_then(|known| Key::try_from(known).ok());
            key.ok_or_else(|| "the keyring holds something that is not a key".to_owned())
        });
        *self.lock() = match &key {
            Ok(key) => Keyring::Holds(*key),
            Err(why) => {
                tracing::info!("the keyring cannot be used: {why}");
                Keyring::Unusable(why.clone())
            }
        };
        key
    }

    /// A new key; the first process that needs one creates it while the others wait.
    async fn made(&self, place: &str) -> Result<Option<Vec<u8>>, String> {
        let lock = self.file.with_extension("key.lock");
        let _lock = super::lock::wait_for(lock).await.map_err(|error| error.to_string())?;
        if let Some(key) = keyring::find(place).await? {
            return Ok(Some(key));
        }
        let mut key = vec![0; KEY_LENGTH];
        fill(&mut key).map_err(|error| error.to_string())?;
        keyring::keep(place, &key).await?;
        Ok(Some(key))
    }
}
