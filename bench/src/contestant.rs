//! Who takes part: how each is started, where it listens, and how it spells things. Everything
//! else is at its defaults.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Which of its ways a contestant is started in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setup {
    /// Streamable HTTP with sessions, and whatever else is on by default.
    Sessions,
    /// Streamable HTTP without sessions.
    Stateless,
    /// HTTP+SSE.
    Sse,
}

/// A proxy that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contestant {
    /// The bare relay, the yardstick.
    Bare,
    /// This repository's native binary.
    Ours,
    /// npm `mcp-proxy`.
    Npm,
    /// npm `supergateway`.
    Supergateway,
    /// PyPI `mcp-proxy`.
    Pypi,
    /// The Rust crate `mcp-proxy`.
    Crate,
}

/// Where programs are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The directory of this build: `bare`, `echo` and, once built, `mcp-proxy`.
    pub(crate) build: PathBuf,
    /// Our binary.
    pub(crate) ours: PathBuf,
    /// Where peers are installed.
    pub(crate) cache: PathBuf,
}

impl Contestant {
    pub(crate) const ALL: [Self; 6] =
        [Self::Bare, Self::Ours, Self::Npm, Self::Supergateway, Self::Pypi, Self::Crate];

    /// The name on the command line and in `results.json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Ours => "ours",
            Self::Npm => "npm",
            Self::Supergateway => "supergateway",
            Self::Pypi => "pypi",
            Self::Crate => "crate",
        }
    }

    /// The name in tables and plots.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Bare => "bare relay",
            Self::Ours => "mcp-proxy (this)",
            Self::Npm => "npm mcp-proxy 6.7.19",
            Self::Supergateway => "supergateway 4.0.0",
            Self::Pypi => "PyPI mcp-proxy 0.13.0",
            Self::Crate => "crate mcp-proxy 0.6.0",
        }
    }

    /// The file that is there once the contestant is installed.
    pub(crate) fn program(self, places: &Places) -> PathBuf {
        let modules = places.cache.join("npm/node_modules");
        match self {
            Self::Bare => places.build.join("bare"),
            Self::Ours => places.ours.clone(),
            Self::Npm => modules.join("mcp-proxy/dist/bin/mcp-proxy.mjs"),
            Self::Supergateway => modules.join("supergateway/dist/index.js"),
            Self::Pypi => places.cache.join("python/bin/mcp-proxy"),
            Self::Crate => places.cache.join("crate/bin/mcp-proxy"),
        }
    }

    pub(crate) fn stream_path(self) -> &'static str {
        if self == Self::Crate { "/" } else { "/mcp" }
    }

    pub(crate) fn tool_prefix(self) -> &'static str {
        if self == Self::Crate { "server/" } else { "" }
    }

    /// The command that serves the echo server on `port`; `None` if it cannot be served so.
    pub(crate) fn command(
        self,
        places: &Places,
        setup: Setup,
        port: u16,
    ) -> io::Result<Option<Command>> {
        let program = self.program(places);
        let server = places.build.join("echo");
        let mut command = match self {
            Self::Npm | Self::Supergateway => {
                let mut node = Command::new("node");
                node.arg(program);
                node
            }
            _ => Command::new(program),
        };
        let port_text = port.to_string();
        match self {
            Self::Bare => {
                command.arg(port_text).arg(server);
            }
            Self::Ours | Self::Npm | Self::Pypi => {
                command.args(["--port", &port_text]);
                command.args((setup == Setup::Stateless).then_some("--stateless"));
                command.arg("--").arg(server);
            }
            Self::Supergateway => {
                command.args(["--port", &port_text, "--stdio"]).arg(server);
                match setup {
                    Setup::Sessions => {
                        command.args(["--outputTransport", "streamableHttp", "--stateful"]);
                    }
                    Setup::Stateless => {
                        command.args(["--outputTransport", "streamableHttp"]);
                    }
                    Setup::Sse => {}
                }
            }
            Self::Crate if setup == Setup::Sessions => {
                command.arg("--config").arg(crate_config(places, port, &server)?);
            }
            Self::Crate => return Ok(None),
        }
        Ok(Some(command))
    }
}

fn crate_config(places: &Places, port: u16, server: &Path) -> io::Result<PathBuf> {
    let path = places.cache.join("crate.toml");
    let server = server.display();
    let config = format!(
        "[proxy]\nname = \"bench\"\n\n[proxy.listen]\nhost = \"127.0.0.1\"\nport = {port}\n\n\
         [[backends]]\nname = \"server\"\ntransport = \"stdio\"\ncommand = \"{server}\"\n\n\
         [observability]\nlog_level = \"warn\"\n"
    );
    fs::write(&path, config)?;
    Ok(path)
}
