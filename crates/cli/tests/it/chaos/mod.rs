//! What happens to clients when servers die, hang, write too much or multiply.

mod isolation;
mod leaks;
mod load;
mod pressure;
mod processes;
mod restart;
mod walk;

use crate::support::{Proxy, Session, scrape};

/// The text of a tool's result.
fn text(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).expect("a message");
    answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("no text in {answer}"))
        .to_owned()
}

/// The process that serves a session.
fn pid(session: &Session<'_>) -> u32 {
    text(&session.call("\"pid\"", "pid", "{}")).parse().expect("a process id")
}

fn kill(signal: &str, pid: u32) {
    let status = std::process::Command::new("kill")
        .args([format!("-{signal}"), pid.to_string()])
        .status()
        .expect("kill runs");
    assert!(status.success(), "no process {pid}");
}

/// Kills a server, and waits until the proxy knows.
fn kill_and_notice(proxy: &Proxy, pid: u32) {
    kill("KILL", pid);
    let noticed = proxy.stderr.line(|line| line.contains("killed by signal 9"));
    assert!(noticed.is_some(), "the proxy has ended");
}
