//! Many servers: `--config` and related flags.
//!
//! The file is read at the start and at each reload; the command line stays the same.

mod check;
mod file;
mod inputs;
mod itself;
mod schema;
mod servers;
mod vocabulary;

use std::{collections::BTreeMap, env, ffi::OsString, fs, path::Path, time::Duration};

use mcp_proxy_core::{
    config::{FleetConfig, GroupConfig, InspectConfig, Policy, RecordingConfig, ServerConfig},
    fleet::{Dialect, Manifest, Unused, Variables, clients, printable},
    tunnel::Config as Tunnel,
};

use super::{
    auth,
    http::http,
    process::{inspection, logging, metrics, recording, tunnel},
    rules::rules,
    units::size,
    warnings::warnings,
};
use crate::{
    args::{Typed, UsageError, Values, flags},
    telemetry::Logging,
    watch::Stamp,
};
use inputs::Inputs;
use servers::Everywhere;

pub(crate) use check::{Report, check, unused};
pub(crate) use schema::schema;

/// Everything that the process needs to know to serve many servers.
pub(crate) struct FleetOptions {
    /// The source of the configuration.
    pub(crate) origin: Origin,
    /// Its current content.
    pub(crate) reading: Reading,
    /// Serve one client on standard input and output instead of HTTP.
    pub(crate) stdio: bool,
}

/// The source of a configuration.
pub(crate) struct Origin {
    /// What was typed.
    values: Values,
    from: From,
    /// Which file it was before it was read for the first time.
    stamp: Option<Stamp>,
    /// The values of `${input:id}`.
    inputs: Inputs,
    /// The command besides the named servers.
    beside: Vec<OsString>,
    ignored: Vec<OsString>,
}

enum From {
    /// A file, and what was typed for it.
    File(clients::Place, String),
    /// A text in the format of a file.
    Text(String),
    /// `--namedServer`.
    Line,
}

impl From {
    fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::File(place, _) => Stamp::of(&place.file),
            Self::Text(_) | Self::Line => None,
        }
    }
}

/// The content of a configuration.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) fleet: FleetConfig,
    pub(crate) process: Process,
    /// The file's dialect; `None` without a file.
    pub(crate) dialect: Option<Dialect>,
    /// Members of the file that mean nothing to the proxy.
    pub(crate) unused: Vec<Unused>,
    /// Settings that are valid but probably not meant, as sentences for the log.
    pub(crate) warnings: Vec<String>,
}

/// Settings that a running process cannot change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Process {
    pub(crate) logging: Logging,
    pub(crate) inspection: Option<InspectConfig>,
    pub(crate) recording: Option<RecordingConfig>,
    pub(crate) tunnel: Option<Tunnel>,
    pub(crate) threads: usize,
}

impl Process {
    /// The differences from another one, by the names of the flags.
    pub(crate) fn differs(&self, other: &Self) -> Vec<&'static str> {
        let (ours, theirs) = (self.logging, other.logging);
        let parts = [
            ("debug", ours.debug != theirs.debug),
            ("logLevel", ours.level != theirs.level),
            ("logFormat", ours.format != theirs.format),
            ("threads", self.threads != other.threads),
            ("tunnel", self.tunnel != other.tunnel),
            ("inspect", self.inspection != other.inspection),
            ("record", self.recording != other.recording),
        ];
        parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
    }
}

impl FleetOptions {
    /// What was typed, if it names many servers.
    pub(crate) fn of(typed: Typed) -> Result<Result<Self, Typed>, UsageError> {
        let stdio = typed.values.of(&flags::STDIO)?;
        let Some(mut origin) = Origin::of(&typed)? else {
            return if stdio { Err(UsageError::StdioAlone) } else { Ok(Err(typed)) };
        };
        let manifest = origin.manifest()?;
        origin.ask(manifest.as_ref(), !stdio)?;
        let reading = origin.meaning(manifest.as_ref())?;
        Ok(Ok(Self { origin, reading, stdio }))
    }
}

/// The servers that were typed, if there are many; nobody is asked for inputs.
pub(super) fn configured(typed: &Typed) -> Result<Option<FleetConfig>, UsageError> {
    let Some(mut origin) = Origin::of(typed)? else { return Ok(None) };
    let manifest = origin.manifest()?;
    origin.ask(manifest.as_ref(), false)?;
    Ok(Some(origin.meaning(manifest.as_ref())?.fleet))
}

impl Origin {
    /// A file, or a client's own file; without a command line.
    pub(crate) fn of_file(words: &str) -> Result<Self, UsageError> {
        Ok(Self::alone(From::File(file::place(words)?, words.to_owned())))
    }

    /// A text in the format of a file; without a command line.
    pub(crate) fn of_text(text: String) -> Self {
        Self::alone(From::Text(text))
    }

    fn alone(from: From) -> Self {
        Self {
            values: Values::default(),
            stamp: from.stamp(),
            from,
            inputs: Inputs::new(),
            beside: Vec::new(),
            ignored: Vec::new(),
        }
    }

    fn of(typed: &Typed) -> Result<Option<Self>, UsageError> {
        let values = &typed.values;
        values.check_choices()?;
        let (config, named) = (values.of(&flags::CONFIG)?, values.of(&flags::NAMED_SERVER_CONFIG)?);
        let is_named = !values.of(&flags::NAMED_SERVER)?.is_empty();
        let from = match (config, named) {
            (None, None) if is_named => From::Line,
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(UsageError::TwoSources("--namedServerConfig".to_owned()));
            }
            (Some(_), None) if is_named => {
                return Err(UsageError::TwoSources("--namedServer".to_owned()));
            }
            (Some(words), None) => {
                if let Some(word) = typed.command.first() {
                    let word = printable(&word.to_string_lossy());
                    return Err(UsageError::TwoSources(format!("a command ({word})")));
                }
                From::File(file::place(&words)?, words)
            }
            (None, Some(words)) => From::File(file::place(&words)?, words),
        };
        if values.has(&flags::CONNECT) {
            return Err(UsageError::TwoSources("--connect".to_owned()));
        }
        Ok(Some(Self {
            values: values.clone(),
            stamp: from.stamp(),
            from,
            inputs: inputs::given(values)?,
            beside: typed.command.clone(),
            ignored: typed.ignored.clone(),
        }))
    }

    /// Which file it was before it was read for the first time, for whoever watches it.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.stamp.clone()
    }

    /// The file; `None` if the servers are on the command line.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.from {
            From::File(place, _) => Some(&place.file),
            From::Text(_) | From::Line => None,
        }
    }

    /// Reads the configuration again.
    pub(crate) fn read(&self) -> Result<Reading, UsageError> {
        self.meaning(self.manifest()?.as_ref())
    }

    fn manifest(&self) -> Result<Option<Manifest>, UsageError> {
        let vocabulary = vocabulary::vocabulary();
        let manifest = match &self.from {
            From::File(place, words) => {
                let bytes = file::read(&place.file, words)?;
                Manifest::read(&file::shown(&place.file), bytes, place.dialect, &vocabulary)
            }
            From::Text(text) => Manifest::read("config", text.as_bytes(), None, &vocabulary),
            From::Line => return Ok(None),
        };
        manifest.map(Some).map_err(|fault| UsageError::Config(fault.to_string()))
    }

    fn ask(&mut self, manifest: Option<&Manifest>, may_ask: bool) -> Result<(), UsageError> {
        let asked = manifest.map(Manifest::inputs).unwrap_or_default();
        inputs::from_environment(&asked, &environment(), &mut self.inputs);
        inputs::ask(&asked, may_ask, &mut self.inputs)
    }

    fn variables(&self, manifest: &Manifest) -> Result<Variables, UsageError> {
        let environment = environment();
        let home = env::home_dir();
        let working = env::current_dir().unwrap_or_default();
        let folder = match &self.from {
            From::File(place, _) => clients::workspace_folder(place, home.as_deref(), &working),
            From::Text(_) | From::Line => working,
        };
        let mut inputs = self.inputs.clone();
        // A reload may add new ones, for which nobody is asked.
        let asked = manifest.inputs();
        inputs::from_environment(&asked, &environment, &mut inputs);
        inputs::ask(&asked, false, &mut inputs)?;
        Ok(Variables {
            environment,
            inputs,
            workspace_folder: folder.display().to_string(),
            user_home: home.map(|home| home.display().to_string()),
        })
    }

    fn meaning(&self, manifest: Option<&Manifest>) -> Result<Reading, UsageError> {
        let mut said = match manifest {
            Some(manifest) => self.said(manifest)?,
            None => Said {
                values: self.values.clone(),
                everywhere: everywhere(&self.values, Policy::default())?,
                ..Said::default()
            },
        };
        let values = &said.values;
        said.warnings.extend(warnings(values, &self.ignored));
        said.warnings.extend(self.without_effect());
        if !values.of(&flags::STDIO)? {
            said.warnings.extend(auth::exposure(values)?);
        }
        let others = self.others(values, &said.everywhere, &said.servers, &mut said.warnings)?;
        said.servers.extend(others);
        let mut reading = Reading {
            process: Process {
                logging: logging(values)?,
                inspection: inspection(values)?,
                recording: recording(values)?,
                tunnel: tunnel(values)?,
                threads: size(values.of(&flags::THREADS)?),
            },
            fleet: FleetConfig {
                http: http(values)?,
                metrics: metrics(values)?,
                graceful_shutdown_timeout: Duration::from_millis(
                    values.of(&flags::GRACEFUL_SHUTDOWN_TIMEOUT)?,
                ),
                servers: said.servers,
                groups: said.groups,
            },
            dialect: manifest.map(Manifest::dialect),
            unused: manifest.map(|manifest| manifest.unused().to_vec()).unwrap_or_default(),
            warnings: said.warnings,
        };
        reading.warnings.extend(servers::warnings(&reading.fleet));
        reading.warnings.extend(servers::unusable(&reading.fleet));
        Ok(reading)
    }

    /// The file's settings, below those that were typed.
    fn said(&self, manifest: &Manifest) -> Result<Said, UsageError> {
        let variables = self.variables(manifest)?;
        let settings =
            manifest.settings(&variables).map_err(|fault| UsageError::Config(fault.to_string()))?;
        let values = self.values.over(&settings);
        let mut warnings = Vec::new();
        let (http, file) = (http(&values)?, manifest.file());
        let ours = self.file().and_then(|file| fs::canonicalize(file).ok()).unwrap_or_default();
        let everywhere = everywhere(&values, manifest.policy().clone())?;
        let mut servers = Vec::new();
        for entry in manifest.entries(&variables) {
            if entry.enabled && itself::is_itself(&entry, &ours, &http, &variables) {
                warnings.push(format!(
                    "{file}:{}: the server {:?} is this proxy itself, so it is left out",
                    entry.position, entry.name
                ));
                continue;
            }
            servers.push(servers::server(&values, &everywhere, &file, entry));
        }
        let is_there = |name: &String| servers.iter().any(|server| server.name == *name);
        let group = |(name, members): (&str, &[String])| GroupConfig {
            name: name.to_owned(),
            servers: members.iter().filter(|name| is_there(name)).cloned().collect(),
        };
        let groups = manifest.groups().map(group).collect();
        Ok(Said { values, everywhere, servers, groups, warnings })
    }

    /// The servers of the command line.
    fn others(
        &self,
        values: &Values,
        everywhere: &Everywhere,
        servers: &[ServerConfig],
        warnings: &mut Vec<String>,
    ) -> Result<Vec<ServerConfig>, UsageError> {
        let mut others = Vec::new();
        match self.from {
            From::Line => others.extend(servers::named(values, everywhere)?),
            From::File(..) if values.has(&flags::NAMED_SERVER) => warnings.push(
                "--namedServer has no effect beside --namedServerConfig, as in PyPI mcp-proxy"
                    .to_owned(),
            ),
            From::File(..) | From::Text(_) => {}
        }
        if !self.beside.is_empty() {
            const NAME: &str = "default";
            if servers.iter().chain(&others).any(|server| servers::is_twin(&server.name, NAME)) {
                return Err(UsageError::NamedServer {
                    name: NAME.to_owned(),
                    problem: "the command after the flags is served under this name".to_owned(),
                });
            }
            let words = self.beside.clone();
            others.push(servers::bare(values, everywhere, NAME.to_owned(), words)?);
        }
        Ok(others)
    }

    /// Flags that apply only to a proxy with one server.
    fn without_effect(&self) -> Option<String> {
        let flags = [
            ("--exitOnChildDeath", self.values.has(&flags::EXIT_ON_CHILD_DEATH)),
            ("--listenEarly", self.values.has(&flags::LISTEN_EARLY)),
        ];
        let given: Vec<&str> =
            flags.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
        (!given.is_empty()).then(|| format!("no effect with --config: {}", given.join(", ")))
    }
}

/// The file's settings.
#[derive(Default)]
struct Said {
    values: Values,
    everywhere: Everywhere,
    servers: Vec<ServerConfig>,
    groups: Vec<GroupConfig>,
    warnings: Vec<String>,
}

/// What holds for every server.
fn everywhere(values: &Values, policy: Policy) -> Result<Everywhere, UsageError> {
    Ok(Everywhere { rules: rules(values)?, policy: auth::policy(values)?.and(policy) })
}

/// The variables of the environment that are text.
fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    env::vars_os().filter_map(text).collect()
}

#[cfg(test)]
mod tests;
