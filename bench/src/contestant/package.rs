//! Our own package, as it is published: the addon, and the loader that runs the command in it.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::places::Places;

const ADDON: &str = "libmcp_proxy_node.so";
const LOADER: &str = "mcp-proxy-loader";

/// The command of this build; the path of the loader if something is missing.
pub(crate) fn command(build: &Path, cache: &Path) -> io::Result<PathBuf> {
    let (addon, loader) = (build.join(ADDON), build.join(LOADER));
    if !addon.exists() || !loader.exists() {
        return Ok(loader);
    }
    let package = cache.join("package");
    let command = package.join("mcp-proxy");
    link(&addon, &package.join("mcp-proxy.node"))?;
    // A copy, because the loader looks for the addon beside its real file, not beside a link.
    fs::copy(loader, &command)?;
    Ok(command)
}

/// A target directory that contains only the addon of this build, because `index.js` takes the
/// addon that was built last.
pub(super) fn target(places: &Places) -> io::Result<PathBuf> {
    let addon = places.build.join(ADDON);
    if !addon.exists() {
        return Err(io::Error::other(format!("not built: {}", addon.display())));
    }
    let target = places.cache.join("addon");
    link(&addon, &target.join("release").join(ADDON))?;
    Ok(target)
}

fn link(file: &Path, link: &Path) -> io::Result<()> {
    if fs::read_link(link).ok().as_deref() == Some(file) {
        return Ok(());
    }
    fs::create_dir_all(link.parent().unwrap_or(link))?;
    // It may not exist yet.
    let _removed = fs::remove_file(link);
    symlink(file, link)
}
