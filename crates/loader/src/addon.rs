//! Finds the addon: beside the loader, in the platform's package; or, since installing links the
//! loader into the main package, in the platform's package where Node would find it from there.

use std::{
    env::consts::{ARCH, OS},
    iter,
    path::{Path, PathBuf},
};

/// Its file name in the platform's package; `npm/platform.js` has the same.
const FILE: &str = "mcp-proxy.node";

/// The addon of the loader at `program`.
pub(crate) fn find(program: &Path) -> Option<PathBuf> {
    let beside = program.with_file_name(FILE);
    let folders = program.ancestors().skip(1);
    let installed = folders.map(|folder| folder.join("node_modules").join(package()).join(FILE));
    iter::once(beside).chain(installed).find(|file| file.is_file())
}

/// The message if there is none.
pub(crate) fn missing(program: &Path) -> String {
    format!(
        "the command itself is in {FILE}, which is neither beside {} nor in the package {} of a node_modules above it",
        program.display(),
        package()
    )
}

/// The platform's package, as `npm/platform.js` names it.
fn package() -> String {
    let system = match OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let cpu = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let libc = match () {
        () if OS != "linux" => "",
        () if cfg!(target_env = "musl") => "-musl",
        () => "-gnu",
    };
    format!("mcp-proxy-{system}-{cpu}{libc}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder that contains this file at this path.
    fn with(file: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
        folder
    }

    fn found(file: &str, program: &str) -> bool {
        let folder = with(file);
        find(&folder.path().join(program)) == Some(folder.path().join(file))
    }

    #[test]
    fn it_is_beside_the_loader() {
        assert!(found("a/mcp-proxy.node", "a/mcp-proxy"));
        assert!(!found("a/mcp-proxy.node", "a/b/mcp-proxy"));
    }

    #[test]
    fn it_is_where_node_finds_the_platforms_package() {
        let package = package();
        let hoisted = format!("node_modules/{package}/mcp-proxy.node");
        let nested = format!("node_modules/mcp-proxy/node_modules/{package}/mcp-proxy.node");
        for place in [&hoisted, &nested] {
            assert!(found(place, "node_modules/mcp-proxy/npm/mcp-proxy"), "{place}");
        }
        assert!(found(&hoisted, "packages/one/node_modules/mcp-proxy/npm/mcp-proxy"));
        assert!(!found(&nested, "elsewhere/mcp-proxy"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let complaint = missing(Path::new("/p/npm/mcp-proxy"));
        assert!(complaint.contains(FILE) && complaint.contains("/p/npm/mcp-proxy"), "{complaint}");
        assert!(complaint.contains(&package()), "{complaint}");
    }
}
