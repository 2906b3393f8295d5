use bytes::Bytes;
use proptest::prelude::*;

use super::super::line::*;

/// Lines out of a buffer that the text reaches in chunks, and what is left at the end.
fn lines(text: &[u8], cuts: &[prop::sample::Index], limit: usize) -> (Vec<Bytes>, Option<Bytes>) {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(text.len());
    let (mut buffer, mut lines, mut from) = (LineBuffer::new(limit), Vec::new(), 0);
    for cut in cuts {
        buffer.room().extend_from_slice(&text[from..cut]);
        from = cut;
        loop {
            match buffer.next_line() {
                Ok(Some(line)) => lines.push(line),
                Ok(None) => break,
                Err(TooLong) => return (lines, None),
            }
        }
    }
    (lines, Some(buffer.rest()))
}

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
    fn any_chunking_gives_the_same_lines(text in text(), cuts in any::<Vec<prop::sample::Index>>()) {
        let mut expected: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        let last = expected.pop().unwrap_or_default();
        let (lines, rest) = lines(&text, &cuts, usize::MAX);
        prop_assert!(lines == expected);
        prop_assert!(rest.unwrap() == last);
    }

    #[test]
    fn a_line_is_refused_exactly_if_it_is_too_long(
        text in text(), cuts in any::<Vec<prop::sample::Index>>(), limit in 0usize..64,
    ) {
        let whole: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        let sound = whole.iter().take_while(|line| line.len() <= limit).count();
        let (lines, rest) = lines(&text, &cuts, limit);
        prop_assert_eq!(rest.is_none(), sound < whole.len());
        prop_assert!(lines == whole[..sound.min(whole.len() - 1)]);
    }

    #[test]
    fn no_byte_of_a_line_is_lost_in_its_classification(line in prop::collection::vec(any::<u8>(), 0..60)) {
        let line = Bytes::from(line);
        let text = line.trim_ascii();
        let kept = match classify(&line) {
            Line::Blank => text.is_empty(),
            Line::Noise(noise) => noise == text && !text.contains(&b'{'),
            Line::Candidate(candidate) => candidate == text && matches!(text[0], b'{' | b'['),
            Line::Prefixed { noise, candidate } => {
                [&noise[..], &candidate].concat() == text && candidate[0] == b'{'
            }
        };
        prop_assert!(kept);
    }
}

#[test]
fn lines_are_told_apart_by_how_they_begin() {
    let kind = |line: &'static str| match classify(&Bytes::from_static(line.as_bytes())) {
        Line::Candidate(text) => format!("message {}", String::from_utf8_lossy(&text)),
        Line::Prefixed { noise, candidate } => {
            let parts = [noise, candidate].map(|part| String::from_utf8_lossy(&part).into_owned());
            parts.join(" | ")
        }
        Line::Noise(_) => "noise".to_owned(),
        Line::Blank => "blank".to_owned(),
    };
    for (line, expected) in [
        ("", "blank"),
        (" \t\r", "blank"),
        (" {\"a\":1}\r", "message {\"a\":1}"),
        ("[{\"a\":1}]", "message [{\"a\":1}]"),
        ("[ {\"a\":1} ] ", "message [ {\"a\":1} ]"),
        ("[info] {\"a\":1}", "[info]  | {\"a\":1}"),
        ("[info] ready]", "noise"),
        ("[]", "noise"),
        ("listening on 8080", "noise"),
        ("\u{1b}[32mok\u{1b}[0m {\"a\":1}", "\u{1b}[32mok\u{1b}[0m  | {\"a\":1}"),
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
