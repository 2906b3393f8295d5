//! The commands that run `server.mjs`: what a Node program gets from a package, and from the bare
//! relay of its kind, `bare.mjs`.

use std::{fs, io, os::unix::fs::symlink, path::PathBuf, process::Command};

use super::{Contestant, Places};

/// `startHTTPServer` of the contestant's package, with this kind of server behind it.
pub(super) fn served(
    contestant: Contestant,
    places: &Places,
    kind: &str,
    port: u16,
) -> io::Result<Option<Command>> {
    if contestant == Contestant::NpmV1 && kind == "v2" {
        return Ok(None);
    }
    let command = script(contestant, places)?;
    Ok(command.map(|mut command| {
        command.args([kind, &port.to_string()]).arg(places.echo());
        command
    }))
}

/// `server.mjs` with the contestant's package; `None` if it has none.
pub(super) fn script(contestant: Contestant, places: &Places) -> io::Result<Option<Command>> {
    let package = match contestant {
        Contestant::Bare => "bare",
        Contestant::Ours => "ours",
        Contestant::Npm => "mcp-proxy-original",
        Contestant::NpmV1 => "mcp-proxy-original-v1",
        Contestant::Supergateway | Contestant::Pypi | Contestant::Crate => return Ok(None),
    };
    if !places.node_modules().exists() {
        return Err(io::Error::other("not installed: npm ci"));
    }
    let mut command = Command::new("node");
    command.arg(places.root.join("bench/api/server.mjs")).arg(package);
    if contestant == Contestant::Ours {
        command.env("CARGO_TARGET_DIR", addon(places)?);
    }
    Ok(Some(command))
}

/// A target folder with nothing in it but the addon of this build: the package takes whichever
/// was built last.
fn addon(places: &Places) -> io::Result<PathBuf> {
    const FILE: &str = "libmcp_proxy_node.so";
    let built = places.build.join(FILE);
    if !built.exists() {
        return Err(io::Error::other(format!("not built: {}", built.display())));
    }
    let target = places.cache.join("addon");
    let link = target.join("release").join(FILE);
    fs::create_dir_all(target.join("release"))?;
    if fs::read_link(&link).ok().as_ref() != Some(&built) {
        // There may be none yet.
        let _removed = fs::remove_file(&link);
        symlink(built, link)?;
    }
    Ok(target)
}
