//! The end of the proxy: signals, exit codes, what happens to streams, children and their children.

use crate::{
    support::{Launch, Proxy, call, is_gone, wait_for},
    wire::child::{child_pid, number},
};

#[test]
fn either_signal_stops_an_idle_proxy_cleanly() {
    for signal in ["TERM", "INT"] {
        let proxy = Proxy::of("echo");
        let child = child_pid(&proxy);
        proxy.signal(signal);
        let finished = proxy.finish();
        assert_eq!(finished.status.code(), Some(0), "{finished:?}");
        assert!(finished.stdout.contains("received shutdown signal; shutting down"));
        assert!(!finished.stderr.contains("panicked"), "{finished:?}");
        wait_for("the child is gone", || is_gone(child).then_some(()));
    }
}

#[test]
fn open_streams_and_calls_end_with_it() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let mut standalone = session.listen();
    let mut held = session.stream(call("1", "hold", "{}"));
    held.event().expect("the priming event");
    let mut sse = crate::support::Sse::initialized(&proxy);
    proxy.signal("TERM");
    assert_eq!(standalone.message(), None);
    assert_eq!(sse.events.message(), None);
    while held.message().is_some() {}
    let finished = proxy.finish();
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
}

#[test]
fn idle_connections_do_not_delay_it() {
    let proxy = Proxy::of("echo");
    let mut kept = proxy.connect();
    assert_eq!(kept.exchange(&crate::support::Request::get("/ping")).status, 200);
    let _silent = proxy.connect();
    let mut half = proxy.connect();
    half.write(b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
}

#[test]
fn a_child_that_ignores_sigterm_is_stopped_all_the_same() {
    let proxy = Proxy::of("ignore-term");
    let child = child_pid(&proxy);
    proxy.terminate();
    wait_for("the child is gone", || is_gone(child).then_some(()));
}

#[test]
fn grandchildren_are_stopped_too() {
    let proxy = Proxy::of("grandchild");
    let session = proxy.session();
    let grandchild = number(&session.call("1", "grandchild", "{}"));
    assert!(!is_gone(grandchild));
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    wait_for("the grandchild is gone", || is_gone(grandchild).then_some(()));
}

#[test]
fn a_second_signal_forces_the_end() {
    let proxy = Launch::new("ignore-term").flags(&["--gracefulShutdownTimeout", "20000"]).start();
    let child = child_pid(&proxy);
    proxy.signal("TERM");
    assert!(proxy.stdout.line(|line| line.contains("received shutdown signal")).is_some());
    proxy.signal("TERM");
    proxy.finish();
    wait_for("the child is gone", || is_gone(child).then_some(()));
}

#[test]
fn a_signal_during_the_handshake_is_a_clean_stop() {
    let proxy = Launch::of(&["sh", "-c", "echo up >&2; while read line; do :; done"]).spawn();
    assert!(proxy.stderr.line(|line| line == "up").is_some());
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert!(finished.stdout.contains("received shutdown signal; shutting down"));
}

#[test]
fn the_port_is_free_afterwards_and_taken_meanwhile() {
    let first = Proxy::of("echo");
    let port = first.port.to_string();
    let finished = Launch::new("echo").flags(&["--port", &port]).run();
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let line = finished.stderr.lines().find(|line| line.starts_with("could not start the proxy"));
    let line = line.unwrap_or_else(|| panic!("no sentence: {finished:?}"));
    assert!(line.contains("EADDRINUSE") && line.contains(&port), "{line}");
    first.session().assert_healthy();
    assert_eq!(first.terminate().status.code(), Some(0));
    Launch::new("echo").flags(&["--port", &port]).start().session().assert_healthy();
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let finished = Launch::new("echo").flags(&["--host", "no-such-host.invalid"]).run();
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains("no-such-host.invalid"), "{finished:?}");
}

#[test]
fn the_start_is_announced_in_the_documented_words() {
    let finished = Proxy::of("echo").terminate();
    let mut lines = finished.stdout.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("starting server on port ")));
    assert!(lines.next().is_some_and(|line| line.starts_with("listening on http://127.0.0.1:")));
}
