//! The machine of a run, which is reported with every result.

use std::{fs, process::Command, thread};

use serde::Serialize;

/// Its relevant properties.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Load averages before the first and after the last measurement.
    pub(crate) load: [String; 2],
    pub(crate) node: String,
    pub(crate) python: String,
    pub(crate) rustc: String,
}

impl Machine {
    pub(crate) fn describe() -> Self {
        Self {
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_gib(),
            kernel: kernel(),
            load: [load(), String::new()],
            node: version("node"),
            python: version("python3"),
            rustc: version("rustc"),
        }
    }

    /// Notes the load at the end of the run.
    pub(crate) fn finish(&mut self) {
        self.load[1] = load();
    }
}

/// The version without additions by a distribution.
fn kernel() -> String {
    let release = read("/proc/sys/kernel/osrelease");
    release.split('-').next().unwrap_or_default().to_owned()
}

fn load() -> String {
    read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn memory_gib() -> u64 {
    let total = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kib: u64 = total.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or_default();
    (kib + 512 * 1024) >> 20
}

fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
