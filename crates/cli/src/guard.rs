//! The guard process: ends the servers of a proxy that could not do it itself.
//!
//! The proxy starts its own program once more with [`Guard::ARGUMENT`]; this is all that then runs.

use std::{io, path::PathBuf};

use mcp_proxy_core::Guard;

use crate::Ending;

/// A guard for the servers of this process; without one they may survive its being killed.
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

/// Windows ends the servers' job object with the proxy.
fn program() -> Option<PathBuf> {
    if cfg!(unix) { std::env::current_exe().ok() } else { None }
}

/// What the guard does.
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

    /// Time between the request to stop and the end of patience.
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
