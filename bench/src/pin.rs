//! Contestant, server and load generator together on one CPU: the cost of a call without wake-ups
//! of a second, idle CPU.

use std::io;

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::procfs;

/// Pins the threads of this process, of another process and of its children to the last CPU.
#[derive(Debug)]
pub(crate) struct Pin {
    before: CpuSet,
    pid: u32,
}

impl Pin {
    pub(crate) fn with(pid: u32) -> io::Result<Self> {
        let before = sched_getaffinity(None)?;
        let mut one = CpuSet::new();
        if let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|cpu| before.is_set(*cpu)) {
            one.set(last);
        }
        place(pid, &one);
        Ok(Self { before, pid })
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        place(self.pid, &self.before);
    }
}

fn place(pid: u32, cpus: &CpuSet) {
    let own = std::process::id();
    let processes = procfs::descendants(pid).into_iter().chain([pid, own]);
    for thread in processes.flat_map(procfs::threads) {
        let thread = i32::try_from(thread).ok().and_then(Pid::from_raw);
        // A thread that has ended meanwhile needs no pinning.
        let _placed = sched_setaffinity(thread, cpus);
    }
}
