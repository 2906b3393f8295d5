//! Processes: where the fixture is, what they print, whether they live.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::PathBuf,
    process::Command,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::DEADLINE;

/// The fixture, in the same target folder as the binary under test.
pub(crate) fn fixture() -> PathBuf {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_mcp-proxy"));
    let path = built.with_file_name(format!("fixture{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build -p mcp-proxy-core --bin fixture`",
        path.display()
    );
    path
}

/// What a process has written to one of its streams so far, and whether the stream has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Printed(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Printed {
    pub(crate) fn follow(stream: impl Read + Send + 'static) -> Self {
        let printed = Self::default();
        let writer = printed.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let text = String::from_utf8_lossy(&line).into_owned();
                writer.change(|lines| lines.lines.push(text));
            }
            writer.change(|lines| lines.ended = true);
        });
        printed
    }

    fn change(&self, apply: impl FnOnce(&mut Lines)) {
        apply(&mut self.0.0.lock().expect("printed lines"));
        self.0.1.notify_all();
    }

    /// The first line that satisfies `wanted`; `None` when the stream ends without one.
    pub(crate) fn line(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let found = |lines: &Lines| lines.lines.iter().find(|line| wanted(line)).cloned();
        let (lines, timeout) = self
            .0
            .1
            .wait_timeout_while(self.0.0.lock().expect("printed lines"), DEADLINE, |lines| {
                !lines.ended && found(lines).is_none()
            })
            .expect("printed lines");
        let (found, printed) = (found(&lines), lines.lines.join("\n"));
        drop(lines);
        assert!(!timeout.timed_out(), "the line never came; printed so far:\n{printed}");
        found
    }

    /// The line of this number; `None` when the stream ends before it.
    pub(crate) fn nth(&self, number: usize) -> Option<String> {
        let (lines, timeout) = self
            .0
            .1
            .wait_timeout_while(self.0.0.lock().expect("printed lines"), DEADLINE, |lines| {
                !lines.ended && lines.lines.len() <= number
            })
            .expect("printed lines");
        assert!(!timeout.timed_out(), "line {number} never came");
        lines.lines.get(number).cloned()
    }

    /// Everything printed, once the stream has ended.
    pub(crate) fn all(&self) -> String {
        self.line(|_| false);
        self.0.0.lock().expect("printed lines").lines.join("\n")
    }

    /// Everything printed until now.
    pub(crate) fn so_far(&self) -> String {
        self.0.0.lock().expect("printed lines").lines.join("\n")
    }
}

/// Whether a process has ended; a zombie that was not reaped counts as ended.
pub(crate) fn is_gone(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output();
    let state = state.expect("ps runs").stdout;
    state.is_empty() || state.starts_with(b"Z")
}

/// Polls until there is an answer; fails after the deadline.
pub(crate) fn wait_for<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited without success until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
