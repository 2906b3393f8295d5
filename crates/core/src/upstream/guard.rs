//! A process that outlives the proxy and ends its servers.
//!
//! A well-behaved server ends when its standard input does. For the others there is a small process
//! beside the proxy. It gets the number of every process group that was started. If its own input
//! ends without a farewell, the proxy was killed, and it kills the remaining groups.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, BufRead, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use crate::runtime::orphans::{Own, own};

/// The guard, as the proxy sees it.
#[derive(Clone)]
pub struct Guard {
    child: Arc<Mutex<Child>>,
    _own: Arc<Own>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl Guard {
    /// The first and only argument with which a program becomes a guard.
    pub const ARGUMENT: &str = "--guard-server-processes";

    /// Starts this program as the guard; it must call [`groups_left`] and end those groups.
    pub fn start(program: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .arg(Self::ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // A signal for the proxy's whole group is not meant for its guard.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let (child, own) = own(|| command.spawn(), |child| Some(child.id()))?;
        Ok(Self { child: Arc::new(Mutex::new(child)), _own: Arc::new(own) })
    }

    /// This group must end with the proxy, until the watch is dropped.
    pub(super) fn watch(&self, group: u32) -> Watch {
        self.tell('+', group);
        Watch { guard: self.clone(), group }
    }

    fn tell(&self, sign: char, group: u32) {
        let mut guard = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stdin) = &mut guard.stdin else { return };
        if let Err(error) = stdin.write_all(format!("{sign}{group}\n").as_bytes()) {
            tracing::debug!(%error, "the guard process has ended, so servers may keep running if \
                                     the proxy is killed");
        }
    }
}

/// A process group that the guard watches.
#[derive(Debug)]
pub(super) struct Watch {
    guard: Guard,
    group: u32,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.guard.tell('-', self.group);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(child) = Arc::get_mut(&mut self.child) else { return };
        let child = child.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(child.stdin.take());
        if let Err(error) = child.wait() {
            tracing::debug!(%error, "the guard cannot be waited for");
        }
    }
}

/// In the guard: reads until the proxy has ended; returns the groups that are left.
pub fn groups_left(input: impl BufRead) -> BTreeSet<u32> {
    let mut groups = BTreeSet::new();
    for line in input.lines().map_while(Result::ok) {
        if let Some(group) = line.strip_prefix('+').and_then(|group| group.parse().ok()) {
            groups.insert(group);
        } else if let Some(group) = line.strip_prefix('-').and_then(|group| group.parse().ok()) {
            groups.remove(&group);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_released_is_left() {
        assert_eq!(groups_left(&b"+10\n+20\n-10\nnonsense\n+30"[..]), [20, 30].into());
    }
}
