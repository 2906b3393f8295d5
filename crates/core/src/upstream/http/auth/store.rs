//! Tokens between runs: encrypted files for each server and client, with a lock beside them, so
//! that one of several processes gets a token and the others read it.
//!
//! File names are hashes, since URLs may contain passwords.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ring::digest;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    lock::{Lock, wait_for},
    private,
    vault::Vault,
};

/// A token counts as expired this long before its end.
const SLACK: Duration = Duration::from_secs(30);
/// Longest file that is read; a token is a few kilobytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The kinds of stored files for a server and client.
pub(super) trait Kept: Serialize + DeserializeOwned {
    /// The file's extension.
    const ENDING: &'static str;
}

impl Kept for Grant {
    const ENDING: &'static str = "sealed";
}

/// The authorization server that got a secret first.
#[derive(Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) issuer: String,
}

impl Kept for Remembered {
    const ENDING: &'static str = "issuer";
}

/// The stored form of a grant.
#[derive(Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    /// Seconds since 1970.
    pub(super) expires_at: Option<u64>,
    pub(super) token_endpoint: String,
    pub(super) resource: Option<String>,
    /// The scopes that were granted, or that were requested if the server did not say.
    #[serde(default)]
    pub(super) scope: String,
    pub(super) client: Registered,
    /// The key to which the token is bound, if it is bound to one.
    #[serde(default)]
    pub(super) key: Option<String>,
}

/// A client that the authorization server knows.
#[derive(Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Registered {
    pub(super) id: String,
    pub(super) secret: Option<String>,
    /// Whether the server wants the secret in the body, not in a header.
    pub(super) secret_in_body: bool,
}

impl Grant {
    /// Whether the token is probably still accepted.
    pub(super) fn is_fresh(&self) -> bool {
        self.expires_at.is_none_or(|end| Duration::from_secs(end) > now() + SLACK)
    }

    /// The expiry of a token with this lifetime that was granted now.
    pub(super) fn end_of(lifetime: Option<Duration>) -> Option<u64> {
        lifetime.map(|lifetime| now().saturating_add(lifetime).as_secs())
    }
}

/// The time since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The files of one server and client.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// Their common prefix.
    path: PathBuf,
    key: String,
    vault: Arc<Vault>,
}

impl Store {
    /// The store for `key`, in this directory.
    pub(super) fn new(directory: &Path, key: &str, vault: Vault) -> Self {
        let path = directory.join(hash(key));
        Self { path, key: key.to_owned(), vault: Arc::new(vault) }
    }

    fn file<T: Kept>(&self) -> PathBuf {
        self.path.with_extension(T::ENDING)
    }

    /// The name that a file's encryption is bound to, so that no file can replace another.
    fn name<T: Kept>(&self) -> String {
        format!("{} {}", T::ENDING, self.key)
    }

    /// The stored value, if there is one and it can be read.
    pub(super) async fn read<T: Kept>(&self) -> Option<T> {
        let read = Box::pin(self.try_read(&self.file::<T>(), &self.name::<T>())).await;
        match read {
            Ok(text) => serde_json::from_slice(&text?).ok(),
            Err(error) => {
                tracing::warn!("the stored sign-in cannot be read: {error}");
                None
            }
        }
    }

    async fn try_read(&self, path: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut sealed = Vec::new();
        match private::open(path) {
            Ok(file) => drop(file.take(MAX_FILE).read_to_end(&mut sealed)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        self.vault.open(name, &sealed).await.map(Some)
    }

    /// Replaces the stored value, in one step.
    pub(super) async fn write<T: Kept>(&self, kept: &T) -> io::Result<()> {
        let text = serde_json::to_vec(kept)?;
        let sealed = Box::pin(self.vault.seal(&self.name::<T>(), text)).await?;
        self.path.parent().map_or(Ok(()), private::directory)?;
        let unique = uuid::Uuid::new_v4().simple();
        let new = Unfinished(self.path.with_extension(format!("{unique}.new")));
        let mut file = private::create(&new.0)?;
        file.write_all(&sealed)?;
        file.sync_all()?;
        fs::rename(&new.0, self.file::<T>())
    }

    /// Deletes the stored value; returns whether there was one.
    pub(super) fn remove<T: Kept>(&self) -> bool {
        match fs::remove_file(self.file::<T>()) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                tracing::warn!(%error, "the stored sign-in could not be removed");
                false
            }
        }
    }

    /// Waits until no other process is getting the same grant.
    pub(super) async fn lock(&self) -> io::Result<Lock> {
        wait_for(self.path.with_extension("lock")).await
    }
}

/// A temporary file until it is renamed.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the rename nothing has this name.
        drop(fs::remove_file(&self.0));
    }
}

/// A file name that reveals nothing about its key.
fn hash(key: &str) -> String {
    let hash = digest::digest(&digest::SHA256, key.as_bytes());
    let digits =
        |byte: &u8| [byte >> 4, byte & 0xf].map(|digit| char::from_digit(digit.into(), 16));
    hash.as_ref().iter().flat_map(digits).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenStore;

    #[tokio::test]
    async fn what_is_kept_is_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::new(TokenStore::File, &directory.path().join("key"));
        let store = Store::new(&directory.path().join("deep/er"), "https://h/mcp client", vault);
        let grant = Grant { access_token: "a".to_owned(), ..Grant::default() };
        store.write(&grant).await.unwrap();
        store.write(&grant).await.unwrap();
        assert!(store.read::<Grant>().await == Some(grant));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&store.file::<Grant>()), 0o600);
            assert_eq!(mode(store.path.parent().unwrap()), 0o700);
        }
        let files = fs::read_dir(store.path.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1, "nothing unfinished is left");
        assert!(store.remove::<Grant>() && !store.remove::<Grant>());
        assert!(store.read::<Grant>().await.is_none());
    }

    #[test]
    fn servers_and_clients_do_not_share_a_file() {
        let vault = || Vault::new(TokenStore::File, Path::new("/k"));
        let path = |key: &str| Store::new(Path::new("/d"), key, vault()).path;
        assert_eq!(path("a"), path("a"));
        let secret = path("https://user:password@h/mcp?key=secret");
        let name = secret.file_name().unwrap().to_str().unwrap();
        assert!(name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        assert_ne!(path("https://h/a%20b"), path("https://h/a b"));
    }

    #[test]
    fn a_token_ends_a_little_early() {
        let grant = |lifetime: u64| Grant {
            expires_at: Grant::end_of(Some(Duration::from_secs(lifetime))),
            ..Grant::default()
        };
        assert!(grant(3600).is_fresh() && Grant::default().is_fresh());
        assert!(!grant(5).is_fresh());
    }

    #[tokio::test]
    async fn one_at_a_time_holds_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::new(TokenStore::File, &directory.path().join("key"));
        let store = Store::new(directory.path(), "k", vault);
        let first = store.lock().await.unwrap();
        let second = tokio::spawn({
            let store = store.clone();
            async move { store.lock().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
    }
}
