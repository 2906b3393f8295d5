//! A key in a file that only its owner can read.
//!
//! The key is in another file and another directory than the tokens, so a copy of a token's file
//! alone (a backup, a shared folder) is useless. It does not protect against programs of the same
//! user, which can read both.

use std::{
    io::{self, Read as _, Write as _},
    path::Path,
};

use super::{
    super::private,
    key::{KEY_LENGTH, Key, fill},
};

/// The key; the first process that needs one creates it while the others wait.
pub(super) fn key(path: &Path) -> io::Result<Key> {
    path.parent().map_or(Ok(()), private::directory)?;
    let mut file = private::open_or_create(path)?;
    file.lock()?;
    let mut key = Vec::with_capacity(KEY_LENGTH);
    file.read_to_end(&mut key)?;
    if key.is_empty() {
        key.resize(KEY_LENGTH, 0);
        fill(&mut key)?;
        file.write_all(&key)?;
        file.sync_all()?;
    }
    Key::try_from(key).map_err(|_| io::Error::other(format!("{} is not a key", path.display())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_key_is_for_its_owner_only_and_what_is_no_key_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("deep").join("key");
        assert_eq!(key(&file).unwrap(), key(&file).unwrap());
        assert_ne!(key(&file).unwrap(), key(&directory.path().join("other")).unwrap());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&file, "short").unwrap();
        assert!(key(&file).unwrap_err().to_string().contains("is not a key"));
        assert_eq!(fs::read(&file).unwrap(), b"short");
    }
}
