use proptest::prelude::*;
use serde_json::Value;

use super::{super::*, scalar};

proptest! {
    #[test]
    fn any_spelling_is_kept_byte_for_byte(raw in scalar(), more in "[a-z]{0,64}") {
        for raw in [raw, format!("\"{more}\"")] {
            let kept = Raw::new(raw.as_bytes());
            prop_assert_eq!(kept.as_bytes(), raw.as_bytes());
            let copy = kept.clone();
            prop_assert_eq!(copy.as_bytes(), raw.as_bytes());
            prop_assert_eq!(format!("{kept:?}"), raw);
        }
    }

    #[test]
    fn an_error_carries_the_id_as_written(raw in scalar(), message in any::<String>()) {
        let bytes = ErrorBody::new(Code::Internal, message.clone()).response(raw.as_bytes());
        let response = Message::parse(bytes.clone()).unwrap();
        prop_assert_eq!(response.kind(), Kind::Error);
        prop_assert_eq!(response.id().unwrap(), raw.as_bytes());
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&value["error"]["message"], &Value::from(message));
    }

    #[test]
    fn strings_are_one_key_exactly_if_they_are_one_text(a in any::<String>(), b in any::<String>()) {
        let key = |text: &str| IdKey::of(Value::from(text).to_string().as_bytes());
        prop_assert_eq!(key(&a) == key(&b), a == b);
        prop_assert_eq!(key(&a), key(&a));
    }
}

#[test]
fn lengths_around_the_inline_limit_are_kept() {
    for length in 0..80 {
        let raw = "7".repeat(length);
        assert_eq!(Raw::new(raw.as_bytes()).as_bytes(), raw.as_bytes());
    }
}

#[test]
fn a_string_is_never_the_key_of_a_number() {
    for text in ["1", "1.0", "-0", "1e3", "NaN", "null"] {
        let string = format!("\"{text}\"");
        assert_ne!(IdKey::of(text.as_bytes()), IdKey::of(string.as_bytes()), "{text}");
    }
}
