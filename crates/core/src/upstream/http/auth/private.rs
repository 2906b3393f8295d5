//! Files and directories that only their owner can use.
//!
//! The opened file is checked, not its name: a link, another user's file, or one that others can
//! read is refused. New files are always created, never reused.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

/// Creates a file; fails if it exists.
pub(super) fn create(path: &Path) -> io::Result<File> {
    options().write(true).create_new(true).open(path)
}

/// Opens a file to read it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let file = options().read(true).open(path)?;
    check(&file, path)?;
    Ok(file)
}

/// Opens a file to read and write it; creates it if it does not exist.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    let file = options().read(true).write(true).create(true).truncate(false).open(path)?;
    check(&file, path)?;
    Ok(file)
}

/// Creates a directory that only its owner can use; if one exists, no other user may be able to
/// replace the files in it.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    check_directory(path)
}

#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

#[cfg(not(unix))]
fn options() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn check(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = file.metadata()?;
    let place = path.display();
    if !metadata.is_file() {
        return Err(io::Error::other(format!("{place} is not a file")));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(format!("{place} belongs to somebody else")));
    }
    if metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(io::Error::other(format!(
            "{place} is open to others (mode {mode:o}); chmod 600 it, or remove it"
        )));
    }
    Ok(())
}

#[cfg(unix)]
fn check_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path)?;
    let place = path.display();
    let owner = metadata.uid();
    if owner != rustix::process::geteuid().as_raw() && owner != 0 {
        return Err(io::Error::other(format!("{place} belongs to somebody else")));
    }
    // In a sticky directory others may add files, but not replace ours.
    if metadata.mode() & 0o1002 == 0o0002 {
        return Err(io::Error::other(format!("everybody can replace files in {place}")));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn check_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_there_already_is_not_written_through() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::write(at("theirs"), "kept").unwrap();
        symlink(at("theirs"), at("link")).unwrap();
        assert!(create(&at("theirs")).is_err() && create(&at("link")).is_err());
        assert!(open(&at("link")).is_err() && open_or_create(&at("link")).is_err());
        assert_eq!(fs::read(at("theirs")).unwrap(), b"kept");
        drop(create(&at("ours")).unwrap());
        assert_eq!(fs::metadata(at("ours")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(open(&at("ours")).is_ok() && open_or_create(&at("ours")).is_ok());
        assert!(open_or_create(&at("new")).is_ok());
    }

    #[test]
    fn what_others_can_read_or_replace_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        drop(create(&file).unwrap());
        for (mode, accepted) in [(0o600, true), (0o640, false), (0o604, false), (0o400, true)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open(&file).is_ok(), accepted, "{mode:o}");
        }
        for (mode, accepted) in [(0o700, true), (0o755, true), (0o1777, true), (0o777, false)] {
            let inner = scratch.path().join(format!("{mode:o}"));
            fs::create_dir(&inner).unwrap();
            fs::set_permissions(&inner, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(directory(&inner).is_ok(), accepted, "{mode:o}");
        }
        assert!(open(scratch.path()).is_err(), "a directory is not a file");
        assert!(directory(&scratch.path().join("deep/er")).is_ok());
    }
}
