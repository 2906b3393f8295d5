use proptest::prelude::*;

use super::super::{
    event_stream::*,
    oracle::{check_event, read},
};

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
    fn no_id_breaks_the_frame(id in any::<String>(), payload in any::<String>()) {
        check_event(&id, &payload);
    }

    #[test]
    fn no_event_id_breaks_the_reader(id in "[0-9_ +-]{0,24}") {
        check_event(&id, "{}");
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
