//! The file of `--config`: its place, and its content.

use std::{
    env,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use mcp_proxy_core::fleet::{
    clients::{self, Directories, Place},
    printable,
};

use crate::args::UsageError;

/// One byte more than the largest configuration.
const MOST: u64 = 16 * 1024 * 1024 + 1;

/// What `--config` names.
pub(super) fn place(words: &str) -> Result<Place, UsageError> {
    let folder =
        |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let directories = Directories {
        home: env::home_dir(),
        app_data: folder("APPDATA"),
        config_home: folder("XDG_CONFIG_HOME"),
        codex_home: folder("CODEX_HOME"),
    };
    clients::place(words, &directories).map_err(UsageError::Config)
}

/// The content of a file, up to the limit. `words` are what was typed for it.
pub(super) fn read(path: &Path, words: &str) -> Result<Vec<u8>, UsageError> {
    let refused = |problem: String| UsageError::Config(format!("{}: {problem}", shown(path)));
    let open = || {
        // A directory can be opened, but not read, and that error is not helpful.
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // Room for all of it and the end: a vector that grows has twice as much.
        let room = metadata.len().min(MOST) + 1;
        let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
        File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    open().map_err(|error: io::Error| {
        refused(match error.kind() {
            io::ErrorKind::NotFound if clients::CLIENTS.iter().any(|(name, _)| *name == words) => {
                format!(
                    "there is no such file, although {words} usually keeps its servers there; if \
                     they are elsewhere, use --config {words}:FILE"
                )
            }
            io::ErrorKind::NotFound => {
                format!("there is no such file{}", clients::near(words))
            }
            io::ErrorKind::IsADirectory => "this is a directory; --config takes a file".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "the file cannot be read: permission denied".to_owned()
            }
            _ => format!("the file cannot be read: {error}"),
        })
    })
}

/// The name of a file, safe for a terminal.
pub(super) fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}
