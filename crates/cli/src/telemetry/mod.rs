//! Where events go: the original's console lines unchanged to stdout and stderr, the log to stderr.
//!
//! Scripts wait for the console lines (`starting server on port 8080`), so nothing filters or
//! decorates them on stdout. `--logLevel` or `RUST_LOG` decides what else is logged; messages are
//! shown only with `--debug`, whatever these say. With `--logFormat json` every line of stderr is
//! an object.

mod background;
mod lines;
#[cfg(feature = "otlp")]
mod otlp;
mod part;
mod sparing;

use std::{env, io};

use mcp_proxy_core::{
    Meter,
    telemetry::{CALLS, CONSOLE, CONSOLE_ERROR, SERVER, TRAFFIC},
};
use tracing::Metadata;
use tracing_subscriber::{
    Layer,
    filter::{FilterExt as _, FilterFn, LevelFilter, Targets, filter_fn},
    fmt::{MakeWriter, layer},
    layer::SubscriberExt,
    registry::Registry,
    util::SubscriberInitExt,
};

use crate::paint::Paint;
use background::Background;
use lines::{Clean, Line};
pub(crate) use part::BEGINNING;
use part::{OURS, Part};
use sparing::Sparing;

/// The lowest level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    /// The words for them.
    pub(crate) const CHOICES: &[(&str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// Format of the lines on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// An object per line.
    Json,
}

impl Format {
    /// The words for them.
    pub(crate) const CHOICES: &[(&str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

/// The log settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logging {
    /// Whether to show the traffic.
    pub(crate) debug: bool,
    /// The lowest level, unless `RUST_LOG` sets it.
    pub(crate) level: Level,
    /// Format of the lines.
    pub(crate) format: Format,
}

/// Must live as long as something may be logged; when dropped, waits for the last lines.
pub(crate) struct Installed {
    outputs: [Background; 2],
    #[cfg(feature = "otlp")]
    export: std::sync::Mutex<Option<otlp::Export>>,
}

impl Installed {
    /// Whether metrics are sent.
    pub(crate) fn sends_metrics(&self) -> bool {
        #[cfg(feature = "otlp")]
        return self.lock().as_ref().is_some_and(otlp::Export::sends_metrics);
        #[cfg(not(feature = "otlp"))]
        return false;
    }

    /// Sends these metrics, if [`sends_metrics`](Self::sends_metrics).
    pub(crate) fn measure(&self, meter: Option<Meter>) {
        #[cfg(feature = "otlp")]
        if let (Some(export), Some(meter)) = (&mut *self.lock(), meter) {
            export.measure(meter);
        }
        #[cfg(not(feature = "otlp"))]
        drop(meter);
    }

    #[cfg(feature = "otlp")]
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<otlp::Export>> {
        self.export.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        #[cfg(feature = "otlp")]
        drop(self.lock().take());
        self.outputs.iter().for_each(Background::flush);
    }
}

/// Installs the subscriber of the process; a second call changes nothing.
pub(crate) fn install(logging: Logging) -> Installed {
    let directives = env::var("RUST_LOG").ok();
    let log = Log { directives, logging, paint: Paint::for_output(&io::stderr()) };
    let outputs = [Background::new(io::stdout()), Background::new(io::stderr())];
    let [stdout, stderr] = outputs.clone();
    let parts = parts(&log, stdout, stderr);
    #[cfg(feature = "otlp")]
    let (parts, export) = match otlp::Export::wanted(|| log.filter()) {
        Some((export, layers)) => (parts.into_iter().chain(layers).collect(), Some(export)),
        None => (parts, None),
    };
    drop(Registry::default().with(parts).try_init());
    let installed = Installed {
        outputs,
        #[cfg(feature = "otlp")]
        export: std::sync::Mutex::new(export),
    };
    #[cfg(feature = "otlp")]
    if let Some(export) = &mut *installed.lock() {
        export.complain();
    }
    installed
}

/// How the log is written.
struct Log {
    /// `RUST_LOG`.
    directives: Option<String>,
    logging: Logging,
    paint: Paint,
}

impl Log {
    /// An invalid directive is ignored.
    fn filter(&self) -> Targets {
        let directives = self.directives.as_deref().unwrap_or_default().split(',');
        let directives = directives.map(str::trim).filter(|directive| !directive.is_empty());
        let read: Vec<Targets> =
            directives.filter_map(|directive| directive.parse().ok()).collect();
        let unset = Targets::new().with_default(self.logging.level.filter());
        let start = if read.is_empty() { unset } else { Targets::new() };
        let filter = read.into_iter().fold(start, |filter, directive| {
            let filter = match directive.default_level() {
                Some(level) => filter.with_default(level),
                None => filter,
            };
            filter.with_targets(directive)
        });
        if self.logging.debug { filter.with_target(OURS, LevelFilter::DEBUG) } else { filter }
    }
}

fn parts<O, E>(log: &Log, stdout: O, stderr: E) -> Vec<Part>
where
    O: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
    E: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let console = only(LevelFilter::INFO, |target| target == CONSOLE);
    let beginning = only(LevelFilter::INFO, |target| target == BEGINNING);
    let output = || layer().with_writer(stdout.clone());
    let mut parts: Vec<Part> = vec![
        output().event_format(Line::Verbatim).with_filter(console).boxed(),
        output().event_format(Line::Part).with_filter(beginning).boxed(),
    ];
    match log.logging.format {
        Format::Text => parts.extend(text(log, stderr)),
        Format::Json => parts.extend(json(log, stderr)),
    }
    parts
}

/// Text for people; if it is not for a terminal, with the date and the module.
fn text<E>(log: &Log, stderr: E) -> [Part; 4]
where
    E: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let paint = log.paint;
    let sparing = || sparing(&stderr, log.logging.format);
    let console = only(LevelFilter::INFO, |target| target == CONSOLE_ERROR).and(sparing());
    let console =
        layer().event_format(Line::Verbatim).with_writer(stderr.clone()).with_filter(console);
    let most = if log.logging.debug { LevelFilter::DEBUG } else { LevelFilter::OFF };
    let traffic = only(most, |target| target == TRAFFIC);
    let traffic =
        layer().event_format(Line::Traffic(paint)).with_writer(stderr.clone()).with_filter(traffic);
    let server = only(LevelFilter::INFO, |target| target == SERVER).and(log.filter());
    let server =
        layer().event_format(Line::Server(paint)).with_writer(stderr.clone()).with_filter(server);
    let rest = only(LevelFilter::TRACE, is_ordinary).and(log.filter()).and(sparing());
    let entries = if paint.is_on() {
        layer()
            .event_format(Line::Entry(paint))
            .with_writer(stderr.clone())
            .with_filter(rest)
            .boxed()
    } else {
        layer()
            .with_ansi(false)
            .map_event_format(Clean::<_, false>)
            .with_writer(stderr.clone())
            .with_filter(rest)
            .boxed()
    };
    [console.boxed(), traffic.boxed(), server.boxed(), entries]
}

/// Reports on the same output how many warnings were left out.
fn sparing<E>(stderr: &E, format: Format) -> Sparing
where
    E: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let stderr = stderr.clone();
    Sparing::new(move |left_out| {
        let text = format!("{left_out} warnings like the next one were left out");
        let line = match format {
            Format::Text => format!("[mcp-proxy] {text}\n"),
            Format::Json => format!(r#"{{"level":"WARN","message":"{text}"}}{}"#, "\n"),
        };
        // A closed pipe is not our failure.
        drop(io::Write::write_all(&mut stderr.make_writer(), line.as_bytes()));
    })
}

fn json<E>(log: &Log, stderr: E) -> [Part; 2]
where
    E: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let debug = log.logging.debug;
    let most = if debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let always = only(most, move |target| match target {
        CONSOLE_ERROR | SERVER => true,
        TRAFFIC => debug,
        _ => false,
    });
    let rest = only(LevelFilter::TRACE, is_ordinary).and(log.filter());
    let output = || {
        layer()
            .json()
            .flatten_event(true)
            .map_event_format(Clean::<_, true>)
            .with_writer(stderr.clone())
    };
    let sparing = || sparing(&stderr, log.logging.format);
    [
        output().with_filter(always.and(sparing())).boxed(),
        output().with_filter(rest.and(sparing())).boxed(),
    ]
}

/// What has one of these targets and is at most this detailed.
///
/// A layer has one filter. If a filter is put around a filtered layer, the outer one counts as
/// somebody who wants whatever it lets pass: spans of libraries would be made for nobody.
fn only(
    most: LevelFilter,
    wanted: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    filter_fn(move |metadata| *metadata.level() <= most && wanted(metadata.target()))
        .with_max_level_hint(most)
}

/// Whether levels apply to it. Spans of calls add nothing to a log, and cost each call.
fn is_ordinary(target: &str) -> bool {
    !matches!(target, BEGINNING | CALLS | CONSOLE | CONSOLE_ERROR | SERVER | TRAFFIC)
}

#[cfg(test)]
mod tests;
