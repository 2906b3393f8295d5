//! The commands that serve the echo server, or one in JavaScript, over HTTP.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{crate_file, kind::Contestant, node, places::Places, setup::Setup, several};

/// The command that serves in this setup on `port`; `None` if the contestant does not support it.
pub(crate) fn command(
    contestant: Contestant,
    places: &Places,
    setup: Setup,
    port: u16,
) -> io::Result<Option<Command>> {
    match (setup, contestant) {
        (Setup::NodeV1, _) => node::served(contestant, places, "v1", port),
        (Setup::NodeV2, _) => node::served(contestant, places, "v2", port),
        // The bare relay in front of a stdio server is the native one, not one in Node.
        (Setup::NodeUpstream, Contestant::Bare) => Ok(Some(bare(places, port))),
        (Setup::Fleet(of), _) => several::command(contestant, places, of, port),
        (Setup::NodeUpstream, _) => node::served(contestant, places, "upstream", port),
        (Setup::Sessions | Setup::Stateless | Setup::Sse, _) => {
            native(contestant, places, setup, port)
        }
    }
}

fn native(
    contestant: Contestant,
    places: &Places,
    setup: Setup,
    port: u16,
) -> io::Result<Option<Command>> {
    let server = places.echo();
    let mut command = contestant.run(places);
    let port_text = port.to_string();
    match contestant {
        Contestant::Bare => return Ok(Some(bare(places, port))),
        Contestant::Ours | Contestant::Npm | Contestant::Pypi => {
            command.args(["--port", &port_text]);
            command.args((setup == Setup::Stateless).then_some("--stateless"));
            command.arg("--").arg(server);
        }
        Contestant::Supergateway => {
            command.args(["--port", &port_text, "--stdio"]).arg(server);
            match setup {
                Setup::Sessions => {
                    command.args(["--outputTransport", "streamableHttp", "--stateful"]);
                }
                Setup::Stateless => {
                    command.args(["--outputTransport", "streamableHttp"]);
                }
                _ => {}
            }
        }
        Contestant::Crate if setup == Setup::Sessions => {
            command.arg("--config").arg(crate_config(places, port, &server)?);
        }
        Contestant::Crate | Contestant::NpmV1 => return Ok(None),
    }
    Ok(Some(command))
}

fn bare(places: &Places, port: u16) -> Command {
    let mut command = Contestant::Bare.run(places);
    command.arg(port.to_string()).arg(places.echo());
    command
}

fn crate_config(places: &Places, port: u16, server: &Path) -> io::Result<PathBuf> {
    let server = server.display();
    let server = format!(
        "[[backends]]\nname = \"server\"\ntransport = \"stdio\"\ncommand = \"{server}\"\n\n"
    );
    crate_file::write(&places.cache.join("crate.toml"), port, &server)
}
