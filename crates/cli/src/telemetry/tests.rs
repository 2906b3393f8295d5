//! Which event goes to which stream, and in which format.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use mcp_proxy_core::telemetry::CALLS;
use tracing_subscriber::{Layer, layer::SubscriberExt as _, registry::Registry};

use super::{Format, Level, Log, Logging, parts};
use crate::paint::Paint;

/// A stream that records what is written to it.
#[derive(Clone, Default)]
struct Stream(Arc<Mutex<Vec<u8>>>);

impl Stream {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `emit` and returns what was written to stdout and stderr.
fn written(directives: Option<&str>, debug: bool, emit: impl FnOnce()) -> (String, String) {
    let logging = Logging { debug, level: Level::Warn, format: Format::Text };
    written_as(logging, directives, emit)
}

fn written_as(logging: Logging, directives: Option<&str>, emit: impl FnOnce()) -> (String, String) {
    let (stdout, stderr) = (Stream::default(), Stream::default());
    let log = Log { directives: directives.map(str::to_owned), logging, paint: Paint::PLAIN };
    let (out, err) = (stdout.clone(), stderr.clone());
    let parts = parts(&log, move || out.clone(), move || err.clone());
    let subscriber = Registry::default().with(parts);
    tracing::subscriber::with_default(subscriber, emit);
    (stdout.text(), stderr.text())
}

#[test]
fn console_lines_are_raw_and_never_filtered() {
    for directives in [None, Some("off"), Some("error")] {
        let (out, err) = written(directives, false, || {
            tracing::info!(target: "mcp_proxy::console", port = 8080, "starting server on port {}", 8080);
            tracing::info!(target: "mcp_proxy::console", "{}", "a \"quoted\" \\ line");
            tracing::error!(target: "mcp_proxy::console_error", "could not start the proxy");
        });
        assert_eq!(out, "starting server on port 8080\na \"quoted\" \\ line\n", "{directives:?}");
        assert_eq!(err, "could not start the proxy\n", "{directives:?}");
    }
}

#[test]
fn spans_of_calls_are_made_for_exporters_only() {
    for directives in [None, Some("trace")] {
        for format in [Format::Text, Format::Json] {
            let logging = Logging { debug: true, level: Level::Info, format };
            written_as(logging, directives, || {
                assert!(!tracing::span_enabled!(target: CALLS, tracing::Level::INFO));
            });
        }
    }
}

#[test]
fn what_libraries_trace_costs_nothing_unless_it_is_logged() {
    for format in [Format::Text, Format::Json] {
        for debug in [false, true] {
            let logging = Logging { debug, level: Level::Info, format };
            let log = Log { directives: None, logging, paint: Paint::PLAIN };
            let parts = parts(&log, io::sink, io::sink);
            let most = if debug { Level::Debug } else { Level::Info };
            assert_eq!(Layer::<Registry>::max_level_hint(&parts), Some(most.filter()));
            written_as(logging, None, || {
                assert!(!tracing::span_enabled!(target: "h2", tracing::Level::TRACE));
                assert!(tracing::trace_span!(target: "h2", "frame").is_none());
                assert!(!tracing::event_enabled!(target: "h2", tracing::Level::DEBUG));
            });
            written_as(logging, Some("h2=trace"), || {
                assert!(tracing::span_enabled!(target: "h2", tracing::Level::TRACE));
            });
        }
    }
}

#[test]
fn the_log_holds_warnings_unless_told_otherwise() {
    let emit = || {
        tracing::debug!(target: "mcp_proxy::traffic", summary = "", "traffic");
        tracing::debug!(target: "mcp_proxy_core::session", "detail");
        tracing::debug!(target: "hyper", "foreign detail");
        tracing::info!(target: "mcp_proxy_core::session", "news");
        tracing::warn!(target: "mcp_proxy_core::session", "trouble");
    };
    for (directives, debug, shown) in [
        (None, false, vec!["trouble"]),
        (Some(""), false, vec!["trouble"]),
        (None, true, vec!["traffic", " detail", "news", "trouble"]),
        (Some("mcp_proxy=info"), false, vec!["news", "trouble"]),
        (Some("hyper=debug"), false, vec!["foreign detail"]),
        (
            Some("hyper=debug"),
            true,
            vec!["traffic", " detail", "foreign detail", "news", "trouble"],
        ),
        (Some("off"), false, vec![]),
        (Some("=:nonsense,mcp_proxy=info"), false, vec!["news", "trouble"]),
    ] {
        let (out, err) = written(directives, debug, emit);
        assert_eq!(out, "");
        assert_eq!(err.lines().count(), shown.len(), "{directives:?} {debug}: {err}");
        for (line, expected) in err.lines().zip(shown) {
            assert!(line.ends_with(expected), "{line}");
        }
    }
}

/// A message on its way, as the core reports it.
fn pass() {
    tracing::debug!(
        target: "mcp_proxy::traffic",
        direction = "->",
        session = "0a1b2c3d",
        summary = "tools/call echo #1",
        "{}",
        r#"{"id":1}"#
    );
}

#[test]
fn traffic_is_one_readable_line() {
    let (_, err) = written(None, true, pass);
    let (time, rest) = err.split_once(' ').unwrap();
    assert_eq!(time.len(), "12:34:56.789".len());
    assert_eq!(rest, "0a1b2c3d → tools/call echo #1  {\"id\":1}\n");
}

#[test]
fn messages_are_never_logged_without_debug() {
    for directives in ["trace", "mcp_proxy::traffic=trace", "mcp_proxy=debug"] {
        for format in [Format::Text, Format::Json] {
            let logging = Logging { debug: false, level: Level::Trace, format };
            assert_eq!(written_as(logging, Some(directives), pass).1, "", "{directives}");
        }
    }
}

#[test]
fn the_level_counts_unless_the_environment_says_more() {
    let emit = || {
        tracing::error!("e");
        tracing::warn!("w");
        tracing::info!("i");
        tracing::debug!("d");
        tracing::trace!("t");
    };
    for (index, (_, level)) in Level::CHOICES.iter().enumerate() {
        let logging = Logging { debug: false, level: *level, format: Format::Text };
        let count = |directives| written_as(logging, directives, emit).1.lines().count();
        assert_eq!(count(None), index + 1);
        assert_eq!(count(Some("info")), 3);
    }
}

#[test]
fn every_line_of_stderr_is_an_object() {
    let logging = Logging { debug: true, level: Level::Warn, format: Format::Json };
    let (out, err) = written_as(logging, Some("off"), || {
        tracing::info!(target: "mcp_proxy::console", "starting server on port 8080");
        tracing::error!(target: "mcp_proxy::console_error", "[mcp-proxy] \"quoted\"");
        tracing::info!(target: "mcp_proxy::server", "a line of the server");
        pass();
    });
    assert_eq!(out, "starting server on port 8080\n");
    let lines: Vec<serde_json::Value> =
        err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let texts: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(texts, ["[mcp-proxy] \"quoted\"", "a line of the server", "{\"id\":1}"]);
    assert_eq!(lines[1]["target"], "mcp_proxy::server");
    assert_eq!(lines[2]["session"], "0a1b2c3d");
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
}

#[test]
fn what_peers_say_moves_no_cursor_and_makes_no_line() {
    let evil = "a\u{1b}[2J\u{202e}b\r\nWARN forged";
    for format in [Format::Text, Format::Json] {
        let logging = Logging { debug: true, level: Level::Warn, format };
        let (out, err) = written_as(logging, None, || {
            tracing::info!(target: "mcp_proxy::console", "{evil}");
            tracing::warn!(target: "mcp_proxy::console_error", "{evil}");
            tracing::warn!(target: "mcp_proxy_core::session", name = evil, "{evil}");
            tracing::debug!(target: "mcp_proxy::traffic", summary = evil, "{evil}");
        });
        for letter in ['\u{1b}', '\r', '\u{202e}'] {
            assert!(!out.contains(letter) && !err.contains(letter), "{letter:?} in {out}{err}");
        }
        let forged = err.lines().filter(|line| line.starts_with("WARN forged")).count();
        let console = usize::from(format == Format::Text);
        assert_eq!(forged, console, "a line of the console may have several: {err}");
    }
}

#[test]
fn warnings_of_one_kind_are_counted_beyond_the_first_ones() {
    let (_, err) = written(None, false, || {
        for number in 0..1000 {
            tracing::warn!(target: "mcp_proxy_core::session", "trouble {number}");
            tracing::error!(target: "mcp_proxy_core::session", "disaster {number}");
        }
        tracing::warn!(target: "mcp_proxy_core::session", "another kind");
    });
    let count = |text: &str| err.lines().filter(|line| line.contains(text)).count();
    assert!((100..500).contains(&count("trouble")), "{}", count("trouble"));
    assert_eq!((count("disaster"), count("another kind")), (1000, 1));
}
