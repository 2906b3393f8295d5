//! What the operating system reports about a process: CPU, memory, children. The contestant's own
//! process and its children are counted separately.

use std::{collections::HashMap, fs, path::PathBuf, time::Duration};

/// Length of a clock tick of `/proc/<pid>/stat`: 100 ticks a second on usual Linux systems.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of all threads of a process, children excluded.
///
/// The scheduler's count has nanoseconds but omits threads that have ended; the count of `stat`
/// includes them but has the resolution of ticks. The larger one is correct to a tick.
pub(crate) fn cpu(pid: u32) -> Duration {
    let nanos = threads(pid).into_iter().filter_map(|thread| {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    let precise = Duration::from_nanos(nanos.sum());
    precise.max(stat(pid).map_or(Duration::ZERO, |stat| stat.own))
}

/// CPU time of all descendants of a process, including ended children that were waited for.
pub(crate) fn children_cpu(pid: u32) -> Duration {
    let reaped = |pid| stat(pid).map_or(Duration::ZERO, |stat: Stat| stat.reaped);
    let below: Duration =
        descendants(pid).into_iter().map(|child| cpu(child) + reaped(child)).sum();
    below + reaped(pid)
}

/// Resident memory in KiB.
pub(crate) fn rss(pid: u32) -> u64 {
    field(pid, "status", "VmRSS:")
}

/// The peak of resident memory, in KiB.
pub(crate) fn peak_rss(pid: u32) -> u64 {
    field(pid, "status", "VmHWM:")
}

/// Resets the peak.
pub(crate) fn forget_peak_rss(pid: u32) {
    // If the kernel does not support it, the peak is that of the process's whole life.
    let _forgotten = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// Memory of all descendants of a process, in KiB; shared memory is counted once.
pub(crate) fn children_memory(pid: u32) -> u64 {
    descendants(pid).into_iter().map(|child| field(child, "smaps_rollup", "Pss:")).sum()
}

/// CPU time of the whole machine that was not idle.
pub(crate) fn machine_cpu() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<u32> = text
        .lines()
        .next()
        .map(|line| {
            line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect()
        })
        .unwrap_or_default();
    // user nice system idle iowait irq softirq steal …
    let busy = [0, 1, 2, 5, 6, 7].into_iter().filter_map(|field| ticks.get(field)).sum();
    TICK * busy
}

struct Stat {
    parent: u32,
    own: Duration,
    reaped: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything, so the fields are counted from the end of it.
    let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u32>().ok();
    Some(Stat {
        parent: ticks(1)?,
        own: TICK * (ticks(11)? + ticks(12)?),
        reaped: TICK * (ticks(13)? + ticks(14)?),
    })
}

fn field(pid: u32, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// The ids of a process's threads.
pub(crate) fn threads(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The path of the program that a process runs.
pub(crate) fn program(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// All descendants of a process.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(stat) = stat(child) {
            children.entry(stat.parent).or_default().push(child);
        }
    }
    let mut found = children.remove(&pid).unwrap_or_default();
    let mut next = 0;
    while let Some(&child) = found.get(next) {
        found.extend(children.remove(&child).unwrap_or_default());
        next += 1;
    }
    found
}
