use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value};

use super::{
    super::{
        oracle::{check_envelope, kind_of},
        *,
    },
    key, object, request, space, value,
};

fn parse(text: impl AsRef<[u8]>) -> Result<Message, Invalid> {
    Message::parse(bytes::Bytes::copy_from_slice(text.as_ref()))
}

/// An object with a valid or invalid value for some of the members of a message.
fn loose_message() -> impl Strategy<Value = String> {
    let maybe = |name, values: &[&'static str]| {
        let sound = select(values.to_vec()).prop_map(str::to_owned);
        let value = prop_oneof![6 => sound, 1 => value()];
        let member = (key(name), space(), value)
            .prop_map(|(key, space, value)| format!("{key}:{space}{value}"));
        prop::option::weighted(0.6, member)
    };
    let version = prop_oneof![9 => Just(Some("\"jsonrpc\":\"2.0\"".to_owned())), 1 => maybe("jsonrpc", &["\"1.0\"", "2.0"])];
    (
        version,
        maybe("id", &["1", "-1.5e3", "\"a\"", "\"\"", "null"]),
        maybe("method", &["\"ping\"", "\"\\u0070ing\"", "\"\""]),
        maybe("params", &["{}", "{\"uri\":\"a\"}", "[]"]),
        maybe("result", &["{}", "null", "[1]"]),
        maybe("error", &["{\"code\":1,\"message\":\"\"}", "null"]),
        maybe("other", &["{\"id\":1}"]),
    )
        .prop_flat_map(|(a, b, c, d, e, f, g)| {
            object([a, b, c, d, e, f, g].into_iter().flatten().collect())
        })
}

/// Texts that resemble JSON: fragments in any order.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let fragment = select(vec![
        &b"{"[..],
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b" ",
        b"\n",
        b"\"",
        b"\\",
        b"\\u00",
        b"0",
        b"-",
        b"1.5",
        b"e",
        b"true",
        b"nul",
        b"null",
        b"\"jsonrpc\":\"2.0\"",
        b"\"id\":1",
        b"\"method\":\"m\"",
        b"\"a\"",
        b"\xff",
        b"\xc3\xa9",
        b"\x00",
        b"\x1f",
        b"\x7f",
    ]);
    prop::collection::vec(fragment, 0..16).prop_map(|fragments| fragments.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn validity_is_that_of_another_parser_for_any_bytes(bytes in any::<Vec<u8>>()) {
        check_envelope(&bytes);
    }

    #[test]
    fn validity_is_that_of_another_parser_for_fragments(bytes in fragments()) {
        check_envelope(&bytes);
    }

    #[test]
    fn validity_is_that_of_another_parser_for_damaged_messages(
        written in loose_message(), at: prop::sample::Index, byte: u8, cut: bool,
    ) {
        let mut bytes = written.into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        check_envelope(&bytes);
    }

    #[test]
    fn the_kind_is_the_one_that_the_value_tree_tells(text in loose_message()) {
        let kind = kind_of(&serde_json::from_str(&text).unwrap());
        prop_assert_eq!(parse(&text).ok().map(|message| message.kind()), kind, "{}", text);
    }

    #[test]
    fn members_are_found_where_they_are(written in request()) {
        let (message, value) = (written.message(), written.value());
        let read = |span: Option<Span>| span.map(|span| serde_json::from_slice::<Value>(message.text(span)).unwrap());
        prop_assert_eq!(message.kind(), Kind::Request);
        prop_assert_eq!(message.id().unwrap(), written.id.as_bytes());
        prop_assert_eq!(message.method(), "tools/call");
        prop_assert_eq!(read(message.params()), value.get("params").cloned());
        prop_assert_eq!(read(message.meta()), value.pointer("/params/_meta").cloned());
        let token = message.requested_token().map(|span| message.text(span));
        prop_assert_eq!(token, written.token.as_ref().map(String::as_bytes));
    }

    #[test]
    fn a_message_fits_into_one_line_and_means_the_same(written in request()) {
        let message = written.message();
        prop_assert!(!message.bytes().iter().any(|byte| matches!(byte, b'\n' | b'\r')));
        prop_assert_eq!(message.bytes().len(), written.text.len());
        prop_assert_eq!(serde_json::from_slice::<Value>(message.bytes()).unwrap(), written.value());
    }

    #[test]
    fn further_metadata_changes_nothing_else(written in request()) {
        let mut expected = written.value();
        expected["params"]["_meta"]["added"] = true.into();
        let message = written.message().with_meta("\"added\":true");
        prop_assert_eq!(serde_json::from_slice::<Value>(message.bytes()).unwrap(), expected);
        prop_assert_eq!(message.id().unwrap(), written.id.as_bytes());
    }
}

#[test]
fn metadata_finds_or_makes_its_place() {
    for (before, after) in [
        (r#"{"jsonrpc":"2.0","method":"m" } "#, r#"{"_meta":{"a":1}}"#),
        (r#"{"jsonrpc":"2.0","method":"m","params":{}}"#, r#"{"_meta":{"a":1}}"#),
        (r#"{"jsonrpc":"2.0","method":"m","params":{ "b":2}}"#, r#"{"_meta":{"a":1},"b":2}"#),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{ }}}"#, r#"{"_meta":{"a":1}}"#),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":3}}"#, r#"{"_meta":3}"#),
    ] {
        let message = parse(before).unwrap().with_meta("\"a\":1");
        let value: Map<String, Value> = serde_json::from_slice(message.bytes()).unwrap();
        assert_eq!(value["params"], serde_json::from_str::<Value>(after).unwrap(), "{before}");
    }
}

#[test]
fn what_two_readers_would_read_differently_is_refused() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1,"\u0069d":1,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","method":"n"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{},"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{},"_meta":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":1,"_meta":{}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":1,"progressToken":2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"uri":"a","uri":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#,
        r#"{"jsonrpc":"2.0","method":"m","params":{"requestId":1,"requestId":2}}"#,
    ] {
        let repeated = Invalid::Shape("a member is repeated or has the wrong type");
        assert_eq!(parse(text).unwrap_err(), repeated, "{text}");
    }
}

#[test]
fn other_members_may_be_repeated() {
    let text =
        r#"{"a":1,"jsonrpc":"2.0","a":2,"method":"m","params":{"a":1,"a":{"uri":1,"uri":2}}}"#;
    assert_eq!(parse(text).unwrap().bytes(), text);
}

#[test]
fn a_replaced_value_leaves_all_parts_where_they_are() {
    let texts = [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a__read","arguments":{"x":1},"_meta":{"progressToken":"t"}}}"#,
        r#"{"params":{"_meta":{"progressToken":2},"uri":"u","name":"a__read"},"method":"x","id":"i","jsonrpc":"2.0"}"#,
    ];
    for text in texts {
        for with in [r#""read""#, r#""""#, r#""a_much_longer_name_than_it_was""#] {
            let message = Message::parse(text.into()).unwrap();
            let replaced = message.replaced(message.only_name().unwrap(), with.as_bytes());
            let again = Message::parse(replaced.bytes().clone()).unwrap();
            assert_eq!(format!("{:?}", replaced.parts()), format!("{:?}", again.parts()), "{text}");
            assert_eq!(replaced.name(), decode_string(with.as_bytes()).map(Into::into));
        }
    }
}

#[test]
fn a_name_that_is_repeated_is_no_name() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"a","name":"b"}}"#;
    let message = Message::parse(text.into()).unwrap();
    assert!(message.repeats_name() && message.only_name().is_none());
    assert_eq!(message.name().as_deref(), Some("b"));
}

#[test]
fn what_another_reader_may_take_for_a_member_that_matters_is_told() {
    for (text, ambiguous) in [
        (r#"{"jsonrpc":"2.0","method":"notifications/x","Method":"tools/call","ID":1}"#, true),
        (r#"{"jsonrpc":"2.0","method":"m","id\u0000":1}"#, true),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"param\u{17f}\":{}}", true),
        (r#"{"jsonrpc":"2.0","method":"m","i\u0044":1}"#, true),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"Uri":"x"}}"#, true),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"_Meta":{}}}"#, true),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"name":"a","name":"b"}}"#, true),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"arguments":1,"arguments":2}}"#, true),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"ProgressToken":1}}}"#, true),
        (
            r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"io.modelcontextprotocol/protocolversion":1}}}"#,
            true,
        ),
        // Everything below is the server's own.
        (r#"{"jsonrpc":"2.0","method":"m","params":{"arguments":{"ID":1,"Uri":2}}}"#, false),
        (r#"{"jsonrpc":"2.0","method":"m","X":1,"params":{"Y":1,"_meta":{"Z":1}}}"#, false),
        (r#"{"jsonrpc":"2.0","m\u0065thod":"m","params":{"nam\u0065":"a"}}"#, false),
    ] {
        let message = Message::parse(text.into()).unwrap();
        assert_eq!(message.is_ambiguous(), ambiguous, "{text}");
    }
}

#[test]
fn an_id_or_token_that_is_too_long_to_be_kept_is_refused() {
    let long = "x".repeat(MAX_ID - 1);
    let kept = &long[..MAX_ID - 2];
    for (before, behind) in [
        (r#"{"jsonrpc":"2.0","method":"m","id":""#, r#""}"#),
        (r#"{"jsonrpc":"2.0","result":{},"id":""#, r#""}"#),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":""#, r#""}}}"#),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"progressToken":""#, r#""}}"#),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"requestId":""#, r#""}}"#),
    ] {
        assert!(Message::parse(format!("{before}{kept}{behind}").into()).is_ok());
        let refused = Message::parse(format!("{before}{long}{behind}").into()).unwrap_err();
        assert_eq!(refused, Invalid::LongId, "{before}");
    }
}
