use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::{
    super::{
        oracle::{assembled, edits},
        *,
    },
    Written, request,
};

fn edited(written: &Written, with: &str) -> Value {
    let mut value = written.value();
    let with: Value = serde_json::from_str(with).unwrap();
    value["id"] = with.clone();
    if written.token.is_some() {
        value["params"]["_meta"]["progressToken"] = with;
    }
    value
}

proptest! {
    #[test]
    fn splicing_then_parsing_is_parsing_then_editing(
        written in request(),
        with in prop_oneof![Just("7".to_owned()), Just("\"own\"".to_owned()), Just("18446744073709551615".to_owned())],
    ) {
        let message = written.message();
        let spliced = assembled(message.bytes(), &edits(&message, with.as_bytes(), with.as_bytes()));
        prop_assert_eq!(serde_json::from_slice::<Value>(&spliced).unwrap(), edited(&written, &with));
    }

    #[test]
    fn splicing_there_and_back_restores_every_byte(written in request(), own in any::<u64>()) {
        let message = written.message();
        let own = own.to_string();
        let out = Message::parse(assembled(message.bytes(), &edits(&message, own.as_bytes(), own.as_bytes()))).unwrap();
        let token = written.token.clone().unwrap_or_default();
        let back = edits(&out, written.id.as_bytes(), token.as_bytes());
        prop_assert_eq!(&assembled(out.bytes(), &back), message.bytes());
    }

    #[test]
    fn a_queue_gives_back_what_was_put_into_it(
        parts in prop::collection::vec((request(), 0u8..4), 0..6),
        popped in 0usize..4,
    ) {
        let mut pieces = Pieces::default();
        let (mut put, mut got) = (Vec::new(), Vec::new());
        for (written, how) in &parts {
            let message = written.message();
            let edits = edits(&message, b"1", b"1");
            let assembly = Assembly { before: b"data: ", source: message.bytes(), edits: &edits, behind: b"\n" };
            put.extend(assembly.frame().runs().concat());
            match how {
                0 => pieces.push(&assembly),
                1 => pieces.push_frame(&assembly.frame()),
                _ => pieces.push_slice(&assembly.frame().runs().concat()),
            }
            for _ in 0..popped {
                got.extend(pieces.pop().unwrap_or_default());
            }
            prop_assert_eq!(pieces.len(), put.len() - got.len());
            prop_assert_eq!(pieces.is_empty(), put.len() == got.len());
        }
        got.extend(pieces.drain().concat());
        prop_assert!(got == put);
        prop_assert_eq!(pieces.len(), 0);
    }

    #[test]
    fn escaped_text_is_a_string_of_it(text in any::<String>()) {
        prop_assert_eq!(serde_json::from_str::<String>(&escape(&text)).unwrap(), text);
    }
}

#[test]
fn a_large_payload_is_not_copied() {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"x":"{}"}}}}"#,
        "y".repeat(1 << 20)
    );
    let message = Message::parse(text.into()).unwrap();
    let source = message.bytes();
    let edits = edits(&message, b"12345", b"1");
    let frame = Assembly { before: b"data: ", source, edits: &edits, behind: b"\n\n" }.frame();
    let largest = frame.runs().iter().max_by_key(|run| run.len()).unwrap();
    let within = source.as_ptr_range();
    assert!(within.contains(&largest.as_ptr()), "the payload has a buffer of its own");
}

#[test]
fn edits_at_both_ends_leave_the_middle() {
    let source = Bytes::from_static(b"abcdef");
    let edits = [
        Edit { span: Span::new(0, 1), with: b"" },
        Edit { span: Span::new(1, 1), with: b"-" },
        Edit { span: Span::new(5, 6), with: b"xyz" },
    ];
    assert_eq!(assembled(&source, &edits), "-bcdexyz");
}
