use proptest::prelude::*;

use super::super::event_stream::*;

/// An event as a client reads it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Read {
    event: String,
    data: String,
    id: Option<String>,
}

/// Reads a stream as the standard says (WHATWG HTML, 9.2.6): the events with data, and the last id.
fn read(stream: &str) -> (Vec<Read>, String) {
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

fn frame(before: &[u8], payload: &str) -> String {
    String::from_utf8([before, payload.as_bytes(), END].concat()).unwrap()
}

/// What a message may hold: no line breaks.
fn payload() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace(['\r', '\n'], " "))
}

proptest! {
    #[test]
    fn numbered_messages_are_read_as_they_were_written(
        messages in prop::collection::vec((any::<u64>(), any::<u64>(), payload()), 0..8),
        quiet: bool,
    ) {
        let mut stream = String::new();
        for (stream_number, number, payload) in &messages {
            let id = EventId { stream: *stream_number, number: *number };
            stream += &frame(id.message().as_bytes(), payload);
            if quiet {
                stream += std::str::from_utf8(KEEP_ALIVE).unwrap();
            }
        }
        let (events, _) = read(&stream);
        prop_assert_eq!(events.len(), messages.len());
        for (event, (stream, number, payload)) in events.iter().zip(&messages) {
            let id = EventId { stream: *stream, number: *number };
            prop_assert_eq!(&event.event, "message");
            prop_assert_eq!(&event.data, payload);
            prop_assert_eq!(EventId::parse(event.id.as_ref().unwrap()), Some(id));
        }
    }

    #[test]
    fn a_foreign_id_never_breaks_the_frame(id in any::<String>(), payload in payload()) {
        let stream = frame(message_as(&id).as_bytes(), &payload);
        let (events, _) = read(&stream);
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!(&events[0].data, &payload);
        let sound = !id.is_empty() && !id.contains(['\r', '\n', '\0']);
        prop_assert_eq!(events[0].id.as_deref(), sound.then_some(id.as_str()));
    }

    #[test]
    fn no_event_id_breaks_the_reader(text in "[0-9_ +-]{0,24}") {
        if let Some(id) = EventId::parse(&text) {
            prop_assert_eq!(EventId::parse(&format!("{}_{}", id.stream, id.number)), Some(id));
        }
    }
}

#[test]
fn a_priming_event_sets_the_id_and_is_empty() {
    let id = EventId { stream: u64::MAX, number: u64::MAX };
    let stream = String::from_utf8(id.priming().as_bytes().to_vec()).unwrap();
    let (events, last) = read(&stream);
    assert_eq!(EventId::parse(&last), Some(id));
    assert!(events.iter().all(|event| event.data.is_empty()));
}

#[test]
fn malformed_event_ids_name_nothing() {
    for text in ["", "_", "1", "1_", "_1", "1_2_3", "a_1", "1_-1", "18446744073709551616_0", "1 _2"]
    {
        assert_eq!(EventId::parse(text), None, "{text}");
    }
}
