//! Several servers on one port: the contestants that support it, and their configuration files.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{crate_file, fleet::Fleet, kind::Contestant, places::Places};

/// The command that serves them; `None` if the contestant cannot.
pub(super) fn command(
    contestant: Contestant,
    places: &Places,
    fleet: Fleet,
    port: u16,
) -> io::Result<Option<Command>> {
    let mut command = contestant.run(places);
    match (contestant, fleet) {
        (Contestant::Ours, _) => {
            let file = file(places, port);
            write(places, &file, fleet, fleet.tools())?;
            command.args(["--port", &port.to_string(), "--config"]).arg(file);
        }
        (Contestant::Pypi, Fleet::Named) => {
            let file = file(places, port);
            write(places, &file, fleet, fleet.tools())?;
            command.args(["--port", &port.to_string(), "--named-server-config"]).arg(file);
        }
        (Contestant::Crate, Fleet::Merged | Fleet::Long) => {
            command.arg("--config").arg(crate_config(places, port, fleet)?);
        }
        _ => return Ok(None),
    }
    Ok(Some(command))
}

/// The configuration file of the contestant on this port.
pub(crate) fn file(places: &Places, port: u16) -> PathBuf {
    places.cache.join(format!("fleet-{port}.json"))
}

/// Writes the servers into the file; the first one has this many tools.
pub(crate) fn write(places: &Places, file: &Path, fleet: Fleet, first: usize) -> io::Result<()> {
    let echo = places.echo();
    let lazy = if fleet == Fleet::Lazy { r#","mcp-proxy":{"lazy":true}"# } else { "" };
    let server = |number: usize| {
        let tools = if number == 0 { first } else { fleet.tools() };
        let echo = echo.display();
        format!(r#""s{number}":{{"command":"{echo}","args":["tools","{tools}"]{lazy}}}"#)
    };
    let servers: Vec<String> = (0..fleet.servers()).map(server).collect();
    fs::write(file, format!(r#"{{"mcpServers":{{{}}}}}"#, servers.join(",\n")))
}

fn crate_config(places: &Places, port: u16, fleet: Fleet) -> io::Result<PathBuf> {
    let (echo, tools) = (places.echo(), fleet.tools());
    let echo = echo.display();
    let mut servers = String::new();
    for number in 0..fleet.servers() {
        // Writing into a String cannot fail.
        let _written = writeln!(
            servers,
            "[[backends]]\nname = \"s{number}\"\ntransport = \"stdio\"\ncommand = \"{echo}\"\n\
             args = [\"tools\", \"{tools}\"]\n"
        );
    }
    crate_file::write(&places.cache.join(format!("crate-{port}.toml")), port, &servers)
}
