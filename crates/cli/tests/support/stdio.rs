//! The fixture without a proxy: what a client receives over stdio.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{LATEST, initialize, process::fixture};

/// A fixture to which the test talks directly.
pub(crate) struct Direct {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Direct {
    /// Starts the fixture in this mode and makes the handshake.
    pub(crate) fn of(mode: &str) -> Self {
        let mut command = Command::new(fixture());
        command.args(mode.split_whitespace());
        let mut direct = Self::with(command);
        direct.ask(&initialize(LATEST));
        direct
    }

    /// Starts any other server, and sends nothing.
    pub(crate) fn with(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the server starts");
        let stdin = process.stdin.take().expect("stdin is piped");
        let stdout = BufReader::new(process.stdout.take().expect("stdout is piped"));
        Self { process, stdin, stdout }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.stdin.write_all(line.as_bytes()).expect("the fixture reads");
        self.stdin.write_all(b"\n").expect("the fixture reads");
    }

    /// The next line, without its end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the fixture writes");
        line.pop();
        line
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.line()
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        // It has ended already, or is ending: in both cases nothing is left to do.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
