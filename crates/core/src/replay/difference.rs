//! Finds where two values differ, except for differences that do not matter.

use serde_json::Value;

use crate::watch::REDACTED;

/// Most differences that are reported.
const MOST: usize = 20;
/// Longest value that is shown.
const SHOWN: usize = 120;

/// The place of a difference, with the recorded and the new value; `None` if one is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// A JSON Pointer.
    pub(crate) path: String,
    pub(crate) recorded: Option<String>,
    pub(crate) actual: Option<String>,
}

/// Values that may differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored(Vec<Rule>);

#[derive(Clone, Debug)]
enum Rule {
    /// A member with this name, anywhere.
    Name(String),
    /// A JSON Pointer; `*` matches any name or index.
    Path(Vec<String>),
    Timestamps,
    Uuids,
    Numbers,
}

impl Ignored {
    /// Parses words: `name`, `/a/*/b`, `$.a.*.b`, `@timestamp`, `@uuid`, `@number`.
    pub(crate) fn new(words: &[String]) -> Self {
        let rule = |word: &String| match word.as_str() {
            "@timestamp" => Rule::Timestamps,
            "@uuid" => Rule::Uuids,
            "@number" => Rule::Numbers,
            path if path.starts_with('/') => Rule::Path(steps(path)),
            path if path.starts_with("$.") => {
                Rule::Path(path[2..].split('.').map(str::to_owned).collect())
            }
            name => Rule::Name(name.to_owned()),
        };
        Self(words.iter().map(rule).collect())
    }

    fn hides(&self, path: &[String]) -> bool {
        self.0.iter().any(|rule| match rule {
            Rule::Name(name) => path.last() == Some(name),
            Rule::Path(steps) => {
                steps.len() == path.len()
                    && steps.iter().zip(path).all(|(step, name)| step == "*" || step == name)
            }
            _ => false,
        })
    }

    fn are_alike(&self, recorded: &Value, actual: &Value) -> bool {
        self.0.iter().any(|rule| match (rule, recorded, actual) {
            (Rule::Numbers, Value::Number(_), Value::Number(_)) => true,
            (Rule::Timestamps, Value::String(one), Value::String(other)) => {
                is_timestamp(one) && is_timestamp(other)
            }
            (Rule::Uuids, Value::String(one), Value::String(other)) => {
                is_uuid(one) && is_uuid(other)
            }
            _ => false,
        })
    }
}

fn steps(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// The differences, except for ignored values and secrets that the recording does not contain.
pub(crate) fn differences(recorded: &Value, actual: &Value, ignored: &Ignored) -> Vec<Difference> {
    let mut found = Search { ignored, path: Vec::new(), found: Vec::new() };
    found.compare(Some(recorded), Some(actual));
    found.found
}

struct Search<'a> {
    ignored: &'a Ignored,
    path: Vec<String>,
    found: Vec<Difference>,
}

impl Search<'_> {
    fn compare(&mut self, recorded: Option<&Value>, actual: Option<&Value>) {
        if recorded == actual || self.found.len() >= MOST || self.ignored.hides(&self.path) {
            return;
        }
        match (recorded, actual) {
            (Some(Value::Object(one)), Some(Value::Object(other))) => {
                let added = other.keys().filter(|name| !one.contains_key(*name));
                let names: Vec<_> = one.keys().chain(added).cloned().collect();
                for name in names {
                    self.within(name.clone(), one.get(&name), other.get(&name));
                }
            }
            (Some(Value::Array(one)), Some(Value::Array(other))) => {
                for index in 0..one.len().max(other.len()) {
                    self.within(index.to_string(), one.get(index), other.get(index));
                }
            }
            (Some(one), Some(other)) if self.ignored.are_alike(one, other) => {}
            (Some(Value::String(text)), Some(other)) if fits(text, other) => {}
            _ => {
                let shown = |value: Option<&Value>| value.map(shown);
                let path = pointer(&self.path);
                let (recorded, actual) = (shown(recorded), shown(actual));
                self.found.push(Difference { path, recorded, actual });
            }
        }
    }

    fn within(&mut self, step: String, recorded: Option<&Value>, actual: Option<&Value>) {
        self.path.push(step);
        self.compare(recorded, actual);
        self.path.pop();
    }
}

/// Whether a recorded text may have been this value before its secrets were removed.
fn fits(recorded: &str, actual: &Value) -> bool {
    if recorded == REDACTED {
        return !actual.is_object() && !actual.is_array();
    }
    let Some(actual) = actual.as_str().filter(|_| recorded.contains(REDACTED)) else {
        return false;
    };
    let mut rest = actual;
    let mut parts = recorded.split(REDACTED);
    let Some(behind) = parts.next().and_then(|first| rest.strip_prefix(first)) else {
        return false;
    };
    rest = behind;
    let parts: Vec<_> = parts.collect();
    for (index, part) in parts.iter().enumerate() {
        if index + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    true
}

fn pointer(path: &[String]) -> String {
    let escaped = |step: &String| step.replace('~', "~0").replace('/', "~1");
    path.iter().flat_map(|step| ["/".to_owned(), escaped(step)]).collect()
}

/// A value as JSON, shortened for reading.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_date = |at: usize, sign: u8| bytes.get(at) == Some(&sign);
    bytes.len() >= 19
        && is_date(4, b'-')
        && is_date(7, b'-')
        && matches!(bytes[10], b'T' | b' ')
        && is_date(13, b':')
        && bytes[..4].iter().all(u8::is_ascii_digit)
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(recorded: &Value, actual: &Value, ignored: &[&str]) -> Vec<String> {
        let words: Vec<_> = ignored.iter().map(|word| (*word).to_owned()).collect();
        let found = differences(recorded, actual, &Ignored::new(&words)).into_iter();
        found.map(|one| one.path).collect()
    }

    #[test]
    fn every_kind_of_difference_is_found_where_it_is() {
        let recorded = json!({"a": 1, "b": [1, 2], "c/d": "x", "e": null});
        for (actual, expected) in [
            (json!({"a": 2, "b": [1, 2], "c/d": "x", "e": null}), &["/a"][..]),
            (json!({"a": "1", "b": [1, 2], "c/d": "x", "e": null}), &["/a"]),
            (json!({"a": 1, "b": [1, 3, 4], "c/d": "x", "e": null}), &["/b/1", "/b/2"]),
            (json!({"a": 1, "b": [1], "c/d": "x", "e": null}), &["/b/1"]),
            (json!({"a": 1, "b": {}, "c/d": "x", "e": null}), &["/b"]),
            (json!({"a": 1, "b": [1, 2], "c/d": "y", "e": null}), &["/c~1d"]),
            (json!({"a": 1, "b": [1, 2], "c/d": "x"}), &["/e"]),
            (json!({"a": 1, "b": [1, 2], "c/d": "x", "e": null, "f": 1}), &["/f"]),
            (json!([]), &[""]),
            (recorded.clone(), &[]),
        ] {
            assert_eq!(paths(&recorded, &actual, &[]), expected, "{actual}");
        }
    }

    #[test]
    fn what_is_ignored_may_differ() {
        let recorded = json!({"id": 1, "list": [{"at": "2026-01-01T00:00:00Z", "n": 1}]});
        let actual = json!({"id": 2, "list": [{"at": "2027-01-01T00:00:00Z", "n": 2}]});
        let all = ["/id", "/list/0/at", "/list/0/n"];
        assert_eq!(paths(&recorded, &actual, &[]), all);
        assert_eq!(paths(&recorded, &actual, &["id", "@timestamp", "@number"]), [""; 0]);
        assert_eq!(paths(&recorded, &actual, &["/list/*/at", "n"]), ["/id"]);
        assert_eq!(paths(&recorded, &actual, &["$.list.0.n"]), ["/id", "/list/0/at"]);
        let (one, other) = (json!(uuid::Uuid::new_v4()), json!(uuid::Uuid::new_v4()));
        assert_eq!(paths(&one, &other, &["@uuid"]), [""; 0]);
    }

    #[test]
    fn what_was_taken_out_of_the_recording_may_be_anything() {
        for (recorded, actual, alike) in [
            ("[redacted]", json!("secret"), true),
            ("[redacted]", json!(5), true),
            ("[redacted]", json!({}), false),
            ("Bearer [redacted] x", json!("Bearer abc x"), true),
            ("Bearer [redacted] x", json!("Basic abc x"), false),
            ("a [redacted] b [redacted] c", json!("a 1 b 2 c"), true),
            ("a [redacted] b [redacted] c", json!("a 1 c"), false),
        ] {
            let found = paths(&json!(recorded), &actual, &[]);
            assert_eq!(found.is_empty(), alike, "{recorded} {actual}");
        }
    }
}
