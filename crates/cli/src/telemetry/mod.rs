//! Where events go: the original's console lines to stdout and stderr as they are, the log to stderr.
//!
//! Scripts wait for the console lines (`starting server on port 8080`), so nothing filters or
//! decorates them; the log obeys `RUST_LOG` and `--debug`.

use std::{
    env, fmt,
    io::{self, IsTerminal},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::filter_fn,
    fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, format::Writer, layer},
    layer::SubscriberExt,
    registry::{LookupSpan, Registry},
    util::SubscriberInitExt,
};

/// Target of the lines that the original prints on stdout.
const CONSOLE: &str = "mcp_proxy::console";
/// Target of the lines that the original prints on stderr.
const CONSOLE_ERROR: &str = "mcp_proxy::console_error";
/// What `--debug` adds: our own targets, `mcp_proxy::traffic` among them.
const DEBUG: &str = "mcp_proxy=debug";

/// Installs the subscriber of the process; a second call changes nothing.
pub(crate) fn install(debug: bool) {
    let directives = env::var("RUST_LOG").ok();
    let colours =
        io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = Log { directives, debug, colours };
    drop(subscriber(&log, io::stdout, io::stderr).try_init());
}

/// How the log is written.
struct Log {
    /// `RUST_LOG`.
    directives: Option<String>,
    /// Add what `--debug` shows.
    debug: bool,
    /// Colour the log, for a terminal.
    colours: bool,
}

impl Log {
    /// Warnings unless `RUST_LOG` says otherwise; a directive that cannot be read is left out.
    fn filter(&self) -> EnvFilter {
        let directives = self.directives.as_deref().filter(|directives| !directives.is_empty());
        let filter = EnvFilter::builder().parse_lossy(directives.unwrap_or("warn"));
        match DEBUG.parse() {
            Ok(directive) if self.debug => filter.add_directive(directive),
            _ => filter,
        }
    }
}

fn subscriber<O, E>(log: &Log, stdout: O, stderr: E) -> impl Subscriber + Send + Sync
where
    O: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    E: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let only = |target: &'static str| filter_fn(move |meta| meta.target() == target);
    let console = layer().event_format(Verbatim).with_writer(stdout).with_filter(only(CONSOLE));
    let console_error =
        layer().event_format(Verbatim).with_writer(stderr.clone()).with_filter(only(CONSOLE_ERROR));
    let rest = filter_fn(|meta| !matches!(meta.target(), CONSOLE | CONSOLE_ERROR));
    let log_lines = layer()
        .with_ansi(log.colours)
        .with_writer(stderr)
        .with_filter(log.filter())
        .with_filter(rest);
    Registry::default().with(console).with(console_error).with(log_lines)
}

/// Writes the message of an event and nothing else.
struct Verbatim;

impl<S, N> FormatEvent<S, N> for Verbatim
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = Message { writer: &mut writer, result: Ok(()) };
        event.record(&mut message);
        message.result?;
        writeln!(writer)
    }
}

/// Writes the field called `message`.
struct Message<'a, 'w> {
    writer: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" && self.result.is_ok() {
            self.result = write!(self.writer, "{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" && self.result.is_ok() {
            self.result = self.writer.write_str(value);
        }
    }
}

#[cfg(test)]
mod tests;
