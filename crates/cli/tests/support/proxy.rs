//! The binary under test: started on a port of the system's choice, stopped when dropped.

use std::{
    ffi::OsStr,
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use super::{
    Connection, DEADLINE, EventStream, Request, Response, Session,
    process::{Printed, fixture, wait_for},
};

/// A command line that is being built.
#[derive(Debug)]
pub(crate) struct Launch {
    command: Command,
    child: Vec<String>,
}

impl Launch {
    /// The proxy on loopback in front of the fixture in this mode (`"progress 5"`).
    pub(crate) fn new(mode: &str) -> Self {
        let fixture = fixture().display().to_string();
        let child: Vec<String> =
            std::iter::once(fixture).chain(mode.split_whitespace().map(str::to_owned)).collect();
        let words: Vec<&str> = child.iter().map(String::as_str).collect();
        Self::of(&words)
    }

    /// The proxy on loopback in front of this command.
    pub(crate) fn of(child: &[&str]) -> Self {
        Self::by(Command::new(binary()), child)
    }

    /// This complete command, on loopback.
    pub(crate) fn without_child(command: Command) -> Self {
        Self::by(command, &[])
    }

    /// As `of`; the proxy also gets the orphans of its server, as the first process of a container
    /// does.
    pub(crate) fn adopting(child: &[&str]) -> Self {
        let mut command = Command::new(fixture());
        command.arg("adopts").arg(binary());
        Self::by(command, child)
    }

    fn by(mut command: Command, child: &[&str]) -> Self {
        command
            .args(["--port", "0", "--host", "127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { command, child: child.iter().map(|&word| word.to_owned()).collect() }
    }

    pub(crate) fn flags(mut self, flags: &[&str]) -> Self {
        self.command.args(flags);
        self
    }

    pub(crate) fn flag(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.arg(name).arg(value);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(self) -> Proxy {
        let mut proxy = self.spawn();
        let Some(line) = proxy.stdout.line(|line| line.contains("listening on http")) else {
            panic!("the proxy ended at its start:\n{}", proxy.stderr.all());
        };
        proxy.port = port(&line);
        proxy
    }

    /// Starts it without waiting.
    pub(crate) fn spawn(mut self) -> Proxy {
        if !self.child.is_empty() {
            self.command.arg("--").args(&self.child);
        }
        let mut process = self.command.spawn().expect("the binary starts");
        let stdout = Printed::follow(process.stdout.take().expect("stdout is piped"));
        let stderr = Printed::follow(process.stderr.take().expect("stderr is piped"));
        Proxy { process, stdout, stderr, port: 0 }
    }

    /// Starts it and waits until it ends by itself.
    pub(crate) fn run(self) -> Finished {
        self.spawn().finish()
    }
}

/// `MCP_PROXY_BIN` selects another build for the same tests.
fn binary() -> PathBuf {
    std::env::var_os("MCP_PROXY_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_mcp-proxy").into(), PathBuf::from)
}

fn port(line: &str) -> u16 {
    let address = line.split("://").nth(1).expect("a URL").split('/').next().unwrap_or_default();
    let digits = address.rsplit(':').next().unwrap_or_default().trim();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().unwrap_or_else(|_| panic!("no port in {line:?}"))
}

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Proxy {
    process: Child,
    pub(crate) stdout: Printed,
    pub(crate) stderr: Printed,
    pub(crate) port: u16,
}

/// A proxy that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Proxy {
    /// The proxy with default flags in front of the fixture in this mode.
    pub(crate) fn of(mode: &str) -> Self {
        Launch::new(mode).start()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the proxy accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        stream.set_write_timeout(Some(DEADLINE)).expect("a deadline");
        stream.set_nodelay(true).expect("no delay");
        stream
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::new(self.tcp())
    }

    /// One request on a connection of its own, answer read to its end.
    pub(crate) fn send(&self, request: &Request) -> Response {
        self.connect().exchange(request)
    }

    /// One request on a connection of its own whose answer is an event stream.
    pub(crate) fn stream(&self, request: &Request) -> EventStream {
        self.connect().stream(request)
    }

    /// A new session with default options.
    pub(crate) fn session(&self) -> Session<'_> {
        Session::open(self)
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success(), "no process to signal");
    }

    /// Waits for the end of the process.
    pub(crate) fn finish(mut self) -> Finished {
        let process = &mut self.process;
        let status =
            wait_for("the proxy ends", || process.try_wait().expect("it can be waited for"));
        Finished { status, stdout: self.stdout.all(), stderr: self.stderr.all() }
    }

    /// SIGTERM, then the end of the process.
    pub(crate) fn terminate(self) -> Finished {
        self.signal("TERM");
        self.finish()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It has ended already, or is ending: in both cases nothing is left to do.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
