//! Several servers on one port: the contestants that support it, and their configuration files.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Contestant, Places, crate_file};

/// The servers, and the endpoint that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fleet {
    /// One of ten, under its name.
    Named,
    /// Ten as one.
    Merged,
    /// Ten as one, with a hundred tools each.
    Long,
    /// Fifty that are not used, as one.
    Lazy,
    /// One of fifty, under its name.
    Large,
}

impl Fleet {
    fn servers(self) -> usize {
        match self {
            Self::Named | Self::Merged | Self::Long => 10,
            Self::Lazy | Self::Large => 50,
        }
    }

    /// Tools of each.
    pub(crate) fn tools(self) -> usize {
        if self == Self::Long { 100 } else { 4 }
    }

    /// Tools of all together.
    pub(crate) fn all_tools(self) -> usize {
        self.servers() * self.tools()
    }

    fn is_named(self) -> bool {
        matches!(self, Self::Named | Self::Large)
    }

    pub(super) fn stream_path(self) -> &'static str {
        if self.is_named() { "/servers/s0/mcp" } else { "/mcp" }
    }

    pub(super) fn tool_prefix(self) -> &'static str {
        if self.is_named() { "" } else { "s0__" }
    }
}

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
