//! Many connections at a time: silent ones, ones with half a request, and regular ones.

use std::{fs, net::TcpStream};

use super::*;
use crate::support::{Launch, Request, wait_for};

/// `MCP_PROXY_TEST_CONNECTIONS` sets a larger number.
const CONNECTIONS: usize = 2000;
/// The test's other open files.
const RESERVED: usize = 64;

/// The requested number, as far as this process may open them.
fn connections() -> usize {
    let asked = std::env::var("MCP_PROXY_TEST_CONNECTIONS").ok();
    let asked = asked.map_or(CONNECTIONS, |count| count.parse().expect("a number"));
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let open = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let open = open.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    asked.min(open.unwrap_or(256).saturating_sub(RESERVED))
}

/// Resident memory of the proxy, if the system reports it.
fn resident_kilobytes(proxy: &Proxy) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{}/status", proxy.pid())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Opens the crowd: a third sends nothing, a third half a head, and a third waits for an answer and
/// gets it.
fn gather(proxy: &Proxy, count: usize) -> Vec<TcpStream> {
    let gathered: Vec<TcpStream> = (0..count).map(|_| proxy.tcp()).collect();
    for (number, mut stream) in gathered.iter().enumerate() {
        let words: &[u8] = match number % 3 {
            0 => b"",
            1 => b"GET /ping HTTP/1.1\r\nHost:",
            _ => b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
        };
        std::io::Write::write_all(&mut stream, words).expect("the proxy takes it");
    }
    for stream in gathered.iter().skip(2).step_by(3) {
        let mut connection = Connection::new(stream.try_clone().expect("another handle"));
        assert_eq!(connection.response().status, 200);
    }
    gathered
}

#[test]
fn a_crowd_delays_nobody_and_leaves_nothing_behind() {
    let proxy = Launch::new("echo").flags(&["--headerTimeout", "60000"]).start();
    let other = proxy.session();
    let count = connections();
    let mut peaks = Vec::new();
    for _ in 0..3 {
        let crowd = gather(&proxy, count);
        other.assert_healthy();
        peaks.extend(resident_kilobytes(&proxy));
        drop(crowd);
    }
    if let [_, second, third] = peaks[..] {
        assert!(third <= second + second / 10, "it grows: {peaks:?} kB for {count} connections");
    }
    assert_eq!(proxy.terminate().status.code(), Some(0));
}

#[test]
fn a_crowd_that_says_nothing_is_gone_after_its_time() {
    let proxy = Launch::new("echo").flags(&["--headerTimeout", "300"]).start();
    let crowd: Vec<TcpStream> = (0..200).map(|_| proxy.tcp()).collect();
    for stream in crowd {
        let answer = rest(Connection::new(stream));
        assert_eq!(statuses(&answer), [408]);
    }
    assert_eq!(proxy.send(&Request::get("/ping")).status, 200);
}

#[test]
fn connections_beyond_the_limit_are_refused_until_one_is_free() {
    let proxy = Launch::new("echo").flags(&["--maxConnections", "50"]).start();
    let crowd: Vec<TcpStream> = (0..50).map(|_| proxy.tcp()).collect();
    // The last one of the crowd was accepted if a later one is refused.
    wait_for("it is full", || (proxy.send(&Request::get("/ping")).status == 503).then_some(()));
    drop(crowd);
    wait_for("it has room", || (proxy.send(&Request::get("/ping")).status == 200).then_some(()));
}
