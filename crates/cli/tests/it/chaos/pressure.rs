//! Readers that are slower than their servers.

use crate::{
    chaos::scrape::Scrape,
    support::{EventStream, Launch, Proxy, Session, call, wait_for},
};

/// More than all buffers between a server and its client together.
const COUNT: usize = 3000;
const BABBLE: &str = r#"{"count":3000,"bytes":16000}"#;
const MIB: f64 = 1024.0 * 1024.0;

fn babbling(isolation: &str) -> Proxy {
    Launch::new("babbling").flags(&["--isolation", isolation, "--metricsPort", "0"]).start()
}

/// A call that nobody reads, after its server is no longer read either; returns the bytes that
/// wait.
fn paused(session: &Session<'_>, proxy: &Proxy) -> (EventStream, f64) {
    let stream = session.stream(call("1", "babble", BABBLE));
    let mut last = (-1.0, 0);
    let queued = wait_for("the server is paused", || {
        let scrape = Scrape::of(proxy);
        let read = scrape.value("mcp_proxy_server_read_bytes_total").expect("bytes");
        let same = (read - last.0).abs() < f64::EPSILON;
        last = (read, if same { last.1 + 1 } else { 0 });
        let queued = scrape.value(r#"mcp_proxy_queued_bytes{to="clients"}"#).expect("bytes");
        // What the socket takes after the last message was read reduces the backlog.
        (last.1 > 20 && queued > MIB / 4.0).then_some(queued)
    });
    (stream, queued)
}

#[test]
fn a_slow_reader_holds_its_own_server_up_and_misses_nothing() {
    let proxy = babbling("session");
    let (session, other) = (proxy.session(), proxy.session());
    let (mut stream, queued) = paused(&session, &proxy);
    // The pause begins after the client has started to read; before that, one turn of the proxy may
    // take in more. A stream that held all of it would have been cut at 16 MiB.
    assert!(queued < 12.0 * MIB, "{queued} bytes wait");
    other.assert_healthy();
    for number in 0..COUNT {
        let message = stream.expect();
        assert!(message.contains(&format!(r#""number":{number},"#)), "{number}: {message}");
    }
    assert!(stream.expect().contains(r#""text":"3000""#));
    assert!(stream.event().is_none());
}

#[test]
fn a_server_that_is_held_up_answers_its_client_elsewhere() {
    let proxy = babbling("session");
    let session = proxy.session();
    let (_unread, _) = paused(&session, &proxy);
    // Nobody reads the stream of the other call, so log messages may take this one.
    let answer = session.stream(call("2", "echo", r#"{"text":"fine"}"#)).until(r#""id":2"#);
    assert!(answer.last().is_some_and(|answer| answer.contains(r#""text":"fine""#)));
}

#[test]
fn a_server_that_is_held_up_ends_with_its_session() {
    let proxy = babbling("session");
    let session = proxy.session();
    let server = super::pid(&session);
    let (_unread, _) = paused(&session, &proxy);
    session.delete();
    wait_for("the server is gone", || crate::support::is_gone(server).then_some(()));
}

/// A shared server does not wait for a slow reader: the reader's stream is cut, and it reconnects.
#[test]
fn a_slow_reader_of_a_shared_server_costs_only_itself() {
    let proxy = babbling("shared");
    let (slow, other) = (proxy.session(), proxy.session());
    let mut unread = proxy.connect();
    unread.write(&slow.listening().bytes());
    for round in 0..3 {
        // Messages that a call causes reach the client that calls.
        let answer = slow.call(&round.to_string(), "babble", BABBLE);
        assert!(answer.contains(r#""text":"3000""#), "{answer}");
        other.assert_healthy();
    }
    let resident = Scrape::of(&proxy).value("process_resident_memory_bytes").expect("bytes");
    assert!(resident < 100.0 * MIB, "{resident} bytes");
    let read = unread.rest();
    assert!(read.len() < COUNT * 16_000, "the stream was cut");
    let cut = Scrape::of(&proxy).value("mcp_proxy_slow_readers_cut_total");
    assert_eq!(cut, Some(1.0));
    slow.assert_healthy();
    // What was kept of the cut stream comes first.
    let mut again = slow.listen();
    slow.call("9", "babble", r#"{"count":1,"bytes":1}"#);
    while !again.expect().contains(r#""number":0"#) {}
}
