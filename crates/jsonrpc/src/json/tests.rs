use proptest::prelude::*;

use super::*;

fn accepts(text: &str) -> bool {
    let mut scanner = Scanner::new(text.as_bytes()).unwrap();
    scanner.value().and_then(|_| scanner.finish()).is_ok()
}

#[test]
fn accepts_what_json_allows() {
    for text in [
        "0",
        "-0",
        "1.0",
        "1e400",
        "-12.5E+3",
        "12345678901234567890",
        "\"\"",
        "\"\\u00e9\\/\"",
        "\"\\ud800\"",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        " [ 1 , [ ] , { } ] ",
        "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":\"e\"}",
        "[[[]],[]]",
    ] {
        assert!(accepts(text), "{text}");
    }
}

#[test]
fn refuses_what_json_does_not_allow() {
    for text in [
        "",
        " ",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "0x1",
        "NaN",
        "tru",
        "truex",
        "'a'",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"a\nb\"",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "[}",
        "{]",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "[]]",
    ] {
        assert!(!accepts(text), "{text}");
    }
}

#[test]
fn control_characters_are_found_wherever_they_hide_in_a_string() {
    for length in [1, 23, 24, 25, 63, 64, 65, 200] {
        for at in 0..length {
            let mut text = format!("\"{}\"", "x".repeat(length)).into_bytes();
            text[at + 1] = b'\n';
            let mut scanner = Scanner::new(&text).unwrap();
            assert!(scanner.value().is_err(), "{length} {at}");
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(accepts(&nested(MAX_DEPTH)));
    assert!(!accepts(&nested(MAX_DEPTH + 1)));
    assert!(!accepts(&"[".repeat(1_000_000)));
}

#[test]
fn members_are_found_by_their_decoded_key() {
    let text = br#"{"a":1,"\u0062":[2],"c":{"b":3}}"#;
    let whole = Span::new(0, text.len());
    assert_eq!(find_member(text, whole, "b").map(|span| span.of(text)), Some(&b"[2]"[..]));
    assert_eq!(find_member(text, whole, "d"), None);
}

#[test]
fn a_removed_member_takes_its_comma_along() {
    let cut = |text: &str, name: &str| {
        let span = find_removal(text.as_bytes(), Span::new(0, text.len()), name)?;
        Some(format!("{}{}", &text[..span.range().start], &text[span.range().end..]))
    };
    assert_eq!(cut(r#"{"a":1}"#, "a").as_deref(), Some("{}"));
    assert_eq!(cut(r#"{"a":1, "b":2}"#, "a").as_deref(), Some(r#"{ "b":2}"#));
    assert_eq!(cut(r#"{"a":1, "b":2}"#, "b").as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(cut(r#"{"a":1,"b":2,"c":3}"#, "b").as_deref(), Some(r#"{"a":1,"c":3}"#));
    assert_eq!(cut(r#"{"a":1}"#, "b"), None);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..8)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_another_parser_on_valid_text(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        prop_assert!(accepts(&text.unwrap()));
    }

    #[test]
    fn agrees_with_another_parser_on_damaged_text(value in json(), at: prop::sample::Index, byte in 0u8..128) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(text) = std::str::from_utf8(&text) {
            let other = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            prop_assert_eq!(accepts(text), other, "{}", text);
        }
    }

    #[test]
    fn never_panics(text in "[\\[\\]{},:\"\\\\0-9.eE+\\-tfnu \n]{0,40}") {
        let other = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(accepts(&text), other, "{}", text);
    }
}
