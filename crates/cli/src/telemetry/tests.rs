//! Which event reaches which stream, and in what shape.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use super::{Log, subscriber};

/// A stream that remembers what was written to it.
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

/// Runs `emit` and returns what reached stdout and stderr.
fn written(directives: Option<&str>, debug: bool, emit: impl FnOnce()) -> (String, String) {
    let (stdout, stderr) = (Stream::default(), Stream::default());
    let log = Log { directives: directives.map(str::to_owned), debug, colours: false };
    let (out, err) = (stdout.clone(), stderr.clone());
    let subscriber = subscriber(&log, move || out.clone(), move || err.clone());
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
fn the_log_holds_warnings_unless_told_otherwise() {
    let emit = || {
        tracing::debug!(target: "mcp_proxy::traffic", "traffic");
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
