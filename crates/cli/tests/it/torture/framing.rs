//! Where one request ends and the next begins: requests that two parsers might separate
//! differently.

use super::*;
use crate::support::{LATEST, Launch, initialize};

/// The text before the smuggled request, and the statuses that come back: a single one means that
/// the connection was closed with the first answer, so that nothing after it was read as a request.
///
/// Each body would be answered with 200 if it were read: only its framing is wrong.
fn shapes() -> Vec<(&'static str, String, Vec<u16>)> {
    let body = initialize(LATEST);
    let length = body.len();
    let post = |rest: &str| format!("{POST}{rest}");
    let plain = |heads: &str| format!("{POST}{heads}\r\n\r\n{body}");
    let chunks = |heads: &str| format!("{POST}{heads}\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
    let refused = |what, head: String| (what, head, vec![400]);
    // Unusual, but there is only one way to read them.
    let parted = |what, head: String| (what, head, vec![200, 200]);
    // Answered, and the connection ends: others may see another end.
    let last = |what, head: String| (what, head, vec![200]);
    let chunked = "Transfer-Encoding: chunked\r\n";
    let behind =
        |fields: &str| post(&format!("{chunked}\r\n{length:x}\r\n{body}\r\n0\r\n{fields}\r\n"));
    let sized = |sign, rest: &str| post(&format!("{chunked}\r\n{sign}{length:x}{rest}"));
    let extended = |name: &str| sized("", &format!(";{name}\r\n{body}\r\n0\r\n\r\n"));
    let right = format!("Content-Length: {length}");
    vec![
        parted("a body with a length", plain(&right)),
        parted("a body in chunks", chunks(chunked)),
        refused("length, then coding", chunks(&format!("Content-Length: 4\r\n{chunked}"))),
        refused("coding, then length", chunks(&format!("{chunked}Content-Length: 4\r\n"))),
        refused("coding, then the right length", chunks(&format!("{chunked}{right}\r\n"))),
        refused("length in another case", chunks(&format!("{chunked}CONTENT-LENGTH: 4\r\n"))),
        refused("two lengths", plain(&format!("{right}\r\nContent-Length: {}", length + 1))),
        refused("list of lengths", plain(&format!("{right}, {length}"))),
        refused("length with a sign", plain(&format!("Content-Length: +{length}"))),
        refused("length with a blank", plain(&format!("Content-Length : {length}"))),
        refused("no number", plain(&format!("Content-Length: 0x{length:x}"))),
        refused("coding and a blank", chunks("Transfer-Encoding : chunked\r\n")),
        refused("coding behind a tab", chunks("Transfer-Encoding: \u{b}chunked\r\n")),
        refused("coding of another name", chunks("Transfer-Encoding: xchunked\r\n")),
        refused("identity", plain(&format!("Transfer-Encoding: identity\r\n{right}"))),
        refused("identity alone", chunks("Transfer-Encoding: identity\r\n")),
        refused("chunked first", chunks("Transfer-Encoding: chunked, identity\r\n")),
        refused("another coding in front", chunks("Transfer-Encoding: gzip, chunked\r\n")),
        refused("chunked twice", chunks(&format!("{chunked}{chunked}"))),
        refused("chunked twice in one list", chunks("Transfer-Encoding: chunked, chunked\r\n")),
        refused("folded length", plain(&format!("Content-Length:\r\n {length}"))),
        refused("folded header", "GET /ping HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n".to_owned()),
        refused("blank before a header", "GET /ping HTTP/1.1\r\n Host: x\r\n\r\n".to_owned()),
        refused("carriage returns alone", "GET /ping HTTP/1.1\rHost: x\r\r".to_owned()),
        refused("carriage return in a value", "GET /ping HTTP/1.1\r\nA: b\rc\r\n\r\n".to_owned()),
        refused("two hosts", "GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned()),
        refused("one host twice", "GET /ping HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned()),
        refused("chunks in bare lines", post(&format!("{chunked}\r\n{length:x}\n{body}\n0\n\n"))),
        refused("chunk without an end", sized("", &format!("\r\n{body}0\r\n\r\n"))),
        refused("chunk of a negative size", sized("-", &format!("\r\n{body}\r\n0\r\n\r\n"))),
        refused("chunk with an endless extension", extended(&"a".repeat(70_000))),
        refused("one length twice", plain(&format!("{right}\r\n{right}"))),
        parted("chunk with an extension", extended("a=b")),
        last("fields behind the chunks", behind("Content-Length: 5\r\n")),
        last("fields behind the chunks in bare lines", behind("A: b\n")),
    ]
}

#[test]
fn nothing_is_smuggled_in_behind_a_body() {
    let proxy = Proxy::of("echo");
    let other = proxy.session();
    for (what, head, expected) in shapes() {
        let answer = answer(&proxy, head + SMUGGLED);
        assert_eq!(statuses(&answer), expected, "{what}: {answer}");
        other.assert_healthy();
    }
}

/// Heads that arrive in pieces, after others on the same connection, or with them in one packet.
#[test]
fn a_length_beside_a_coding_is_found_wherever_its_head_is() {
    let proxy = Proxy::of("echo");
    let body = initialize(LATEST);
    let chunks = |heads: &str| {
        format!(
            "{POST}{heads}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    };
    let (good, bad) = (chunks(""), chunks("Content-Length: 4\r\n"));
    let mut connection = proxy.connect();
    for _ in 0..3 {
        connection.write(good.as_bytes());
        assert_eq!(connection.response().status, 200, "a coding alone is fine, time and again");
    }
    let (first, second) = bad.split_at(POST.len() + 9);
    connection.write(first.as_bytes());
    connection.write(second.as_bytes());
    assert_eq!(connection.response().status, 400);
    assert!(connection.rest().is_empty());
    for ahead in [good.clone(), "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()] {
        assert_eq!(statuses(&answer(&proxy, format!("{ahead}{bad}{SMUGGLED}"))), [200, 400]);
    }
}

#[test]
fn bare_line_feeds_end_the_lines_of_a_head_only() {
    let proxy = Proxy::of("echo");
    let answer = answer(&proxy, "GET /ping HTTP/1.1\nHost: x\nConnection: close\n\n");
    assert_eq!(statuses(&answer), [200]);
}

#[test]
fn a_body_in_chunks_that_is_not_read_is_the_last_of_its_connection() {
    let proxy = Launch::new("echo").flags(&["--apiKey", "k"]).start();
    let body = initialize(LATEST);
    for fields in ["", "A: b\n", "A: b\r\n"] {
        let chunks = format!("{:x}\r\n{body}\r\n0\r\n{fields}\r\n", body.len());
        let head = format!("{POST}Transfer-Encoding: chunked\r\n\r\n{chunks}{SMUGGLED}");
        assert_eq!(statuses(&answer(&proxy, head)), [401], "{fields:?}");
    }
}

#[test]
fn requests_in_one_packet_are_answered_in_their_order() {
    let proxy = Proxy::of("echo");
    let mut connection = proxy.connect();
    let ping = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";
    let nowhere = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n";
    connection.write([ping, nowhere, "\r\n", ping, nowhere].concat().repeat(50).as_bytes());
    for _ in 0..50 {
        for status in [200, 404, 200, 404] {
            assert_eq!(connection.response().status, status);
        }
    }
}

#[test]
fn the_body_is_asked_for_once_it_is_wanted() {
    let proxy = Proxy::of("echo");
    let mut connection = proxy.connect();
    connection.write(format!("{POST}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n").as_bytes());
    connection.expect_continue();
    connection.write(b"{}");
    assert_eq!(connection.response().status, 400);
    let refused =
        answer(&proxy, format!("{POST}Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"));
    assert_eq!(statuses(&refused), [413], "it is not asked for what is too large: {refused}");
}

#[test]
fn heads_have_a_size() {
    let proxy = Proxy::of("echo");
    let with = |count: usize, length: usize| {
        let headers = format!("A: {}\r\n", "a".repeat(length)).repeat(count);
        answer(
            &proxy,
            format!("GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"),
        )
    };
    assert_eq!(statuses(&with(98, 1)), [200]);
    assert_eq!(statuses(&with(200, 1)), [431]);
    assert_eq!(statuses(&with(1, 65_000)), [200]);
    assert_eq!(statuses(&with(1, 66_000)), [431]);
    assert_eq!(statuses(&with(1, 1 << 20)), [431]);
    let target = format!("GET /ping?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000));
    assert_eq!(statuses(&answer(&proxy, target)), [414]);
}
