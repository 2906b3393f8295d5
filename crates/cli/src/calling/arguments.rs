//! The words after `--call NAME`: arguments of the tool; its schema gives their types.
//!
//! `key=value` gets its type from the schema, `key:=json` is JSON, `{…}` contains all arguments,
//! and `-` reads them from standard input.

use serde_json::{Map, Value};

use super::{schema::Schema, usage};
use crate::plain::one_line;

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given {
    /// A value with a type from the schema.
    Text(String, String),
    /// A JSON value.
    Literal(String, Value),
    /// Several arguments as JSON.
    All(Map<String, Value>),
    /// Several arguments from standard input.
    Input,
}

/// Parses a word.
///
/// # Errors
/// The error for an invalid word.
pub(crate) fn read(word: &str) -> Result<Given, String> {
    if word == "-" {
        return Ok(Given::Input);
    }
    if word.starts_with('{') {
        return all(word).map(Given::All);
    }
    let Some((key, value)) = word.split_once('=') else {
        return Err(format!(
            "{:?} is not an argument: write key=value, key:=json or one JSON object; the command of \
             the server follows --",
            one_line(word, 80)
        ));
    };
    let (key, literal) = match key.strip_suffix(':') {
        Some(key) => (key, true),
        None => (key, false),
    };
    if key.is_empty() {
        return Err(format!("{:?} has no name of an argument before its =", one_line(word, 80)));
    }
    if !literal {
        return Ok(Given::Text(key.to_owned(), value.to_owned()));
    }
    let value = serde_json::from_str(value)
        .map_err(|error| format!("the value of {key}:= is not JSON: {error}"))?;
    Ok(Given::Literal(key.to_owned(), value))
}

/// All arguments as one JSON object.
///
/// # Errors
/// The error if the text is not JSON.
pub(crate) fn all(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text)
        .map_err(|error| format!("the arguments are not a JSON object: {error}"))
}

/// The arguments of this tool, with the types in its schema.
///
/// # Errors
/// What is wrong with them, and the tool's usage.
pub(super) fn typed(tool: &Value, given: Vec<Given>) -> Result<Map<String, Value>, String> {
    let schema = Schema::of_tool(tool);
    let mut arguments = Map::new();
    for one in given {
        let added = match one {
            Given::All(all) => {
                arguments.extend(all);
                Ok(())
            }
            Given::Literal(key, value) => {
                arguments.insert(key, value);
                Ok(())
            }
            Given::Text(key, text) => add(&mut arguments, &schema, key, &text),
            Given::Input => Ok(()),
        };
        added.map_err(|problem| with_usage(&problem, tool))?;
    }
    let missing: Vec<&str> =
        schema.required().into_iter().filter(|name| !arguments.contains_key(*name)).collect();
    if missing.is_empty() {
        return Ok(arguments);
    }
    Err(with_usage(&format!("it needs {}", one_line(&missing.join(", "), 200)), tool))
}

fn add(
    arguments: &mut Map<String, Value>,
    schema: &Schema<'_>,
    key: String,
    text: &str,
) -> Result<(), String> {
    let Some(property) = schema.property(&key) else {
        return Err(unknown(&key, schema));
    };
    let value = property
        .value(text)
        .map_err(|wanted| format!("{key} must be {wanted} (got {:?})", one_line(text, 80)))?;
    match (arguments.get_mut(&key), value) {
        (Some(Value::Array(before)), Value::Array(more)) => before.extend(more),
        (Some(_), _) => return Err(format!("{key} is given twice")),
        (None, value) => {
            arguments.insert(key, value);
        }
    }
    Ok(())
}

fn unknown(key: &str, schema: &Schema<'_>) -> String {
    // The same limit as clap uses for flags.
    const NEAR: f64 = 0.7;
    let score = |name| (strsim::jaro(key, name), name);
    let best = schema.names().map(score).filter(|(score, _)| *score > NEAR);
    let best = best.max_by(|(one, _), (other, _)| one.total_cmp(other));
    let advice = best.map_or_else(
        || format!("{key}:=json sends it anyway"),
        |(_, name)| format!("did you mean {}?", one_line(name, 80)),
    );
    format!("it has no argument {:?}; {advice}", one_line(key, 80))
}

fn with_usage(problem: &str, tool: &Value) -> String {
    format!("{problem}\nUsage: --call {}", usage::line(tool))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool() -> Value {
        json!({ "name": "t", "inputSchema": { "type": "object", "required": ["text"], "properties": {
            "text": { "type": "string" },
            "count": { "type": "integer" },
            "ratio": { "type": "number" },
            "deep": { "type": "boolean" },
            "mode": { "enum": ["fast", 2, null] },
            "tags": { "type": "array", "items": { "type": "string" } },
            "sizes": { "type": "array", "items": { "type": "integer" } },
            "maybe": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
            "either": { "type": ["number", "string"] },
            "free": {},
            "record": { "type": "object" },
            "linked": { "$ref": "#/$defs/whole" },
        }, "$defs": { "whole": { "type": "integer" } } } })
    }

    fn arguments(words: &[&str]) -> Result<Value, String> {
        let given = words.iter().map(|word| read(word)).collect::<Result<Vec<_>, _>>()?;
        typed(&tool(), given).map(Value::Object)
    }

    #[test]
    fn the_schema_gives_each_value_its_type() {
        for (word, expected) in [
            ("text=5", json!("5")),
            ("text=", json!("")),
            ("text=a=b", json!("a=b")),
            ("text:=5", json!(5)),
            ("count=5", json!(5)),
            ("count=-3", json!(-3)),
            ("count=2.0", json!(2.0)),
            ("ratio=1e3", json!(1e3)),
            ("deep=true", json!(true)),
            ("mode=fast", json!("fast")),
            ("mode=2", json!(2)),
            ("mode=null", json!(null)),
            ("tags=one", json!(["one"])),
            ("tags=[\"a\",\"b\"]", json!(["a", "b"])),
            ("sizes=3", json!([3])),
            ("maybe=null", json!(null)),
            ("maybe=5", json!("5")),
            ("either=5", json!(5)),
            ("either=five", json!("five")),
            ("free=5", json!(5)),
            ("free=[1,", json!("[1,")),
            ("record={\"a\":1}", json!({ "a": 1 })),
            ("linked=7", json!(7)),
        ] {
            let key = word.split([':', '=']).next().unwrap();
            let words = if key == "text" { vec![word] } else { vec!["text=x", word] };
            assert_eq!(arguments(&words).unwrap()[key], expected, "{word}");
        }
        let tags = arguments(&["text=x", "tags=a", "tags=b"]).unwrap();
        assert_eq!(tags["tags"], json!(["a", "b"]));
        let all = arguments(&[r#"{"text":1,"other":2}"#, "count=3"]).unwrap();
        assert_eq!(all, json!({ "text": 1, "other": 2, "count": 3 }));
    }

    #[test]
    fn what_does_not_fit_is_named_with_the_usage_of_the_tool() {
        for (words, expected) in [
            (&["text=x", "count=many"][..], "count must be an integer (got \"many\")\nUsage"),
            (&["text=x", "deep=perhaps"], "deep must be true or false"),
            (&["text=x", "mode=slow"], "mode must be fast, 2 or null"),
            (&["text=x", "record=x"], "record must be a JSON object"),
            (&["text=x", "sizes=a"], "sizes must be an integer"),
            (&["text=x", "cuont=1"], "it has no argument \"cuont\"; did you mean count?"),
            (&["text=x", "zzz=1"], "it has no argument \"zzz\"; zzz:=json sends it anyway"),
            (&["text=x", "text=y"], "text is given twice"),
            (&["count=1"], "it needs text\nUsage: --call t text=<string>"),
            (&["text:={"], "the value of text:= is not JSON"),
            (&["{\"a\":"], "the arguments are not a JSON object"),
            (&["=x"], "\"=x\" has no name of an argument"),
            (&["node"], "\"node\" is not an argument"),
        ] {
            let problem = arguments(words).unwrap_err();
            assert!(problem.starts_with(expected), "{words:?}: {problem}");
        }
    }

    #[test]
    fn a_tool_that_takes_anything_is_sent_anything() {
        for schema in [
            json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": true }),
            json!({ "type": "object" }),
            json!(null),
        ] {
            let tool = json!({ "name": "t", "inputSchema": schema });
            let sent = typed(&tool, vec![read("k=5").unwrap(), read("l=x").unwrap()]);
            assert_eq!(Value::Object(sent.unwrap()), json!({ "k": 5, "l": "x" }));
        }
    }
}
