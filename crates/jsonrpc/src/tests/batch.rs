use bytes::Bytes;
use proptest::prelude::*;

use super::{
    super::{oracle::check_batch, *},
    Written, request, space,
};

fn many(text: impl Into<Bytes>) -> Vec<Message> {
    match split(text.into(), MAX_BATCH).unwrap() {
        Body::Many(messages) => messages,
        Body::One(message) => panic!("{message:?} is not a batch"),
    }
}

fn batch() -> impl Strategy<Value = (Vec<Written>, String)> {
    (prop::collection::vec(request(), 0..5), space(), space()).prop_map(
        |(written, before, behind)| {
            let texts: Vec<_> = written.iter().map(|written| written.text.as_str()).collect();
            let text = format!(
                "{before}[{behind}{}{before}]{behind}",
                texts.join(&format!("{before},{behind}"))
            );
            (written, text)
        },
    )
}

proptest! {
    #[test]
    fn split_and_regrouped_it_is_the_batch_that_came((written, text) in batch()) {
        prop_assert_eq!(many(text.clone()).len(), written.len());
        check_batch(text.as_bytes());
    }

    #[test]
    fn a_message_of_a_batch_is_the_message_alone((written, text) in batch()) {
        for (message, written) in many(text).iter().zip(&written) {
            let alone = written.message();
            // The batch may have line breaks where the message alone has none, never the reverse.
            prop_assert_eq!(message.bytes(), alone.bytes());
            prop_assert_eq!(message.id_span(), alone.id_span());
            prop_assert_eq!(message.requested_token(), alone.requested_token());
            prop_assert_eq!(message.params(), alone.params());
            prop_assert_eq!(message.method(), alone.method());
        }
    }

    #[test]
    fn damage_is_never_taken_for_a_batch((_, text) in batch(), at: prop::sample::Index, byte in 0u8..128) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check_batch(&bytes);
    }
}

#[test]
fn no_message_keeps_more_alive_than_twice_its_length() {
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#;
    let long = one.replace("\"m\"", &format!("\"{}\"", "m".repeat(100)));
    let body = Bytes::from(format!("[{one},{long}]"));
    let shares = |message: &Message| body.as_ptr_range().contains(&message.bytes().as_ptr());
    let messages = many(body.clone());
    assert_eq!(messages.iter().map(shares).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn one_unsound_element_refuses_all() {
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#;
    for (text, syntax) in [
        (format!("[{one},1]"), false),
        (format!("[{one},[{one}]]"), false),
        (format!("[{one},{{}}]"), false),
        (format!("[{one},]"), true),
        (format!("[{one} {one}]"), true),
        (format!("[{one}"), true),
        (format!("[{one}]]"), true),
        (format!("{one},{one}"), true),
    ] {
        let error = split(text.clone().into(), MAX_BATCH).unwrap_err();
        assert_eq!(matches!(error, Invalid::Syntax(_)), syntax, "{text}: {error}");
    }
}

#[test]
fn an_array_ends_with_the_first_message_too_many_or_the_first_that_is_none() {
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#;
    let array = |count: usize, behind: &str| format!("[{}{behind}", vec![one; count].join(","));
    assert_eq!(many(array(MAX_BATCH, "]")).len(), MAX_BATCH);
    // What is behind is not looked at: neither is JSON.
    for (text, expected) in [
        (array(MAX_BATCH, &format!(",{one},[")), Invalid::TooMany(MAX_BATCH)),
        (array(3, ",1,["), Invalid::Shape("not an object")),
        ("[1,[".to_owned(), Invalid::Shape("not an object")),
    ] {
        assert_eq!(split(text.into(), MAX_BATCH).unwrap_err(), expected);
    }
}
