//! Processes that nobody waits for: the first process of a container inherits the orphans of its
//! servers, and must reap them.

#[cfg(target_os = "linux")]
pub use self::linux::reap_orphans;
pub(crate) use self::registry::{Own, own};

mod registry {
    //! Our own children; the code that started them needs their exit status.

    use std::{
        collections::BTreeSet,
        sync::{Mutex, MutexGuard, PoisonError},
    };

    static CHILDREN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

    /// One of our own children, until this is dropped.
    #[derive(Debug)]
    pub(crate) struct Own(Option<u32>);

    /// Starts a child that does not count as an orphan.
    pub(crate) fn own<T, E>(
        start: impl FnOnce() -> Result<T, E>,
        pid: impl FnOnce(&T) -> Option<u32>,
    ) -> Result<(T, Own), E> {
        let mut children = lock();
        let child = start()?;
        let pid = pid(&child);
        children.extend(pid);
        Ok((child, Own(pid)))
    }

    pub(super) fn lock() -> MutexGuard<'static, BTreeSet<u32>> {
        CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    impl Drop for Own {
        fn drop(&mut self) {
            if let Some(pid) = &self.0 {
                lock().remove(pid);
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use nix::{
        sys::{
            prctl::get_child_subreaper,
            wait::{Id, WaitPidFlag, WaitStatus, waitid},
        },
        unistd::{Pid, getpid},
    };
    use tokio::{
        signal::unix::{SignalKind, signal},
        time::timeout,
    };

    use super::registry;

    /// How often orphans are looked for without a signal: one of our own children that was not
    /// waited for yet hides those that ended after it.
    const PERIOD: Duration = Duration::from_secs(1);

    /// Reaps orphans for as long as it is polled, if this process gets any: as the first one of a
    /// container, or as a subreaper.
    #[expect(clippy::infinite_loop, reason = "it runs as long as it is polled")]
    pub async fn reap_orphans() {
        let inherits = getpid() == Pid::from_raw(1) || get_child_subreaper().is_ok_and(|is| is);
        let Ok(mut ended) = signal(SignalKind::child()) else { return };
        if !inherits {
            return;
        }
        loop {
            // Checks anyway if no signal comes in time.
            drop(timeout(PERIOD, ended.recv()).await);
            while reap_one() {}
        }
    }

    /// Reaps the first child that has ended, if it is an orphan.
    fn reap_one() -> bool {
        let children = registry::lock();
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
        let first = waitid(Id::All, look | WaitPidFlag::WNOWAIT);
        let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) = first else {
            return false;
        };
        let is_own = u32::try_from(pid.as_raw()).is_ok_and(|pid| children.contains(&pid));
        !is_own && waitid(Id::Pid(pid), look).is_ok()
    }
}
