//! The server that `startHTTPServer` starts itself: options for the command line's flags.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use mcp_proxy_core::config::{
    CommandConfig, Isolation, PingConfig, RestartConfig, RestartWhen, UpstreamConfig,
    UpstreamProtocol,
};

use super::{
    given::{Given, Whole, Word, Words, Wrong},
    number::milliseconds,
};

impl Words for UpstreamProtocol {
    const ALL: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("legacy", Self::Legacy), ("modern", Self::Modern)];
}

impl Words for Isolation {
    const ALL: &'static [(&'static str, Self)] = &[
        ("shared", Self::Shared),
        ("session", Self::Session),
        ("identity", Self::Identity),
        ("request", Self::Request),
    ];
}

impl Words for RestartWhen {
    const ALL: &'static [(&'static str, Self)] =
        &[("on-failure", Self::OnFailure), ("always", Self::Always), ("never", Self::Never)];
}

/// A server, and the program that ends it if this process is killed.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) config: UpstreamConfig,
    pub(crate) guard: Option<PathBuf>,
}

pub(super) fn upstream(given: &Given) -> Result<Option<Upstream>, Wrong> {
    let Some(given) = given.take::<Given>("upstream")? else { return Ok(None) };
    let given = given.named("upstream.");
    let default = UpstreamConfig::new(command(&given)?);
    let max_children = given.take("maxChildren")?.map(|Whole::<1, { u32::MAX }>(most)| most);
    let prewarm = given.take("prewarm")?.map_or(0, |Whole::<0, 1024>(ahead)| ahead);
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
        max_children: max_children.map_or(default.max_children, |most| most as usize),
        prewarm: prewarm as usize,
        child_idle_timeout: limit(&given, "childIdleTimeout", default.child_idle_timeout)?,
        ..default
    };
    Ok(Some(Upstream { config, guard: given.take::<String>("guard")?.map(Into::into) }))
}

fn command(given: &Given) -> Result<CommandConfig, Wrong> {
    let default = CommandConfig::new(given.need::<String>("command")?);
    let args = given.take::<Vec<String>>("args")?.unwrap_or_default();
    let env = given.take::<BTreeMap<String, String>>("env")?.unwrap_or_default();
    let longest = given.take("maxLineSize")?.map(|Whole::<1, { u32::MAX }>(bytes)| bytes as usize);
    Ok(CommandConfig {
        args: args.into_iter().map(Into::into).collect(),
        shell: given.switch("shell", default.shell)?,
        cwd: given.take::<String>("cwd")?.map(Into::into),
        env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        inherit_env: given.switch("inheritEnv", default.inherit_env)?,
        max_line_size: longest.unwrap_or(default.max_line_size),
        ..default
    })
}

fn restart(given: &Given) -> Result<RestartConfig, Wrong> {
    let default = RestartConfig::default();
    let most = given.take("maxRestarts")?.map(|Whole::<0, 1_000_000>(most)| most);
    Ok(RestartConfig {
        when: word(given, "restart", default.when)?,
        max_restarts: most.map_or(default.max_restarts, |most| Some(most).filter(|&most| most > 0)),
        wait: milliseconds(given, "restartWait")?.unwrap_or(default.wait),
        retry: limit(given, "retryInterval", default.retry)?,
    })
}

fn ping(given: &Given) -> Result<Option<PingConfig>, Wrong> {
    let timeout = milliseconds(given, "pingTimeout")?;
    let timeout = timeout.unwrap_or(mcp_proxy_core::config::DEFAULT_PING_TIMEOUT);
    let interval = limit(given, "pingInterval", None)?;
    Ok(interval.map(|interval| PingConfig { interval, timeout }))
}

pub(super) fn word<W: Words>(given: &Given, name: &str, default: W) -> Result<W, Wrong> {
    Ok(given.take(name)?.map_or(default, |Word(meant)| meant))
}

/// A time in milliseconds; 0 means unlimited.
fn limit(given: &Given, name: &str, default: Option<Duration>) -> Result<Option<Duration>, Wrong> {
    let time = milliseconds(given, name)?;
    Ok(time.map_or(default, |time| Some(time).filter(|time| !time.is_zero())))
}
