use bytes::Bytes;
use proptest::prelude::*;

use super::super::{line::*, oracle::check_lines};

fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..40),
        2 => Just(b"\n\r\n\n".to_vec()),
        1 => (0usize..200_000).prop_map(|length| vec![b'x'; length]),
    ];
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_lines(text in text(), chunks in prop::collection::vec(0usize..100_000, 0..20)) {
        check_lines(&text, &chunks, usize::MAX);
    }

    #[test]
    fn a_line_is_refused_exactly_if_it_is_too_long(
        text in text(), chunks in prop::collection::vec(0usize..100, 0..20), limit in 0usize..64,
    ) {
        check_lines(&text, &chunks, limit);
    }
}

#[test]
fn lines_are_told_apart_by_how_they_begin() {
    let kind = |line: &'static str| match classify(Bytes::from_static(line.as_bytes())) {
        Line::Candidate(text) => format!("message {}", String::from_utf8_lossy(&text)),
        Line::Mixed(text) => format!("mixed {}", String::from_utf8_lossy(&text)),
        Line::Noise(_) => "noise".to_owned(),
        Line::Blank => "blank".to_owned(),
    };
    for (line, expected) in [
        ("", "blank"),
        (" \t\r", "blank"),
        (" {\"a\":1}\r", "message {\"a\":1}"),
        ("[{\"a\":1}]", "message [{\"a\":1}]"),
        ("[ {\"a\":1} ] ", "message [ {\"a\":1} ]"),
        ("[info] {\"a\":1}", "mixed [info] {\"a\":1}"),
        ("[info] ready]", "noise"),
        ("[]", "noise"),
        ("listening on 8080", "noise"),
        ("\u{1b}[32mok\u{1b}[0m {\"a\":1}", "mixed \u{1b}[32mok\u{1b}[0m {\"a\":1}"),
    ] {
        assert_eq!(kind(line), expected, "{line:?}");
    }
}

#[test]
fn a_buffer_that_a_long_line_has_grown_is_given_back() {
    let mut buffer = LineBuffer::new(usize::MAX);
    for _ in 0..3 {
        buffer.room().extend_from_slice(&vec![b'x'; 4 << 20]);
        buffer.room().extend_from_slice(b"\n");
        drop(buffer.next_line().unwrap().unwrap());
        assert!(buffer.room().capacity() <= 512 * 1024);
    }
}

#[test]
fn short_reads_never_find_too_little_room() {
    let mut buffer = LineBuffer::new(usize::MAX);
    for _ in 0..10_000 {
        let room = buffer.room();
        assert!(room.capacity() - room.len() >= 16 * 1024);
        room.extend_from_slice(&[b'x'; 100]);
    }
}
