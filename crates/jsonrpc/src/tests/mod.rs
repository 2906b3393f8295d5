//! Properties of the raw messages, with `serde_json::Value` as the oracle.
//!
//! The texts are written by hand rather than by a serialiser, so they contain what serialisers
//! avoid: white space anywhere, escaped keys, unusual spellings of numbers, members in any order.

mod batch;
mod envelope;
mod id;
mod splice;

use proptest::{prelude::*, sample::select};
use serde_json::Value;

use super::Message;

/// White space between tokens.
fn space() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", " ", "\t", "\n", "\r\n", "  \n "])
}

/// A number or a string as a peer may write it.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "0",
            "-0",
            "1",
            "1.0",
            "10e-1",
            "1E+2",
            "-12.5",
            "9007199254740993",
            "12345678901234567890",
            "0.1",
            "\"\"",
            "\"1\"",
            "\"\\u0031\"",
            "\"a\\/b\"",
            "\"\\\\\\\"\"",
            "\"\\n\"",
            "\"}\"",
            "\"é\u{1f980}\"",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| Value::from(text).to_string()),
    ]
}

/// A key, sometimes with its first letter escaped.
fn key(name: &'static str) -> impl Strategy<Value = String> {
    prop::bool::weighted(0.1).prop_map(move |escaped| {
        let first = u32::from(name.chars().next().unwrap());
        if escaped { format!("\"\\u{first:04x}{}\"", &name[1..]) } else { format!("\"{name}\"") }
    })
}

/// Any JSON value.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![select(vec!["null", "true", "false"]).prop_map(str::to_owned), scalar()];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = (any::<String>(), space(), inner.clone())
            .prop_map(|(name, space, value)| format!("{}:{space}{value}", Value::from(name)));
        prop_oneof![
            (prop::collection::vec(inner, 0..4), space()).prop_map(|(items, space)| {
                format!("[{space}{}]", items.join(&format!("{space},")))
            }),
            // An object with a repeated key is ambiguous, so there are few keys.
            (prop::option::of(member), space())
                .prop_map(|(member, space)| format!("{{{space}{}}}", member.unwrap_or_default())),
        ]
    })
}

/// An object with these members in any order.
fn object(members: Vec<String>) -> impl Strategy<Value = String> {
    (Just(members).prop_shuffle(), space(), space()).prop_map(|(members, before, behind)| {
        format!("{{{before}{}{behind}}}", members.join(&format!("{behind},{before}")))
    })
}

fn member(
    name: &'static str,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    (key(name), space(), value)
        .prop_map(|(key, space, value)| format!("{key}{space}:{space}{value}"))
}

/// A request and the raw values that a proxy replaces in it.
#[derive(Clone, Debug)]
struct Written {
    text: String,
    id: String,
    token: Option<String>,
}

impl Written {
    fn message(&self) -> Message {
        Message::parse(self.text.clone().into()).unwrap()
    }

    fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// A payload that is sometimes too large to be copied.
fn payload() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => value(),
        1 => (8_000usize..40_000).prop_map(|length| format!("\"{}\"", "x".repeat(length))),
    ]
}

/// A request with vendor fields, members in any order and, sometimes, a progress token.
fn request() -> impl Strategy<Value = Written> {
    (scalar(), prop::option::of(scalar()))
        .prop_flat_map(|(id, token)| {
            let meta = match token.clone() {
                Some(token) => {
                    (member("progressToken", Just(token)), member("vendor/key", value()))
                        .prop_flat_map(|(token, vendor)| object(vec![token, vendor]))
                        .boxed()
                }
                None => Just("{}".to_owned()).boxed(),
            };
            let params =
                (member("_meta", meta), member("arguments", payload()), member("name", scalar()))
                    .prop_flat_map(|(meta, arguments, name)| object(vec![meta, arguments, name]));
            (Just((id, token)), params)
        })
        .prop_flat_map(|((id, token), params)| {
            let members = (
                member("jsonrpc", Just("\"2.0\"".to_owned())),
                member("id", Just(id.clone())),
                member("method", Just("\"tools/call\"".to_owned())),
                member("params", Just(params)),
                member("vendor", value()),
            );
            let text = members.prop_flat_map(|(version, id, method, params, vendor)| {
                object(vec![version, id, method, params, vendor])
            });
            (text, Just(id), Just(token)).prop_map(|(text, id, token)| Written { text, id, token })
        })
}
