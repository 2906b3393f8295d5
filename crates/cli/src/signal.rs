//! Signals that ask the process to stop.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The requests to stop, from the moment they are installed.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    signals: [Signal; 3],
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
        })
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
