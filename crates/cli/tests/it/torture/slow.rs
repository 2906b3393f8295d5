//! Clients that take their time, and clients that stop in the middle.

use std::{
    net::Shutdown,
    time::{Duration, Instant},
};

use super::*;
use crate::support::{DEADLINE, Launch, wait_for};

const LIMIT: Duration = Duration::from_millis(600);

fn impatient(mode: &str) -> Proxy {
    Launch::new(mode).flags(&["--headerTimeout", "600", "--bodyTimeout", "600"]).start()
}

#[test]
fn what_never_ends_is_given_up_after_its_time() {
    let proxy = impatient("echo");
    for (what, bytes) in [
        ("nothing", String::new()),
        ("half a line", "GET /pi".to_owned()),
        ("half a head", "GET /ping HTTP/1.1\r\nHost: x\r\n".to_owned()),
        ("half a body", format!("{POST}Content-Length: 20\r\n\r\n{{}}")),
        ("half a chunk", format!("{POST}Transfer-Encoding: chunked\r\n\r\n5\r\n{{}}")),
        ("no last chunk", format!("{POST}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n")),
    ] {
        let started = Instant::now();
        let answer = answer(&proxy, bytes);
        assert_eq!(statuses(&answer), [408], "{what}: {answer}");
        assert!(started.elapsed() >= LIMIT, "{what}");
    }
}

#[test]
fn dripping_does_not_prolong_the_time() {
    let proxy = impatient("echo");
    let other = proxy.session();
    for head in
        ["GET /ping HTTP/1.1\r\nA: ".to_owned(), format!("{POST}Content-Length: 99999\r\n\r\n\"")]
    {
        let mut stream = proxy.tcp();
        let started = Instant::now();
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
        // One byte at a time until the proxy closes the connection.
        let had_enough = || std::io::Write::write_all(&mut stream, b"x").is_err().then_some(());
        wait_for("it had enough", had_enough);
        let elapsed = started.elapsed();
        assert!(LIMIT <= elapsed && elapsed < DEADLINE / 2, "{elapsed:?}");
        other.assert_healthy();
    }
}

#[test]
fn a_client_that_has_said_all_it_will_gets_an_end() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let whole = session.request(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).bytes();
    for (length, answers) in [(0, 0), (10, 1), (whole.len() - 5, 1), (whole.len(), 1)] {
        let stream = proxy.tcp();
        let mut connection = Connection::new(stream.try_clone().unwrap());
        connection.write(&whole[..length]);
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = rest(connection);
        assert!(statuses(&answer).len() <= answers, "{length}: {answer}");
        let is_answered = answer.starts_with("HTTP/1.1 200");
        assert_eq!(is_answered, length == whole.len(), "{length}: {answer}");
    }
    session.assert_healthy();
}
