//! Properties that must hold wherever reads cut the bytes.
//!
//! For the tests of this module and for the fuzzers; a check that fails panics.

#![expect(clippy::unwrap_used, reason = "a check fails by a panic")]

use bytes::Bytes;

use super::{
    event_stream::{END, EventId, message_as},
    line::{Line, LineBuffer, TooLong, classify},
};

/// The lines of a text that arrives in chunks of these lengths, and the rest at the end; the rest
/// is empty if a line was too long.
pub(super) fn lines(text: &[u8], chunks: &[usize], limit: usize) -> (Vec<Bytes>, Option<Bytes>) {
    let (mut buffer, mut lines, mut from) = (LineBuffer::new(limit), Vec::new(), 0);
    for chunk in chunks.iter().copied().chain([text.len()]) {
        let to = text.len().min(from + chunk);
        buffer.room().extend_from_slice(&text[from..to]);
        from = to;
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

/// The lines are those of the text, up to the first that is too long.
pub(crate) fn check_lines(text: &[u8], chunks: &[usize], limit: usize) {
    let whole: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let sound = whole.iter().take_while(|line| line.len() <= limit).count();
    let (lines, rest) = lines(text, chunks, limit);
    assert!(lines == whole[..sound.min(whole.len() - 1)]);
    assert_eq!(rest.is_none(), sound < whole.len());
    assert!(rest.is_none_or(|rest| rest == whole[whole.len() - 1]));
    for line in lines {
        check_line(line);
    }
}

/// Classifying a line loses none of its bytes.
fn check_line(line: Bytes) {
    let whole = line.clone();
    let text = whole.trim_ascii();
    let kept = match classify(line) {
        Line::Blank => text.is_empty(),
        Line::Noise(noise) => noise == text && !text.contains(&b'{') && !text.ends_with(b"}"),
        Line::Candidate(candidate) => candidate == text && matches!(text[0], b'{' | b'['),
        Line::Mixed(mixed) => mixed == text && (text.contains(&b'{') || text.ends_with(b"}")),
    };
    assert!(kept);
}

/// An event as a client reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) id: Option<String>,
}

/// Reads a stream as the standard says (WHATWG HTML, 9.2.6): the events with data, and the last id.
pub(crate) fn read(stream: &str) -> (Vec<Read>, String) {
    let (mut events, mut current, mut last_id) = (Vec::new(), Read::default(), String::new());
    let mut data: Vec<String> = Vec::new();
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = stream.split('\n').collect();
    lines.pop();
    for line in lines {
        if line.is_empty() {
            current.data = data.join("\n");
            if !std::mem::take(&mut data).is_empty() {
                events.push(std::mem::take(&mut current));
            }
            current = Read::default();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "event" => current.event = value,
            "data" => data.push(value),
            "id" if !value.contains('\0') => {
                last_id.clone_from(&value);
                current.id = Some(value);
            }
            _ => {}
        }
    }
    (events, last_id)
}

/// Whatever its id, a message is one event with the message's text; an id that was given out can be
/// read back.
pub(crate) fn check_event(id: &str, payload: &str) {
    let payload = payload.replace(['\r', '\n'], " ");
    let mut preludes = vec![message_as(id).into_bytes()];
    if let Some(id) = EventId::parse(id) {
        assert_eq!(EventId::parse(&format!("{}_{}", id.stream, id.number)), Some(id));
        preludes.push(id.message().as_bytes().to_vec());
    }
    for prelude in preludes {
        let frame = [&prelude[..], payload.as_bytes(), END].concat();
        let (events, last) = read(std::str::from_utf8(&frame).unwrap());
        assert_eq!(events.len(), 1);
        assert_eq!((&events[0].event[..], &events[0].data), ("message", &payload));
        let sound = !id.is_empty() && !id.contains(['\r', '\n', '\0']);
        assert_eq!(events[0].id.is_some(), sound);
        assert!(last == id || EventId::parse(&last) == EventId::parse(id));
    }
}
