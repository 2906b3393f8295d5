//! Resources that processes use, read from `/proc`; empty on systems without it.

#[cfg(target_os = "linux")]
use std::{fs, path::Path};

/// The sum over some processes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) processes: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) open_fds: u64,
}

/// The usage of the proxy itself.
pub(crate) fn own_usage() -> Option<Usage> {
    #[cfg(target_os = "linux")]
    return read(Path::new("/proc/self")).map(|(_, usage)| usage);
    #[cfg(not(target_os = "linux"))]
    return None;
}

/// The usage of the process groups that these processes lead: a server that is started through a
/// launcher is in the launcher's group.
pub(crate) fn usage_of_groups(leaders: &[u32]) -> Option<Usage> {
    #[cfg(target_os = "linux")]
    {
        let mut sum = Usage::default();
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let Some((group, usage)) = number.and_then(|_| read(&entry.path())) else { continue };
            if leaders.contains(&group) {
                sum.processes += usage.processes;
                sum.resident_bytes += usage.resident_bytes;
                sum.cpu_seconds += usage.cpu_seconds;
                sum.open_fds += usage.open_fds;
            }
        }
        Some(sum)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _: &[u32] = leaders;
        None
    }
}

/// Ticks per second of the times in `/proc`, the same on every Linux.
#[cfg(target_os = "linux")]
const TICKS: f64 = 100.0;

/// Process group and resource usage of one process.
#[cfg(target_os = "linux")]
fn read(process: &Path) -> Option<(u32, Usage)> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    let (group, cpu_seconds) = parse_stat(&stat)?;
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let open_fds = fs::read_dir(process.join("fd")).map_or(0, |entries| entries.count() as u64);
    let resident_bytes = resident(&status).unwrap_or_default();
    Some((group, Usage { processes: 1, resident_bytes, cpu_seconds, open_fds }))
}

/// Process group and CPU seconds: fields 5, 14 and 15, counted from the end of the name, which may
/// contain anything.
#[cfg(target_os = "linux")]
fn parse_stat(stat: &str) -> Option<(u32, f64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some((fields.get(2)?.parse().ok()?, f64::from(ticks(11)? + ticks(12)?) / TICKS))
}

#[cfg(target_os = "linux")]
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 42 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0";
        assert_eq!(parse_stat(stat), Some((42, 2.0)));
        assert_eq!(parse_stat("7 (a"), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    12 kB\n"), Some(12 * 1024));
        assert_eq!(resident("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn this_process_uses_something() {
        let own = own_usage().unwrap();
        assert!(own.resident_bytes > 0 && own.open_fds > 0 && own.processes == 1, "{own:?}");
    }
}
