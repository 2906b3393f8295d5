//! Deaths under load: every call is answered once, by its own answer or an error.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use serde_json::Value;

use super::{kill, text};
use crate::support::{Kept, Launch, Proxy, Sse, call, is_gone, wait_for};

/// Calls with unique answers.
fn question(client: usize, number: usize) -> (String, String) {
    let word = format!("client-{client}-call-{number}");
    (call(&number.to_string(), "echo", &format!(r#"{{"text":"{word}"}}"#)), word)
}

/// Fails unless this is the answer to exactly this call, or an error for it; returns `true` for an
/// answer.
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
        sse.send(&body);
        if check(&answer(&mut sse), number, &word) {
            answered.fetch_add(1, Ordering::Relaxed);
        }
        if over.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// The next message that is an answer.
fn answer(sse: &mut Sse<'_>) -> String {
    loop {
        let message = sse.events.expect();
        if !message.contains(r#""method":"notifications/"#) {
            return message;
        }
    }
}

/// Runs clients of both transports while `disturb` runs.
pub(super) fn under_load(proxy: &Proxy, disturb: impl FnOnce()) -> usize {
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

pub(super) fn server(proxy: &Proxy) -> u32 {
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

#[test]
fn floods_of_notifications_under_load_lose_and_mix_up_nothing() {
    let proxy = Proxy::of("babbling");
    under_load(&proxy, || {
        let session = proxy.session();
        for _ in 0..3 {
            let answer = session.call("0", "babble", r#"{"count":10000,"bytes":100}"#);
            assert_eq!(text(&answer), "10000");
        }
    });
    proxy.session().assert_healthy();
}

#[test]
fn garbage_under_load_loses_and_mixes_up_nothing() {
    let proxy = Proxy::of("noise");
    let answered = under_load(&proxy, || {
        let session = proxy.session();
        for _ in 0..50 {
            session.assert_healthy();
        }
    });
    assert!(answered >= 8, "{answered}");
    proxy.session().assert_healthy();
}

#[test]
fn broken_ends_under_load_lose_and_mix_up_nothing() {
    for (mode, tool) in [("half-line", "half"), ("closes-stdout", "close"), ("leaves", "leave")] {
        let flags = ["--maxRestarts", "0", "--restart", "always"];
        let proxy = Launch::new(mode).flags(&flags).start();
        let answered = under_load(&proxy, || {
            for _ in 0..2 {
                let answer = proxy.session().call("0", tool, "{}");
                assert!(answer.contains("\"error\""), "{mode}: {answer}");
                server(&proxy);
            }
        });
        assert!(answered > 0, "{mode}");
        proxy.session().assert_healthy();
    }
}

#[test]
fn exits_during_the_handshake_under_load_lose_and_mix_up_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let starts = directory.path().join("starts").display().to_string();
    let fixture = crate::support::fixture().display().to_string();
    let script = format!(
        "echo x >> {starts}; case $(wc -l < {starts}) in 2|3) read line; exit 4;; esac; \
         exec {fixture} echo"
    );
    let proxy = Launch::of(&["sh", "-c", &script]).flags(&["--maxRestarts", "0"]).start();
    let answered = under_load(&proxy, || {
        kill("KILL", server(&proxy));
        server(&proxy);
    });
    assert!(answered > 0);
    let starts = std::fs::read_to_string(&starts).expect("the starts");
    assert_eq!(starts.lines().count(), 4);
    proxy.session().assert_healthy();
}

#[test]
fn a_grandchild_that_keeps_stdout_open_hides_no_death_under_load() {
    let proxy = Launch::new("grandchild").flags(&["--maxRestarts", "0"]).start();
    let mut orphans = Vec::new();
    under_load(&proxy, || {
        for _ in 0..3 {
            let (server, grandchild) = wait_for("a server answers", || {
                let session = proxy.session();
                let (pid, grandchild) =
                    (session.call("0", "pid", "{}"), session.call("1", "grandchild", "{}"));
                let both = pid.contains("\"result\"") && grandchild.contains("\"result\"");
                let number = |answer: &str| text(answer).parse::<u32>().expect("a process id");
                both.then(|| (number(&pid), number(&grandchild)))
            });
            orphans.push(grandchild);
            kill("KILL", server);
        }
        server(&proxy);
    });
    for orphan in orphans {
        wait_for("the orphan is gone", || is_gone(orphan).then_some(()));
    }
    proxy.session().assert_healthy();
}

/// Each client's server dies, again and again, or hangs.
#[test]
fn deaths_of_servers_of_their_own_lose_and_mix_up_nothing() {
    let flags = ["--isolation", "session", "--prewarm", "2"];
    let proxy = Launch::new("exit-after 20").flags(&flags).start();
    let answered = under_load(&proxy, || {
        for _ in 0..5 {
            kill("KILL", server(&proxy));
        }
    });
    assert!(answered > 0);
    proxy.session().assert_healthy();
    let flags = ["--isolation", "session", "--pingInterval", "50", "--pingTimeout", "500"];
    let proxy = Launch::new("echo").flags(&flags).start();
    let session = proxy.session();
    under_load(&proxy, || {
        let hung = super::pid(&session);
        kill("STOP", hung);
        let answer = session.call("0", "echo", "{}");
        assert!(answer.contains("did not answer a ping within 500 ms"), "{answer}");
        wait_for("the hung server is gone", || is_gone(hung).then_some(()));
        session.assert_healthy();
    });
}
