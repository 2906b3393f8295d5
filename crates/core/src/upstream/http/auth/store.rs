//! Tokens between runs: one encrypted file for each server and client, and a lock beside it, so that
//! of several processes one asks and the others read what it got.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::vault::Vault;

/// Time before its end from which on a token counts as over.
const SLACK: Duration = Duration::from_secs(30);

/// What is kept of a grant.
#[derive(Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    /// Seconds since 1970.
    pub(super) expires_at: Option<u64>,
    pub(super) token_endpoint: String,
    pub(super) resource: Option<String>,
    pub(super) client: Registered,
    /// The key that the token is bound to, if it is bound to one.
    #[serde(default)]
    pub(super) key: Option<String>,
}

/// The client that the authorization server knows.
#[derive(Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Registered {
    pub(super) id: String,
    pub(super) secret: Option<String>,
    /// The server wants the secret in the body, not in a header.
    pub(super) secret_in_body: bool,
}

impl Grant {
    /// Whether the token can be expected to be accepted.
    pub(super) fn is_fresh(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.expires_at.is_none_or(|end| Duration::from_secs(end) > now + SLACK)
    }

    /// When a token of this lifetime, granted now, ends.
    pub(super) fn end_of(lifetime: Option<Duration>) -> Option<u64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        lifetime.map(|lifetime| (now + lifetime).as_secs())
    }
}

/// The file of one server and client.
#[derive(Clone, Debug)]
pub(super) struct Store {
    path: PathBuf,
    key: String,
    vault: Arc<Vault>,
}

/// Held while one process asks for a grant.
#[derive(Debug)]
pub(super) struct Lock {
    #[expect(dead_code, reason = "closing it gives the lock up")]
    file: File,
}

impl Store {
    /// The store for what is named by `key`, in this directory.
    pub(super) fn new(directory: &Path, key: &str, vault: Vault) -> Self {
        let name: String = key.bytes().map(encoded).collect();
        // Names of more than 255 bytes are refused by most systems.
        let name =
            if name.len() > 200 { format!("{}-{:016x}", &name[..180], digest(key)) } else { name };
        let path = directory.join(format!("{name}.sealed"));
        Self { path, key: key.to_owned(), vault: Arc::new(vault) }
    }

    pub(super) async fn read(&self) -> Option<Grant> {
        let sealed = fs::read(&self.path).ok()?;
        match self.vault.open(&self.key, &sealed).await {
            Ok(text) => serde_json::from_slice(&text).ok(),
            Err(error) => {
                tracing::warn!("a token that was kept cannot be read: {error}");
                None
            }
        }
    }

    /// Replaces what is kept, in one step.
    pub(super) async fn write(&self, grant: &Grant) -> io::Result<()> {
        let sealed = self.vault.seal(&self.key, serde_json::to_vec(grant)?).await?;
        self.make_directory()?;
        let new = self.path.with_extension(format!("{}.new", std::process::id()));
        let mut file = private().create(true).truncate(true).open(&new)?;
        file.write_all(&sealed)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)
    }

    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a token that is no good could not be removed");
        }
    }

    /// Waits until no other process asks for the same grant.
    pub(super) async fn lock(&self) -> io::Result<Lock> {
        wait_for(self.path.with_extension("lock")).await
    }

    fn make_directory(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), make_directory)
    }
}

/// Waits until no other process holds the lock that is this file.
pub(super) async fn wait_for(path: PathBuf) -> io::Result<Lock> {
    path.parent().map_or(Ok(()), make_directory)?;
    let locking = tokio::task::spawn_blocking(move || {
        let file = private().create(true).truncate(false).open(path)?;
        file.lock()?;
        Ok(Lock { file })
    });
    locking.await.map_err(io::Error::other)?
}

/// Makes a directory that is for its owner only, unless there is one.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02x}")
    }
}

fn digest(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
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
        assert!(store.read().await == Some(grant));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&store.path), 0o600);
            assert_eq!(mode(store.path.parent().unwrap()), 0o700);
        }
        store.remove();
        store.remove();
        assert!(store.read().await.is_none());
    }

    #[test]
    fn servers_and_clients_do_not_share_a_file() {
        let vault = || Vault::new(TokenStore::File, Path::new("/k"));
        let path = |key: &str| Store::new(Path::new("/d"), key, vault()).path;
        assert_eq!(path("a"), path("a"));
        assert_eq!(path("https://h/a b"), Path::new("/d/https%3a%2f%2fh%2fa%20b.sealed"));
        assert_ne!(path("https://h/a%20b"), path("https://h/a b"));
        let long = "x".repeat(300);
        assert_ne!(path(&format!("{long}1")), path(&format!("{long}2")));
        assert!(path(&long).file_name().unwrap().len() < 240);
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
