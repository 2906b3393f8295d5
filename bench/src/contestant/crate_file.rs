//! The configuration file of the Rust crate.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Writes the file, with these servers.
pub(super) fn write(path: &Path, port: u16, servers: &str) -> io::Result<PathBuf> {
    let config = format!(
        "[proxy]\nname = \"bench\"\n\n[proxy.listen]\nhost = \"127.0.0.1\"\nport = {port}\n\n\
         {servers}[observability]\nlog_level = \"warn\"\n"
    );
    fs::write(path, config)?;
    Ok(path.to_owned())
}
