//! Everything that clients used is released after they leave: processes, files, threads, memory.
//!
//! `MCP_PROXY_TEST_SESSIONS` says how many sessions have servers of their own, `MCP_PROXY_SOAK` how
//! many seconds the last test runs; see CONTRIBUTING.md.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "what was measured is for people")]

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::{
    kill,
    load::{server, under_load},
};
use crate::support::{
    Connection, LATEST, Launch, Proxy, Request, Response, call, initialize, wait_for,
};

/// The resources of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holdings {
    pub(super) descendants: usize,
    pub(super) files: usize,
    threads: usize,
    resident_kib: usize,
}

impl Holdings {
    pub(super) fn of(pid: u32) -> Self {
        let count = |path: String| fs::read_dir(path).expect("the process runs").count();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok());
        Self {
            descendants: descendants(pid),
            files: count(format!("/proc/{pid}/fd")),
            threads: count(format!("/proc/{pid}/task")),
            resident_kib: resident.expect("a size"),
        }
    }

    /// Waits until no resource except for memory exceeds this.
    fn wait_for_return(self, pid: u32) -> Self {
        let mut now = Self::of(pid);
        let what = format!("{now:?} is back to {self:?}");
        wait_for(&what, || {
            now = Self::of(pid);
            let back = now.descendants <= self.descendants
                && now.files <= self.files
                && now.threads <= self.threads;
            back.then_some(now)
        })
    }
}

pub(super) fn descendants(pid: u32) -> usize {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children: Vec<u32> = threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok())
        .collect();
    children.len() + children.into_iter().map(descendants).sum::<usize>()
}

/// Opens this many sessions, uses each, and ends every second one; the others are abandoned.
fn come_and_go(proxy: &Proxy, sessions: usize) {
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut connection = proxy.connect();
                for number in 0..sessions / CLIENTS {
                    visit(&mut connection, number % 2 == 0);
                }
            });
        }
    });
}

const CLIENTS: usize = 4;

fn visit(connection: &mut Connection, ends: bool) {
    let opened = connection.exchange(&Request::mcp(initialize(LATEST)));
    let id = opened.header("mcp-session-id").unwrap_or_else(|| panic!("{opened:?}")).to_owned();
    let mut send = |request: Request| -> Response { connection.exchange(&request.session(&id)) };
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(send(Request::mcp(initialized)).status, 202);
    let answer = send(Request::mcp(call("1", "echo", r#"{"text":"here"}"#))).message();
    assert!(answer.contains(r#""text":"here""#), "{answer}");
    if ends {
        assert_eq!(send(Request::new("DELETE", "/mcp")).status, 200);
    }
}

/// Opens and ends sessions, round after round, until most rounds add almost nothing to the memory
/// in use. A leak adds the same amount in every round.
fn assert_no_leak(isolation: &str, sessions: usize) {
    let flags = ["--isolation", isolation, "--sessionIdleTimeout", "500", "--maxChildren", "4096"];
    let proxy = Launch::new("echo").flags(&flags).start();
    let rest = Holdings {
        // The guard, and the server if it is shared.
        descendants: 1 + usize::from(isolation == "shared"),
        files: 64,
        threads: 64,
        resident_kib: 0,
    };
    let mut sizes = Vec::new();
    while sizes.len() < MAX_ROUNDS {
        come_and_go(&proxy, sessions);
        let now = rest.wait_for_return(proxy.pid());
        sizes.push(now.resident_kib);
        if let Some(&[one, two, three, four]) = sizes.last_chunk() {
            let added = [(one, two), (two, three), (three, four)];
            let small = added.iter().filter(|(before, after)| *after <= before + before / 40);
            if small.count() >= 2 {
                println!(
                    "{isolation}: {now:?}, KiB after rounds of {sessions} sessions: {sizes:?}"
                );
                return;
            }
        }
    }
    panic!("{isolation}: every round of {sessions} sessions takes more memory, in KiB: {sizes:?}");
}

/// The allocator needs some rounds until it can reuse its memory.
const MAX_ROUNDS: usize = 20;

#[test]
fn thousands_of_sessions_of_a_shared_server_leave_nothing_behind() {
    assert_no_leak("shared", 5000);
}

#[test]
fn sessions_with_servers_of_their_own_leave_nothing_behind() {
    let sessions = std::env::var("MCP_PROXY_TEST_SESSIONS").ok();
    assert_no_leak("session", sessions.map_or(500, |text| text.parse().expect("a number")));
}

/// Everything at once for a while: load, deaths, sessions that open and end.
#[test]
fn a_proxy_that_runs_for_long_holds_no_more_than_at_the_beginning() {
    let seconds = std::env::var("MCP_PROXY_SOAK").ok().map(|text| text.parse().expect("seconds"));
    let time = Duration::from_secs(seconds.unwrap_or(12));
    let flags = ["--maxRestarts", "0", "--sessionIdleTimeout", "500"];
    let proxy = Launch::new("echo").flags(&flags).start();
    let round = || {
        under_load(&proxy, || {
            come_and_go(&proxy, 200);
            kill("KILL", server(&proxy));
            server(&proxy);
        })
    };
    let limits = Holdings { descendants: 2, files: 64, threads: 64, resident_kib: 0 };
    round();
    let before = limits.wait_for_return(proxy.pid());
    let (started, mut answered) = (Instant::now(), 0);
    while started.elapsed() < time {
        answered += round();
        let now = before.wait_for_return(proxy.pid());
        if seconds.is_some() {
            println!("{} s: {answered} calls, {now:?}", started.elapsed().as_secs());
        }
        let limit = before.resident_kib + before.resident_kib / 4;
        assert!(now.resident_kib <= limit, "{before:?} became {now:?}");
    }
    proxy.session().assert_healthy();
}
