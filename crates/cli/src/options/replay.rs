//! Playing recordings: for the proxy's clients, or against a server.

use std::{env, ffi::OsString};

use mcp_proxy_core::{
    config::{CommandConfig, Isolation, Upstream, UpstreamConfig, UpstreamProtocol},
    look_at_recording,
};

use super::answering::answering;
use crate::{
    args::{Typed, UsageError, Values, flags},
    plain::plain,
    replaying::{Replaying, Verifying},
};

/// The comparison that was typed, if it was one.
pub(super) fn verifying(typed: &Typed) -> Result<Option<Verifying>, UsageError> {
    let values = &typed.values;
    let ignored = values.of(&flags::MAY_DIFFER)?;
    let Some(file) = values.of(&flags::VERIFY)? else { return Ok(None) };
    values.check_choices()?;
    let answering = answering(typed)?;
    let form = values.of(&flags::VERIFY_REPORT)?;
    Ok(Some(Verifying { file, answering, ignored, form }))
}

/// The recording to serve on standard input and output, if there is one.
pub(super) fn replaying(values: &Values) -> Result<Option<Replaying>, UsageError> {
    let ignored = values.of(&flags::MAY_DIFFER)?;
    let Some(file) = values.of(&flags::REPLAY)?.filter(|_| values.has(&flags::STDIO)) else {
        return Ok(None);
    };
    let speed = values.of(&flags::REPLAY_SPEED)?;
    Ok(Some(Replaying { file, ignored, speed }))
}

/// The server for a recording: this program again, on standard input and output, one process for
/// each client.
pub(super) fn server(
    values: &Values,
    command: &[OsString],
) -> Result<Option<Upstream>, UsageError> {
    let Some(file) = values.of(&flags::REPLAY)? else { return Ok(None) };
    if !command.is_empty() {
        return Err(UsageError::ReplayAndServer);
    }
    // Each client's server reads it; its faults are reported before the first one starts.
    look_at_recording(&file)
        .map_err(|error| UsageError::Recording(plain(&error.to_string()).into_owned()))?;
    let program = env::current_exe().map_err(|_| UsageError::NoCommand)?;
    let speed = values.of(&flags::REPLAY_SPEED)?.to_string();
    let mut words: Vec<OsString> = vec![
        "--stdio".into(),
        "--replay".into(),
        file.into(),
        "--replaySpeed".into(),
        speed.into(),
    ];
    for word in values.of(&flags::MAY_DIFFER)? {
        words.extend(["--mayDiffer".into(), word.into()]);
    }
    let command = CommandConfig { args: words, ..CommandConfig::new(program) };
    let config = UpstreamConfig {
        isolation: Isolation::Session,
        protocol: UpstreamProtocol::Auto,
        request_timeout: None,
        ..UpstreamConfig::new(command)
    };
    Ok(Some(config.into()))
}
