//! Where one request ends and the next begins: requests that two readers might part differently.

use super::*;

/// What is in front of the smuggled request, and the statuses that come back: one means that the
/// connection was closed with the first answer, so that nothing behind it was taken for a request.
fn shapes() -> Vec<(&'static str, String, Vec<u16>)> {
    let post = |rest: &str| format!("{POST}{rest}");
    let refused = |what, head: String| (what, head, vec![400]);
    // As plain as they are unusual: there is one way to read them, and it is gone.
    let parted = |what, head: String| (what, head, vec![400, 200]);
    let chunked = "Transfer-Encoding: chunked\r\n";
    vec![
        refused(
            "length, then coding",
            post(&format!("Content-Length: 4\r\n{chunked}\r\n0\r\n\r\n")),
        ),
        refused(
            "coding, then length",
            post(&format!("{chunked}Content-Length: 4\r\n\r\n0\r\n\r\n")),
        ),
        refused("two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")),
        refused("list of lengths", post("Content-Length: 2, 2\r\n\r\n{}")),
        refused("length with a sign", post("Content-Length: +2\r\n\r\n{}")),
        refused(
            "coding and a blank",
            post("Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}"),
        ),
        refused("coding behind a tab", post("Transfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n")),
        refused("coding of another name", post("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")),
        refused("identity", post("Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}")),
        refused("chunked first", post("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")),
        refused("folded length", post("Content-Length:\r\n 2\r\n\r\n{}")),
        refused("folded header", "GET /ping HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n".to_owned()),
        refused("blank before a header", "GET /ping HTTP/1.1\r\n Host: x\r\n\r\n".to_owned()),
        refused("carriage returns alone", "GET /ping HTTP/1.1\rHost: x\r\r".to_owned()),
        refused("carriage return in a value", "GET /ping HTTP/1.1\r\nA: b\rc\r\n\r\n".to_owned()),
        refused("chunks in bare lines", post(&format!("{chunked}\r\n2\n{{}}\n0\n\n"))),
        refused("chunk without an end", post(&format!("{chunked}\r\n2\r\n{{}}0\r\n\r\n"))),
        refused("chunk of a negative size", post(&format!("{chunked}\r\n-2\r\n{{}}\r\n0\r\n\r\n"))),
        refused(
            "chunk with an endless extension",
            post(&format!("{chunked}\r\n2;{}\r\n{{}}\r\n0\r\n\r\n", "a".repeat(70_000))),
        ),
        parted("one length twice", post("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}")),
        parted("chunked twice", post(&format!("{chunked}{chunked}\r\n0\r\n\r\n"))),
        parted(
            "chunk with an extension",
            post(&format!("{chunked}\r\n2;a=b\r\n{{}}\r\n0\r\n\r\n")),
        ),
        parted(
            "length behind the chunks",
            post(&format!("{chunked}\r\n2\r\n{{}}\r\n0\r\nContent-Length: 5\r\n\r\n")),
        ),
        parted("two hosts", "GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned()),
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

#[test]
fn bare_line_feeds_end_the_lines_of_a_head_only() {
    let proxy = Proxy::of("echo");
    let answer = answer(&proxy, "GET /ping HTTP/1.1\nHost: x\nConnection: close\n\n");
    assert_eq!(statuses(&answer), [200]);
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
    assert_eq!(statuses(&with(1, 300_000)), [200]);
    assert_eq!(statuses(&with(1, 1 << 20)), [431]);
    let target = format!("GET /ping?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000));
    assert_eq!(statuses(&answer(&proxy, target)), [414]);
}
