//! The commands that run `server.mjs`: what a Node program gets from a package, and from the bare
//! relay of this kind, `bare.mjs`.

use std::{io, process::Command};

use super::{kind::Contestant, package, places::Places};

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

/// `server.mjs` with the contestant's package; `None` if the contestant has no package.
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
        command.env("CARGO_TARGET_DIR", package::target(places)?);
    }
    Ok(Some(command))
}
