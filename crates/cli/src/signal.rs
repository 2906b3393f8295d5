//! Signals that ask the process to stop.

use std::io;
#[cfg(unix)]
use std::io::IsTerminal as _;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The requests to stop, from the moment they are installed.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    signals: [Signal; 3],
    /// Whether a user started it at a terminal.
    #[cfg(unix)]
    at_a_terminal: bool,
}

/// The requests to a proxy that follows a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// To stop.
    Stop,
    /// To read its file again.
    Reload,
}

impl Signals {
    /// Takes over SIGINT, SIGTERM and SIGHUP (Ctrl-C elsewhere).
    #[cfg(unix)]
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
            at_a_terminal: io::stdin().is_terminal()
                || io::stdout().is_terminal()
                || io::stderr().is_terminal(),
        })
    }

    /// The next request. SIGHUP means to read the file again, unless the terminal was closed; users
    /// expect that to stop what runs there.
    #[cfg(unix)]
    pub(crate) async fn request(&mut self) -> Request {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => Request::Stop,
            _ = terminate.recv() => Request::Stop,
            _ = hangup.recv() => {
                let is_gone = || std::fs::File::open("/dev/tty").is_err();
                if self.at_a_terminal && is_gone() { Request::Stop } else { Request::Reload }
            }
        }
    }

    /// The next request to stop.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// The next request, which is always to stop.
    #[cfg(not(unix))]
    pub(crate) async fn request(&mut self) -> Request {
        self.next().await;
        Request::Stop
    }

    /// Takes over Ctrl-C.
    #[cfg(not(unix))]
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The next request to stop.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
