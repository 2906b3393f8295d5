//! What a measurement used of the machine's CPU, and whose it was.

use std::time::Duration;

use crate::procfs;

/// CPU time at one moment, or between two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) proxy: Duration,
    pub(crate) children: Duration,
    /// The load generator, and the server where that is not a child of the proxy.
    pub(crate) load: Duration,
    machine: Duration,
}

impl Usage {
    /// Until now, with `server` the process of a server that the proxy has not started.
    pub(crate) fn of(proxy: u32, server: Option<u32>) -> Self {
        let whole = |pid| procfs::cpu(pid) + procfs::children_cpu(pid);
        Self {
            proxy: procfs::cpu(proxy),
            children: procfs::children_cpu(proxy),
            load: procfs::cpu(std::process::id()) + server.map(whole).unwrap_or_default(),
            machine: procfs::machine_cpu(),
        }
    }

    /// What was used since.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            proxy: self.proxy.saturating_sub(before.proxy),
            children: self.children.saturating_sub(before.children),
            load: self.load.saturating_sub(before.load),
            machine: self.machine.saturating_sub(before.machine),
        }
    }

    /// Percent of one core that others used during `span`.
    pub(crate) fn foreign(&self, span: Duration) -> f64 {
        let own = self.proxy + self.children + self.load;
        100.0 * self.machine.saturating_sub(own).as_secs_f64() / span.as_secs_f64()
    }
}
