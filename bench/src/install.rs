//! Installs the peers into `bench/.cache`, each by its own package manager.

use std::{fs, io, path::Path, process::Command};

use crate::{
    contestant::{Contestant, Places},
    notice::notice,
};

const PYPI_PACKAGE: &str = "mcp-proxy==0.13.0";
const CRATE_VERSION: &str = "0.6.0";

/// Returns the contestants of `wanted` that are installed; installs the npm and PyPI ones if
/// necessary. The crate takes minutes to build, so it is installed only on request.
pub(crate) fn present(
    wanted: &[Contestant],
    places: &Places,
    manifest: &Path,
    build_crate: bool,
) -> Vec<Contestant> {
    let mut present = Vec::new();
    for &contestant in wanted {
        let program = contestant.program(places);
        if !program.exists() {
            let installed = match contestant {
                Contestant::Npm | Contestant::Supergateway => npm(places, manifest),
                Contestant::Pypi => pypi(places),
                Contestant::Crate if build_crate => cargo(places),
                Contestant::Crate => Err(io::Error::other("--install-crate builds it")),
                Contestant::NpmV1 => Err(io::Error::other("npm ci installs it")),
                Contestant::Bare | Contestant::Ours => Err(io::Error::other("not built")),
            };
            if let Err(error) = installed {
                notice(&format!("without {}: {error}", contestant.label()));
                continue;
            }
        }
        present.push(contestant);
    }
    present
}

fn npm(places: &Places, manifest: &Path) -> io::Result<()> {
    let directory = places.cache.join("npm");
    fs::create_dir_all(&directory)?;
    fs::copy(manifest, directory.join("package.json"))?;
    run(Command::new("npm").args(["install", "--no-audit", "--no-fund"]).current_dir(directory))
}

fn pypi(places: &Places) -> io::Result<()> {
    let environment = places.cache.join("python");
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    run(Command::new(environment.join("bin/pip")).args(["install", "--quiet", PYPI_PACKAGE]))
}

fn cargo(places: &Places) -> io::Result<()> {
    run(Command::new("cargo")
        .args(["install", "mcp-proxy", "--version", CRATE_VERSION, "--locked", "--root"])
        .arg(places.cache.join("crate")))
}

fn run(command: &mut Command) -> io::Result<()> {
    notice(&format!("installing: {command:?}"));
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}
