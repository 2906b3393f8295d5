//! The guard process: ends the servers of a proxy that was killed.
//!
//! The proxy starts its own program again with [`Guard::ARGUMENT`], which then runs only this.

use std::{io, path::PathBuf};

use mcp_proxy_core::Guard;

use crate::Ending;

/// A guard for the servers of this process; without one they may survive if the process is killed.
pub(crate) fn start() -> Option<Guard> {
    let program = program()?;
    match Guard::start(&program) {
        Ok(guard) => Some(guard),
        Err(error) => {
            tracing::warn!(%error, "servers may keep running if the proxy is killed");
            None
        }
    }
}

/// On Windows, the servers' job object ends with the proxy.
fn program() -> Option<PathBuf> {
    if cfg!(unix) { std::env::current_exe().ok() } else { None }
}

/// The guard's work.
pub(crate) fn run() -> Ending {
    let groups = mcp_proxy_core::groups_left(io::stdin().lock());
    #[cfg(unix)]
    end(&groups);
    #[cfg(not(unix))]
    drop(groups);
    Ending::Success
}

#[cfg(unix)]
fn end(groups: &std::collections::BTreeSet<u32>) {
    use std::{thread, time::Duration};

    use nix::{
        sys::signal::{Signal, killpg},
        unistd::Pid,
    };

    /// Time between the request to stop and SIGKILL.
    const GRACE: Duration = Duration::from_millis(500);

    let signal = |signal| {
        let groups = groups.iter().filter_map(|&group| i32::try_from(group).ok());
        groups
            .filter(|&group| group > 1)
            .filter(|&group| killpg(Pid::from_raw(group), signal).is_ok())
            .count()
    };
    if signal(Signal::SIGTERM) > 0 {
        thread::sleep(GRACE);
        signal(Signal::SIGKILL);
    }
}
