//! The server: its command, its environment, what happens when it ends.

use std::{ffi::OsString, path::Path, time::Duration};

use mcp_proxy_core::config::{
    ChildStderr, CommandConfig, RestartConfig, RestartWhen, Upstream, UpstreamConfig,
};

use super::{
    environment,
    ping::ping,
    remote,
    units::{limit, size},
};
use crate::{
    args::{UsageError, Values, flags, is_url},
    telemetry::Format,
};

/// The server whose command or URL these words or `--connect` give.
pub(super) fn server(values: &Values, words: Vec<OsString>) -> Result<Upstream, UsageError> {
    let connect = values.of(&flags::CONNECT)?;
    remote::refuse_split_header(values, &words)?;
    if let (Some(url), None) = (&connect, words.first()) {
        return Ok(remote::config(values, url.clone())?.into());
    }
    match (words.first().filter(|word| is_url(word)), connect, words.get(1)) {
        (Some(_), None, Some(word)) => Err(beside_url(word)),
        (Some(url), None, None) => {
            Ok(remote::config(values, url.to_string_lossy().into_owned())?.into())
        }
        (_, Some(_), _) => Err(beside_url(words.first().unwrap_or(&OsString::new()))),
        (None, None, _) => {
            refuse_address(&words)?;
            Ok(config(values, words)?.into())
        }
    }
}

/// A word such as `localhost:8080/mcp` is meant as a URL, unless there is such a program.
fn refuse_address(words: &[OsString]) -> Result<(), UsageError> {
    let [word] = words else { return Ok(()) };
    let Some(text) = word.to_str() else { return Ok(()) };
    let authority = text.split('/').next().unwrap_or_default();
    let Some((host, port)) = authority.rsplit_once(':') else { return Ok(()) };
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if is_port && !host.is_empty() && !Path::new(text).exists() {
        return Err(UsageError::NoScheme(text.to_owned()));
    }
    Ok(())
}

fn beside_url(word: &OsString) -> UsageError {
    UsageError::BesideUrl(word.to_string_lossy().into_owned())
}

/// The configuration of the server with this command.
fn config(values: &Values, words: Vec<OsString>) -> Result<UpstreamConfig, UsageError> {
    Ok(UpstreamConfig {
        protocol: values.of(&flags::UPSTREAM_PROTOCOL)?,
        connection_timeout: Duration::from_millis(values.of(&flags::CONNECTION_TIMEOUT)?),
        // Differs from mcp-proxy: there zero means the SDK's default of a minute.
        request_timeout: limit(values.of(&flags::REQUEST_TIMEOUT)?).map(Duration::from_millis),
        max_request_time: limit(values.of(&flags::MAX_REQUEST_TIME)?).map(Duration::from_millis),
        restart: restart(values)?,
        ping: ping(values)?,
        listen_early: values.of(&flags::LISTEN_EARLY)?,
        isolation: values.of(&flags::ISOLATION)?,
        max_children: size(values.of(&flags::MAX_CHILDREN)?),
        prewarm: size(values.of(&flags::PREWARM)?),
        child_idle_timeout: limit(values.of(&flags::CHILD_IDLE_TIMEOUT)?)
            .map(Duration::from_millis),
        ..UpstreamConfig::new(command(values, words)?)
    })
}

fn command(values: &Values, words: Vec<OsString>) -> Result<CommandConfig, UsageError> {
    let mut words = words.into_iter();
    let Some(program) = words.next() else {
        return Err(UsageError::NoCommand);
    };
    Ok(CommandConfig {
        args: words.collect(),
        shell: values.of(&flags::SHELL)?,
        cwd: values.of(&flags::CWD)?,
        env: environment::variables(values)?,
        inherit_env: values.of(&flags::INHERIT_ENV)?,
        max_line_size: size(values.of(&flags::MAX_LINE_SIZE)?),
        stderr: match values.of(&flags::LOG_FORMAT)? {
            Format::Text => ChildStderr::PassThrough,
            Format::Json => ChildStderr::Events,
        },
        ..CommandConfig::new(program)
    })
}

/// If a supervisor restarts the proxy, the proxy makes no restarts itself, unless told so.
fn restart(values: &Values) -> Result<RestartConfig, UsageError> {
    let given = values.of(&flags::RESTART)?;
    let left_to_others = values.of(&flags::EXIT_ON_CHILD_DEATH)? && !values.has(&flags::RESTART);
    let max_restarts = limit(values.of(&flags::MAX_RESTARTS)?);
    let ends = values.of(&flags::EXIT_ON_CHILD_DEATH)?;
    let retry = limit(values.of(&flags::RETRY_INTERVAL)?).filter(|_| !ends);
    Ok(RestartConfig {
        when: if left_to_others { RestartWhen::Never } else { given },
        max_restarts: max_restarts.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)),
        wait: Duration::from_millis(values.of(&flags::RESTART_WAIT)?),
        retry: retry.map(Duration::from_millis),
    })
}
