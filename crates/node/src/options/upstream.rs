//! The option `upstream`: the stdio server to start, who shares it, and what becomes of it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use mcp_proxy_core::config::{
    CommandConfig, DEFAULT_PING_TIMEOUT, Isolation, PingConfig, RestartConfig, RestartWhen,
    UpstreamConfig, UpstreamProtocol,
};

use super::{
    given::{Count, Given, Word, Words, Wrong},
    milliseconds, whole,
};

impl Words for UpstreamProtocol {
    const ALL: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("legacy", Self::Legacy), ("modern", Self::Modern)];
}

impl Words for Isolation {
    const ALL: &'static [(&'static str, Self)] =
        &[("shared", Self::Shared), ("session", Self::Session), ("request", Self::Request)];
}

impl Words for RestartWhen {
    const ALL: &'static [(&'static str, Self)] =
        &[("on-failure", Self::OnFailure), ("always", Self::Always), ("never", Self::Never)];
}

/// A stdio server, and the program that ends it should this process be killed.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) config: UpstreamConfig,
    pub(crate) guard: Option<PathBuf>,
}

pub(super) fn upstream(given: &Given) -> Result<Option<Upstream>, Wrong> {
    let Some(given) = given.take::<Given>("upstream")? else { return Ok(None) };
    let given = given.named("upstream.");
    let default = UpstreamConfig::new(command(&given)?);
    let config = UpstreamConfig {
        protocol: word(&given, "upstreamProtocol", default.protocol)?,
        connection_timeout: milliseconds(&given, "connectionTimeout")?
            .unwrap_or(default.connection_timeout),
        request_timeout: limit(&given, "requestTimeout", default.request_timeout)?,
        max_request_time: limit(&given, "maxRequestTime", default.max_request_time)?,
        restart: restart(&given)?,
        ping: ping(&given)?,
        listen_early: given.switch("listenEarly", default.listen_early)?,
        isolation: word(&given, "isolation", default.isolation)?,
        max_children: count(&given, "maxChildren", default.max_children)?,
        prewarm: given.take::<f64>("prewarm")?.map_or(default.prewarm, whole),
        child_idle_timeout: limit(&given, "childIdleTimeout", default.child_idle_timeout)?,
        ..default
    };
    Ok(Some(Upstream { config, guard: given.take::<String>("guard")?.map(Into::into) }))
}

fn command(given: &Given) -> Result<CommandConfig, Wrong> {
    let default = CommandConfig::new(given.need::<String>("command")?);
    let args = given.take::<Vec<String>>("args")?.unwrap_or_default();
    let env = given.take::<BTreeMap<String, String>>("env")?.unwrap_or_default();
    Ok(CommandConfig {
        args: args.into_iter().map(Into::into).collect(),
        shell: given.switch("shell", default.shell)?,
        cwd: given.take::<String>("cwd")?.map(Into::into),
        env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        inherit_env: given.switch("inheritEnv", default.inherit_env)?,
        max_line_size: count(given, "maxLineSize", default.max_line_size)?,
        ..default
    })
}

fn restart(given: &Given) -> Result<RestartConfig, Wrong> {
    let default = RestartConfig::default();
    let max_restarts = given.take::<f64>("maxRestarts")?.map(whole);
    Ok(RestartConfig {
        when: word(given, "restart", default.when)?,
        max_restarts: match max_restarts {
            None => default.max_restarts,
            Some(0) => None,
            Some(limit) => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
        },
        wait: milliseconds(given, "restartWait")?.unwrap_or(default.wait),
    })
}

fn ping(given: &Given) -> Result<Option<PingConfig>, Wrong> {
    let timeout = milliseconds(given, "pingTimeout")?.unwrap_or(DEFAULT_PING_TIMEOUT);
    let interval = limit(given, "pingInterval", None)?;
    Ok(interval.map(|interval| PingConfig { interval, timeout }))
}

fn word<W: Words>(given: &Given, name: &str, default: W) -> Result<W, Wrong> {
    Ok(given.take::<Word<W>>(name)?.map_or(default, |Word(meant)| meant))
}

fn count(given: &Given, name: &str, default: usize) -> Result<usize, Wrong> {
    Ok(given.take::<Count>(name)?.map_or(default, |Count(count)| whole(count)))
}

/// A time in milliseconds; 0 is none.
fn limit(given: &Given, name: &str, default: Option<Duration>) -> Result<Option<Duration>, Wrong> {
    let time = milliseconds(given, name)?;
    Ok(time.map_or(default, |time| Some(time).filter(|time| !time.is_zero())))
}
