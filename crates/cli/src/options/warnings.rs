//! Settings that are valid but probably not meant.

use std::ffi::OsString;

use mcp_proxy_core::config::{CommandConfig, Isolation};

use super::cluster;
use crate::args::{Values, flags};

/// See the module.
pub(super) fn warnings(values: &Values, ignored: &[OsString]) -> Vec<String> {
    let mut warnings = Vec::new();
    if !ignored.is_empty() {
        let words: Vec<_> = ignored.iter().map(|word| word.to_string_lossy()).collect();
        warnings.push(format!(
            "ignored before --: {}; the command is what comes after --",
            words.join(" ")
        ));
    }
    let isolation = values.of(&flags::ISOLATION).unwrap_or_default();
    if isolation == Isolation::Request && !values.of(&flags::STATELESS).unwrap_or_default() {
        warnings.push(
            "--isolation request without --stateless: clients that open sessions have a server for \
             each session, as with --isolation session"
                .to_owned(),
        );
    }
    if isolation == Isolation::Shared && values.has(&flags::CHILD_IDLE_TIMEOUT) {
        warnings.push("--childIdleTimeout has no effect on a shared server".to_owned());
    }
    warnings.extend(cluster::warnings(values));
    if values.has(&flags::METRICS_HOST) && !values.has(&flags::METRICS_PORT) {
        warnings.push("--metricsHost has no effect without --metricsPort".to_owned());
    }
    let inspected = values.has(&flags::INSPECT) || values.has(&flags::INSPECT_PORT);
    if values.has(&flags::INSPECT_RAW) && !inspected {
        warnings.push("--inspectRaw has no effect without --inspect".to_owned());
    }
    let unrecorded = !values.has(&flags::RECORD);
    if unrecorded && (values.has(&flags::RECORD_MAX_SIZE) || values.has(&flags::RECORD_MAX_FILES)) {
        warnings.push(
            "--recordMaxSize and --recordMaxFiles have no effect without --record".to_owned(),
        );
    }
    if values.has(&flags::ENDPOINT) && !values.has(&flags::SERVER) {
        warnings
            .push("--endpoint has no effect without --server sse or --server stream".to_owned());
    }
    warnings
}

/// The warning about `--shell` and a word with a space.
pub(super) fn shell_warning(command: &CommandConfig) -> Option<String> {
    let spaced = |word: &OsString| word.as_encoded_bytes().contains(&b' ');
    // A single word is a whole command line, written for the shell.
    let joined = command.shell && !command.args.is_empty();
    let split = joined && (spaced(&command.program) || command.args.iter().any(spaced));
    split.then(|| {
        "--shell joins the words of the command without quoting, and one of them holds a space: \
         the shell will see it as several words"
            .to_owned()
    })
}
