//! Formats of single lines: console lines unchanged, traffic and log entries for people.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mcp_proxy_core::telemetry::{on_one_line, server, visible};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::{paint::Paint, plain::plain};

/// The format of an event's line.
#[derive(Clone, Copy)]
pub(super) enum Line {
    /// Only its message.
    Verbatim,
    /// Only its message, without a line end.
    Part,
    /// A message of the traffic: time, direction, session, summary, and the whole text.
    Traffic(Paint),
    /// A line of a server's standard error.
    Server(Paint),
    /// An entry of the log, for a user at a terminal.
    Entry(Paint),
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match *self {
            Self::Verbatim => verbatim(&mut writer, event)?,
            Self::Part => return verbatim(&mut writer, event),
            Self::Server(paint) => {
                let mut text = String::new();
                verbatim(&mut Writer::new(&mut text), event)?;
                write!(writer, "{}", paint.dim(plain(&text)))?;
            }
            Self::Traffic(paint) => traffic(&mut writer, event, paint)?,
            Self::Entry(paint) => {
                beginning(&mut writer, *event.metadata().level(), paint)?;
                let mut fields = String::new();
                context.format_fields(Writer::new(&mut fields), event)?;
                writer.write_str(&on_one_line(&fields))?;
                if let Some(server) = server() {
                    write!(writer, " {}", paint.dim(format!("server={server:?}")))?;
                }
            }
        }
        writeln!(writer)
    }
}

fn verbatim(writer: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
    let mut message = Message::default();
    event.record(&mut message);
    let Message { text, is_painted } = message;
    writer.write_str(&if is_painted { text.into() } else { visible(&text) })
}

/// The field called `message`, and whether it was painted here.
#[derive(Default)]
struct Message {
    text: String,
    is_painted: bool,
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.text);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.is_painted |= value && field.name() == "painted";
    }
}

/// Wraps another format: each line is a single line, safe for terminals, and names its server if
/// there are several; a JSON object, or a text.
pub(super) struct Clean<F, const JSON: bool>(pub(super) F);

impl<S, N, F, const JSON: bool> FormatEvent<S, N> for Clean<F, JSON>
where
    F: FormatEvent<S, N>,
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end_matches('\n');
        match (server(), line.strip_suffix('}').filter(|_| JSON)) {
            (Some(server), Some(open)) => {
                let server = serde_json::Value::from(&*server);
                writer.write_str(&on_one_line(&format!(r#"{open},"server":{server}}}"#)))?;
            }
            (Some(server), None) => {
                writer.write_str(&on_one_line(&format!("{line} server={server:?}")))?;
            }
            (None, _) => writer.write_str(&on_one_line(line))?,
        }
        writeln!(writer)
    }
}

fn traffic(writer: &mut Writer<'_>, event: &Event<'_>, paint: Paint) -> fmt::Result {
    let mut passing = Passing::default();
    event.record(&mut passing);
    let Passing { direction, session, summary, message } = passing;
    let (summary, message) = (on_one_line(&summary), on_one_line(&message));
    write!(writer, "{} {} ", paint.dim(time_of_day()), paint.dim(format!("{session:8}")))?;
    match (direction.as_str(), summary.starts_with("error")) {
        ("->", _) => write!(writer, "{} {}", paint.cyan("→"), paint.bold(summary))?,
        (_, true) => write!(writer, "{} {}", paint.red("←"), paint.red(summary))?,
        (_, false) => write!(writer, "{} {}", paint.green("←"), summary)?,
    }
    write!(writer, "  {}", paint.dim(message))
}

/// The fields of a traffic event.
#[derive(Default)]
struct Passing {
    direction: String,
    session: String,
    summary: String,
    message: String,
}

impl Visit for Passing {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let slot = match field.name() {
            "direction" => &mut self.direction,
            "session" => &mut self.session,
            "summary" => &mut self.summary,
            "message" => &mut self.message,
            _ => return,
        };
        value.clone_into(slot);
    }
}

/// The beginning of an entry, before its message.
fn beginning(writer: &mut Writer<'_>, level: Level, paint: Paint) -> fmt::Result {
    write!(writer, "{} ", paint.dim(time_of_day()))?;
    match level {
        Level::ERROR => write!(writer, "{} ", paint.red("error")),
        Level::WARN => write!(writer, "{}  ", paint.yellow("warn")),
        Level::INFO => write!(writer, "{}  ", paint.green("info")),
        Level::DEBUG => write!(writer, "{} ", paint.dim("debug")),
        Level::TRACE => write!(writer, "{} ", paint.dim("trace")),
    }
}

/// `12:34:56.789`, in UTC.
fn time_of_day() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    clock_face(since.unwrap_or_default())
}

fn clock_face(since: Duration) -> String {
    let seconds = since.as_secs() % (24 * 60 * 60);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_wraps() {
        let day = Duration::from_hours(24);
        assert_eq!(clock_face(day * 3 + Duration::from_millis(45_296_789)), "12:34:56.789");
        assert_eq!(clock_face(day), "00:00:00.000");
    }
}
