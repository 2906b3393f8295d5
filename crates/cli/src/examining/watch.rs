//! Progress of an examination: a line for each stage, on standard error.

use std::{io, sync::Arc};

use mcp_proxy_core::doctor::{Outcome, Progress, Severity, Stage, Watching};

use crate::{console, paint::Paint, plain::one_line};

/// Longest detail of a line.
const LONGEST: usize = 80;

/// See the module.
pub(super) fn watching() -> Watching {
    let paint = Paint::for_output(&io::stderr());
    Arc::new(move |server, progress| {
        let server = server.map(|name| format!("{:<16} ", one_line(name, 40))).unwrap_or_default();
        match progress {
            // With several servers at once, the last line of a terminal cannot be shared.
            Progress::Begins(name) if server.is_empty() && paint.is_on() => {
                console::status(&format!("  {}", paint.dim(format!("{name} …"))));
            }
            Progress::Begins(_) => {}
            Progress::Ended(stage) => {
                if paint.is_on() {
                    console::status("");
                }
                console::complain(&line(&server, stage, paint));
            }
        }
    })
}

fn line(server: &str, stage: &Stage, paint: Paint) -> String {
    let mark = match (stage.outcome, stage.worst()) {
        (Outcome::Skipped, _) => paint.dim("-").to_string(),
        (Outcome::Failed, _) | (_, Some(Severity::Error)) => paint.red("✗").to_string(),
        (_, Some(Severity::Warning)) => paint.yellow("!").to_string(),
        _ => paint.green("✓").to_string(),
    };
    let detail = one_line(&stage.detail, LONGEST);
    let detail = if detail.is_empty() {
        let worst = stage.findings.iter().max_by_key(|finding| finding.code.severity);
        worst.map(|finding| finding.code.title.to_owned()).unwrap_or_default()
    } else {
        detail
    };
    format!("{mark} {}{:<10} {}", server, stage.name, paint.dim(detail)).trim_end().to_owned()
}
