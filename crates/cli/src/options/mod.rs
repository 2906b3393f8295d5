//! From the parsed command line to the core's configuration and the command line's own options.
//!
//! The order of the checks is the original's, so a command line with several faults is refused for
//! the same one.

mod answering;
mod auth;
mod cluster;
mod environment;
mod errand;
mod events;
mod expand;
mod fleet;
mod http;
mod ping;
mod process;
mod remote;
mod replay;
mod rules;
mod units;
mod upstream;
mod warnings;

use std::time::Duration;

use mcp_proxy_core::{
    config::{InspectConfig, ProxyConfig, RecordingConfig, Upstream},
    tunnel,
};

use self::{
    http::http,
    process::{inspection, logging, metrics, recording, tunnel},
    rules::rules,
    units::size,
    warnings::{shell_warning, warnings},
};
use crate::{
    args::{Typed, UsageError, flags},
    telemetry::Logging,
};

pub(crate) use errand::{Errand, Task};
pub(crate) use fleet::{FleetOptions, Origin, Process, Reading, Report, schema, unused};

/// Everything that the process needs to know to run.
#[derive(Debug)]
pub(crate) struct Options {
    /// The proxy itself.
    pub(crate) proxy: ProxyConfig,
    /// Serve one client on standard input and output instead of HTTP.
    pub(crate) stdio: bool,
    /// The log settings.
    pub(crate) logging: Logging,
    /// Open the inspection page.
    pub(crate) inspection: Option<InspectConfig>,
    /// Record all traffic.
    pub(crate) recording: Option<RecordingConfig>,
    /// Open a public tunnel to the proxy.
    pub(crate) tunnel: Option<tunnel::Config>,
    /// End with an error if the server has ended for good.
    pub(crate) exit_on_child_death: bool,
    /// Worker threads of the runtime, at least 1.
    pub(crate) threads: usize,
    /// Settings that are valid but probably not meant, as sentences for the log.
    pub(crate) warnings: Vec<String>,
}

impl TryFrom<Typed> for Options {
    type Error = UsageError;

    fn try_from(typed: Typed) -> Result<Self, UsageError> {
        let values = &typed.values;
        values.check_choices()?;
        values.of(&flags::EVENT_STORE_MAX_EVENTS)?;
        values.of(&flags::MAX_BODY_SIZE)?;
        values.of(&flags::SESSION_IDLE_TIMEOUT)?;
        let upstream = match replay::server(values, &typed.command)? {
            Some(player) => player,
            None => upstream::server(values, typed.command)?,
        };
        let stdio = matches!(upstream, Upstream::Remote(_)) && !values.has(&flags::PORT);
        let mut warnings = warnings(values, &typed.ignored);
        warnings.extend(remote::rejoined(&typed.rejoined));
        auth::check_isolation(values)?;
        if !stdio {
            warnings.extend(auth::exposure(values)?);
        }
        match &upstream {
            Upstream::Command(config) => warnings.extend(shell_warning(&config.command)),
            _ => warnings.extend(remote::warnings(values, stdio)),
        }
        Ok(Self {
            stdio,
            logging: logging(values)?,
            inspection: inspection(values)?,
            recording: recording(values)?,
            tunnel: tunnel(values)?,
            exit_on_child_death: values.of(&flags::EXIT_ON_CHILD_DEATH)?,
            threads: size(values.of(&flags::THREADS)?),
            warnings,
            proxy: ProxyConfig {
                http: http(values)?,
                upstream,
                graceful_shutdown_timeout: Duration::from_millis(
                    values.of(&flags::GRACEFUL_SHUTDOWN_TIMEOUT)?,
                ),
                metrics: metrics(values)?,
                policy: auth::policy(values)?,
                rules: rules(values)?,
            },
        })
    }
}

#[cfg(test)]
mod tests;
