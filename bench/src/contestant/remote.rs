//! The commands that represent a remote server on standard input and output.

use std::{io, net::SocketAddr, process::Command};

use super::{kind::Contestant, node, places::Places};

/// The command that a client talks to over stdio instead of the server at `remote`.
pub(crate) fn command(
    contestant: Contestant,
    places: &Places,
    remote: SocketAddr,
) -> io::Result<Option<Command>> {
    let url = format!("http://{remote}/mcp");
    let mut command = contestant.run(places);
    match contestant {
        Contestant::Bare => command.arg(remote.to_string()),
        Contestant::Ours => command.arg(url),
        // Its command does not support this, but its library does.
        Contestant::Npm => {
            return Ok(node::script(contestant, places)?.map(|mut script| {
                script.args(["stdio", &url]);
                script
            }));
        }
        Contestant::Supergateway => command.args(["--streamableHttp", &url]),
        Contestant::Pypi => command.args(["--transport", "streamablehttp", &url]),
        Contestant::NpmV1 | Contestant::Crate => return Ok(None),
    };
    Ok(Some(command))
}
