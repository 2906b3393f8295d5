//! Deaths under load: every call is answered once, by its own answer or an error.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use serde_json::Value;

use super::{kill, text};
use crate::support::{Kept, Launch, Proxy, Sse, call, wait_for};

/// Calls with unmistakable answers.
fn question(client: usize, number: usize) -> (String, String) {
    let word = format!("client-{client}-call-{number}");
    (call(&number.to_string(), "echo", &format!(r#"{{"text":"{word}"}}"#)), word)
}

/// Fails unless this is the answer to that very call, or an error to it; `true` for an answer.
fn check(answer: &str, number: usize, word: &str) -> bool {
    let answer: Value = serde_json::from_str(answer).expect("a message");
    assert_eq!(answer["id"], number, "{answer}");
    if answer["error"].is_object() {
        return false;
    }
    assert_eq!(answer["result"]["content"][0]["text"], *word);
    true
}

fn stream_client(proxy: &Proxy, client: usize, over: &AtomicBool, answered: &AtomicUsize) {
    let session = proxy.session();
    let mut kept = Kept::new(&session);
    for number in 0.. {
        let (body, word) = question(client, number);
        if check(&kept.post(&body).message(), number, &word) {
            answered.fetch_add(1, Ordering::Relaxed);
        }
        if over.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn sse_client(proxy: &Proxy, client: usize, over: &AtomicBool, answered: &AtomicUsize) {
    let mut sse = Sse::initialized(proxy);
    for number in 0.. {
        let (body, word) = question(client, number);
        if check(&sse.ask(&body), number, &word) {
            answered.fetch_add(1, Ordering::Relaxed);
        }
        if over.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Runs clients of both transports while `disturb` does its work.
fn under_load(proxy: &Proxy, disturb: impl FnOnce()) -> usize {
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let (over, answered) = (&over, &answered);
        for client in 0..4 {
            scope.spawn(move || stream_client(proxy, client, over, answered));
            scope.spawn(move || sse_client(proxy, 100 + client, over, answered));
        }
        disturb();
        over.store(true, Ordering::Relaxed);
    });
    answered.into_inner()
}

fn server(proxy: &Proxy) -> u32 {
    wait_for("a server answers", || {
        let answer = proxy.session().call("0", "pid", "{}");
        answer.contains("\"result\"").then(|| text(&answer).parse().expect("a pid"))
    })
}

#[test]
fn kills_under_load_lose_and_mix_up_nothing() {
    let proxy = Launch::new("echo").flags(&["--maxRestarts", "0"]).start();
    let answered = under_load(&proxy, || {
        for _ in 0..4 {
            kill("KILL", server(&proxy));
        }
        server(&proxy);
    });
    assert!(answered > 0, "nothing was answered between the deaths");
    proxy.session().assert_healthy();
}

#[test]
fn hangs_under_load_lose_and_mix_up_nothing() {
    let flags = ["--pingInterval", "50", "--pingTimeout", "1000"];
    let proxy = Launch::new("echo").flags(&flags).start();
    under_load(&proxy, || {
        kill("STOP", server(&proxy));
        server(&proxy);
    });
    proxy.session().assert_healthy();
}

#[test]
fn exits_under_load_lose_and_mix_up_nothing() {
    let proxy = Launch::new("exit-after 50").flags(&["--maxRestarts", "0"]).start();
    let answered = under_load(&proxy, || {
        for _ in 0..3 {
            server(&proxy);
        }
    });
    assert!(answered > 0);
    server(&proxy);
}

/// Descendants, open files and threads of a process.
fn holdings(pid: u32) -> (usize, usize, usize) {
    let count = |path: String| std::fs::read_dir(path).expect("the process runs").count();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.map(|list| list.split_whitespace().count()).unwrap_or_default();
    (children, count(format!("/proc/{pid}/fd")), count(format!("/proc/{pid}/task")))
}

#[cfg(target_os = "linux")]
#[test]
fn abandoned_sessions_give_back_what_they_held() {
    for isolation in ["shared", "session"] {
        let flags = ["--isolation", isolation, "--sessionIdleTimeout", "200"];
        let proxy = Launch::new("echo").flags(&flags).start();
        proxy.session().delete();
        let sessions = if isolation == "shared" { 500 } else { 40 };
        wait_for("it is at rest", || (holdings(proxy.pid()).1 < 64).then_some(()));
        // The guard is a child as well.
        let before = wait_for("the first server is gone", || {
            let held = holdings(proxy.pid());
            (held.0 == 1 + usize::from(isolation == "shared")).then_some(held)
        });
        for number in 0..sessions {
            let session = proxy.session();
            session.assert_healthy();
            if number % 2 == 0 {
                session.delete();
            }
        }
        wait_for("everything is given back", || {
            let held = holdings(proxy.pid());
            (held.0 <= before.0 && held.1 <= before.1 && held.2 <= before.2).then_some(())
        });
    }
}
