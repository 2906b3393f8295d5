//! A running contestant, from start to stop.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::time::{sleep, timeout};

use crate::{
    contestant::{self, Contestant, Places, Setup},
    failure::Failure,
    http::HttpConnection,
    request::{Dialect, Target},
    session::{self, Session},
    usage::Usage,
};

const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_micros(250);

/// A contestant's process, in a process group of its own.
#[derive(Debug)]
pub(crate) struct Proxy {
    process: Child,
    pub(crate) target: Target,
    /// Time from start to the first answered `initialize`.
    pub(crate) cold_start: Duration,
}

impl Proxy {
    /// Starts a contestant and waits until it has answered an `initialize`.
    pub(crate) async fn start(
        contestant: Contestant,
        setup: Setup,
        places: &Places,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let port = free_port()?;
        let mut command = contestant::command(contestant, places, setup, port)?
            .ok_or(Failure::NotServed("not served"))?;
        if quiet {
            command.stderr(Stdio::null());
        }
        let target = Target {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            stream_path: contestant.stream_path(setup),
            sse_path: "/sse",
            tool_prefix: contestant.tool_prefix(setup),
        };
        Self::launch(command, target, setup).await
    }

    /// Starts the echo server itself, over HTTP.
    pub(crate) async fn remote(places: &Places) -> Result<Self, Failure> {
        let port = free_port()?;
        let mut command = Command::new(places.echo());
        command.arg(port.to_string());
        let target = Target {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            stream_path: "/mcp",
            sse_path: "/sse",
            tool_prefix: "",
        };
        Self::launch(command, target, Setup::Sessions).await
    }

    async fn launch(mut command: Command, target: Target, setup: Setup) -> Result<Self, Failure> {
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
        let spawned = Instant::now();
        let process = command.spawn()?;
        let mut proxy = Self { process, target, cold_start: Duration::ZERO };
        proxy.wait_until_ready(setup, spawned).await?;
        Ok(proxy)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Signals that its file has changed.
    pub(crate) fn reload(&self) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.process), Signal::HUP)?)
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.pid(), None)
    }

    async fn wait_until_ready(&mut self, setup: Setup, spawned: Instant) -> Result<(), Failure> {
        let dialect = if setup == Setup::Sse { Dialect::Sse } else { Dialect::Streamable };
        loop {
            match timeout(START_LIMIT, first_session(&self.target, dialect, spawned)).await? {
                Ok(cold_start) => {
                    self.cold_start = cold_start;
                    return Ok(());
                }
                Err(failure) if spawned.elapsed() > START_LIMIT => return Err(failure),
                Err(_) => {}
            }
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("exited at start: {status}")).into());
            }
            sleep(RETRY).await;
        }
    }

    /// Asks it to stop, then ends everything that still runs.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        let asked = Instant::now();
        let pid = Pid::from_child(&self.process);
        let _already_gone = kill_process(pid, Signal::TERM);
        while self.process.try_wait()?.is_none() && asked.elapsed() < STOP_LIMIT {
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _already_gone = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        let _reaped = self.process.wait();
    }
}

/// Opens and ends a session; returns the time from `spawned` to the answer to `initialize`.
async fn first_session(
    target: &Target,
    dialect: Dialect,
    spawned: Instant,
) -> Result<Duration, Failure> {
    let mut connection = HttpConnection::open(target.addr).await?;
    let session = Session::open(target, dialect, &mut connection).await?;
    let answered = spawned.elapsed();
    if session.route.headers.contains("mcp-session-id") {
        session::close(target, &session.route, &mut connection).await?;
    }
    Ok(answered)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
