//! Finds out whether two requests are the same call, without storing either.

use std::hash::{BuildHasher as _, Hash, RandomState};

use super::{
    envelope::Message,
    json::{Span, find_member, string_text},
    members::{elements, members},
};

/// Longest value that is compared regardless of the order of members and of escapes; longer ones
/// must be the same text. Keeps the comparison cheap.
const MAX_REORDERED: usize = 64 * 1024;
/// Deepest nesting of such a value.
const MAX_DEPTH: usize = 32;

/// Makes comparable fingerprints. Nobody else can find two values with the same one.
#[derive(Debug, Default)]
pub struct Fingerprints([RandomState; 2]);

/// The fingerprint of a call.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint {
    text: u128,
    meaning: Option<u128>,
}

impl Fingerprint {
    /// Whether both are of the same call.
    pub fn is_same(self, other: Self) -> bool {
        self.text == other.text || (self.meaning.is_some() && self.meaning == other.meaning)
    }
}

impl Fingerprints {
    /// The fingerprint of a request: its method, and these members of its `params`. Nothing else
    /// counts.
    pub fn of(&self, request: &Message, names: &[&str]) -> Fingerprint {
        let bytes = request.bytes();
        let value = |name| find_member(bytes, request.params()?, name);
        let values: Vec<Option<Span>> = names.iter().map(|name| value(name)).collect();
        let texts = values.iter().map(|span| span.map(|span| span.of(bytes)));
        let text = self.hash(&(request.method(), texts.collect::<Vec<_>>()));
        let meanings: Option<Vec<Option<u128>>> = values
            .iter()
            .map(|span| span.map_or(Some(None), |span| self.meaning(bytes, span, 0).map(Some)))
            .collect();
        let meaning = meanings.map(|meanings| self.hash(&(request.method(), meanings)));
        Fingerprint { text, meaning }
    }

    fn hash(&self, value: &impl Hash) -> u128 {
        let [high, low] = &self.0;
        u128::from(high.hash_one(value)) << 64 | u128::from(low.hash_one(value))
    }

    /// Equal for values that every JSON parser treats as equal; `None` for values that are
    /// ambiguous, too long or too deep.
    fn meaning(&self, text: &[u8], span: Span, depth: usize) -> Option<u128> {
        let raw = span.of(text);
        if raw.len() > MAX_REORDERED || depth > MAX_DEPTH {
            return None;
        }
        match raw.first() {
            Some(b'{') => {
                let mut found = members(text, span)
                    .map(|entry| {
                        let value = self.meaning(text, entry.value, depth + 1)?;
                        Some((entry.name(), value))
                    })
                    .collect::<Option<Vec<_>>>()?;
                found.sort_unstable();
                let twice = found.windows(2).any(|pair| pair[0].0 == pair[1].0);
                (!twice).then(|| self.hash(&('{', found)))
            }
            Some(b'[') => {
                let found: Option<Vec<u128>> = elements(text, span)
                    .map(|element| self.meaning(text, element, depth + 1))
                    .collect();
                found.map(|found| self.hash(&('[', found)))
            }
            // An unpaired surrogate is not text, and a number is compared as written.
            _ => Some(match string_text(raw) {
                Some(text) => self.hash(&('"', text)),
                None => self.hash(&(' ', raw)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(params: &str) -> Message {
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#);
        Message::parse(text.into()).unwrap()
    }

    fn is_same(one: &str, other: &str) -> bool {
        let prints = Fingerprints::default();
        let of = |params: &str| prints.of(&call(params), &["name", "arguments"]);
        of(one).is_same(of(other))
    }

    #[test]
    fn order_spaces_and_escapes_make_no_other_call() {
        let one = r#""name":"a","arguments":{"x":1,"y":[true,"b"]}"#;
        for other in [
            one,
            r#""arguments": {"y":[ true ,"\u0062"], "x":1}, "name":"\u0061", "_meta":{}"#,
            r#""name":"a","arguments":{"y":[true,"b"],"x":1},"requestState":"s""#,
        ] {
            assert!(is_same(one, other), "{other}");
        }
        for other in [
            r#""name":"a","arguments":{"x":1}"#,
            r#""name":"a","arguments":{"x":1,"y":["b",true]}"#,
            r#""name":"a","arguments":{"x":"1","y":[true,"b"]}"#,
            r#""name":"b","arguments":{"x":1,"y":[true,"b"]}"#,
            r#""name":"a""#,
            "",
        ] {
            assert!(!is_same(one, other), "{other}");
        }
    }

    #[test]
    fn what_other_readers_cannot_read_or_read_otherwise_is_compared_as_text() {
        let deep =
            |leaf: &str| format!(r#""arguments":{}{leaf}{}"#, "[".repeat(200), "]".repeat(200));
        let long = |leaf: &str| format!(r#""arguments":["{}",{leaf}]"#, "x".repeat(MAX_REORDERED));
        for (one, other) in [
            (r#""arguments":"\ud800""#.to_owned(), r#""arguments":"\udfff""#.to_owned()),
            (r#""arguments":1e999"#.to_owned(), r#""arguments":2e999"#.to_owned()),
            (r#""arguments":{"x":1,"x":2}"#.to_owned(), r#""arguments":{"x":2,"x":1}"#.to_owned()),
            (r#""arguments":{"x":1,"x":2}"#.to_owned(), r#""arguments":{"x":2}"#.to_owned()),
            (deep("1"), deep("2")),
            (long("1"), long("2")),
            (r#""arguments":null"#.to_owned(), String::new()),
        ] {
            assert!(is_same(&one, &one), "{one:.80}");
            assert!(!is_same(&one, &other), "{one:.80}");
        }
    }
}
