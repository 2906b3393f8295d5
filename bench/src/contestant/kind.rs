//! A proxy that is measured.

use std::{path::PathBuf, process::Command};

use super::{places::Places, setup::Setup};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contestant {
    /// The bare relay, the yardstick.
    Bare,
    /// This repository's command.
    Ours,
    /// npm `mcp-proxy`.
    Npm,
    /// Its last release for the v1 SDK, which takes part in Node only.
    NpmV1,
    /// npm `supergateway`.
    Supergateway,
    /// PyPI `mcp-proxy`.
    Pypi,
    /// The Rust crate `mcp-proxy`.
    Crate,
}

impl Contestant {
    pub(crate) const ALL: [Self; 7] = [
        Self::Bare,
        Self::Ours,
        Self::Npm,
        Self::NpmV1,
        Self::Supergateway,
        Self::Pypi,
        Self::Crate,
    ];

    /// The name on the command line and in `results.json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Ours => "ours",
            Self::Npm => "npm",
            Self::NpmV1 => "npm-v1",
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
            Self::NpmV1 => "npm mcp-proxy 6.4.0",
            Self::Supergateway => "supergateway 4.0.0",
            Self::Pypi => "PyPI mcp-proxy 0.13.0",
            Self::Crate => "crate mcp-proxy 0.6.0",
        }
    }

    /// The file that exists once the contestant is installed.
    pub(crate) fn program(self, places: &Places) -> PathBuf {
        let modules = places.cache.join("npm/node_modules");
        match self {
            Self::Bare => places.build.join("bare"),
            Self::Ours => places.ours.clone(),
            Self::Npm => modules.join("mcp-proxy/dist/bin/mcp-proxy.mjs"),
            Self::NpmV1 => places.node_modules().join("mcp-proxy-original-v1/dist/index.mjs"),
            Self::Supergateway => modules.join("supergateway/dist/index.js"),
            Self::Pypi => places.cache.join("python/bin/mcp-proxy"),
            Self::Crate => places.cache.join("crate/bin/mcp-proxy"),
        }
    }

    pub(crate) fn stream_path(self, setup: Setup) -> &'static str {
        match (self, setup) {
            (Self::Crate, _) => "/",
            (_, Setup::Fleet(fleet)) => fleet.stream_path(),
            _ => "/mcp",
        }
    }

    pub(crate) fn tool_prefix(self, setup: Setup) -> &'static str {
        match (self, setup) {
            (Self::Crate, Setup::Fleet(_)) => "s0/",
            (Self::Crate, _) => "server/",
            (_, Setup::Fleet(fleet)) => fleet.tool_prefix(),
            _ => "",
        }
    }

    /// Runs the program, without arguments yet.
    pub(super) fn run(self, places: &Places) -> Command {
        let program = self.program(places);
        if matches!(self, Self::Npm | Self::NpmV1 | Self::Supergateway) {
            let mut node = Command::new("node");
            node.arg(program);
            return node;
        }
        Command::new(program)
    }
}
