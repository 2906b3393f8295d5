//! What outlives the proxy to see that its servers do not.
//!
//! A server ends when its standard input does, if it is well-behaved. For the others there is a
//! small process beside the proxy: it is told every process group that was started, and when its
//! own input ends without a farewell, because the proxy was killed, it kills what is left.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, BufRead, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use crate::runtime::orphans::{Own, own};

/// The guard of a proxy, as seen from the proxy.
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
    /// First and only argument of the program that is a guard.
    pub const ARGUMENT: &str = "--guard-server-processes";

    /// Starts this program as the guard; it has to call [`groups_left`] and end those groups.
    pub fn start(program: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .arg(Self::ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // A signal for the whole group of the proxy is not meant for its guard.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let (child, own) = own(|| command.spawn(), |child| Some(child.id()))?;
        Ok(Self { child: Arc::new(Mutex::new(child)), _own: Arc::new(own) })
    }

    /// This group is to end with the proxy, until the watch is dropped.
    pub(super) fn watch(&self, group: u32) -> Watch {
        self.tell('+', group);
        Watch { guard: self.clone(), group }
    }

    fn tell(&self, sign: char, group: u32) {
        let mut guard = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stdin) = &mut guard.stdin else { return };
        if let Err(error) = stdin.write_all(format!("{sign}{group}\n").as_bytes()) {
            tracing::debug!(%error, "nobody guards the servers any more");
        }
    }
}

/// A process group under guard.
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

/// In the guard: reads until the proxy has gone; the groups that it has left behind.
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
