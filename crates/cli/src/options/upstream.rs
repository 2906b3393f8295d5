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
    if Path::new(text).exists() {
        return Ok(());
    }
    match address(text) {
        Some(address) => Err(UsageError::NoScheme { given: text.to_owned(), address }),
        None => Ok(()),
    }
}

/// The address in a word that was probably meant as a URL, without what stands for its scheme.
fn address(text: &str) -> Option<String> {
    let schemed = text.split_once("://").filter(|(scheme, _)| is_name(scheme));
    let slashed = || Some(("", text.strip_prefix("//")?.trim_start_matches('/')));
    let misspelled = || {
        let (scheme, rest) = text.split_once(":/")?;
        ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()).then_some((scheme, rest))
    };
    if let Some((_, rest)) = schemed.or_else(slashed).or_else(misspelled) {
        let rest = rest.trim_start_matches('/');
        return (!rest.is_empty()).then(|| rest.to_owned());
    }
    let (authority, path) = text.split_once('/').map_or((text, None), |(a, path)| (a, Some(path)));
    let is_host = match authority.rsplit_once(':') {
        Some((host, port)) => {
            !host.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        }
        // A path also has slashes.
        None => path.is_some() && (authority == "localhost" || is_domain(authority)),
    };
    is_host.then(|| text.to_owned())
}

/// Whether this has the form of the name of a machine on the internet.
fn is_domain(text: &str) -> bool {
    let mut labels = text.split('.');
    let top = labels.next_back().unwrap_or_default();
    let is_label = |label: &str| !label.is_empty() && is_name(label);
    let is_top = top.len() > 1 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.contains('.') && is_top && labels.all(is_label)
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+".contains(&byte))
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
