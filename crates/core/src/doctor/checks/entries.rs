//! What a server lists: names, descriptions, schemas, URIs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    schema::{self, Kind},
    text::first_unseen,
};
use crate::doctor::{
    codes::{
        ARRAY_WITHOUT_ITEMS, BAD_SCHEMA, BAD_URI, Code, HIDDEN_TEXT, LONG_DESCRIPTION, LONG_LIST,
        NAME_LONG, NAME_MISSING, NAME_REFUSED, NAME_TWICE, NO_DESCRIPTION, NO_SCHEMA,
        NOT_AN_OBJECT, PROPERTY_REFUSED, REMOTE_REFERENCE, SCHEMA_AT_TOP, TOO_MANY_TOOLS,
    },
    report::Stage,
};

/// Longest name that clients accept.
const LONGEST_NAME: usize = 64;
/// Characters from which on a description counts as very long.
const LONGEST_DESCRIPTION: usize = 8 * 1024;
/// Most tools that clients accept.
const MOST_TOOLS: usize = 128;
/// Bytes from which on a list of tools counts as very large.
const LARGEST_LIST: usize = 200 * 1024;
/// Most findings of one code; further ones are only counted.
const MOST_ALIKE: usize = 5;

/// Looks at a list: `tools`, `prompts`, `resources` or `resourceTemplates`.
pub(crate) fn check(member: &str, entries: &[Value], stage: &mut Stage) {
    let mut found = Found::default();
    match member {
        "tools" => tools(entries, &mut found),
        "prompts" => named("prompt", entries, &mut found),
        _ => resources(entries, &mut found),
    }
    found.tell(stage);
}

/// Findings in the order in which they were made.
#[derive(Default)]
struct Found(Vec<(Code, String, String)>);

impl Found {
    fn add(&mut self, code: Code, subject: &str, text: impl Into<String>) {
        self.0.push((code, subject.to_owned(), text.into()));
    }

    /// Reports the first findings of each code, and how many more there are.
    fn tell(self, stage: &mut Stage) {
        let codes: BTreeSet<u16> = self.0.iter().map(|(code, ..)| code.number).collect();
        for number in codes {
            let alike: Vec<_> = self.0.iter().filter(|(code, ..)| code.number == number).collect();
            for (code, subject, text) in alike.iter().take(MOST_ALIKE) {
                stage.find(*code, subject.as_str(), text.as_str());
            }
            if let (Some((code, ..)), more @ 1..) =
                (alike.first(), alike.len().saturating_sub(MOST_ALIKE))
            {
                stage.find(*code, "", format!("the same for {more} more"));
            }
        }
    }
}

fn tools(entries: &[Value], found: &mut Found) {
    named("tool", entries, found);
    for entry in entries {
        let subject = subject("tool", entry);
        if entry["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
            found.add(NO_DESCRIPTION, &subject, "models do not know what it is for");
        }
        input(entry, &subject, found);
        if !entry["outputSchema"].is_null() {
            object(&entry["outputSchema"], "outputSchema", &subject, found);
        }
    }
    if entries.len() > MOST_TOOLS {
        found.add(TOO_MANY_TOOLS, "", format!("there are {}", entries.len()));
    }
    let bytes: usize = entries.iter().map(|entry| entry.to_string().len()).sum();
    if bytes > LARGEST_LIST {
        let text = format!("it has {} KB, roughly {} tokens", bytes / 1024, bytes / 4);
        found.add(LONG_LIST, "", text);
    }
}

fn input(entry: &Value, subject: &str, found: &mut Found) {
    let schema = &entry["inputSchema"];
    if !schema.is_object() {
        return found.add(NO_SCHEMA, subject, "inputSchema is missing or not an object");
    }
    object(schema, "inputSchema", subject, found);
    for name in ["anyOf", "oneOf", "allOf"] {
        if !schema[name].is_null() {
            found.add(SCHEMA_AT_TOP, subject, format!("inputSchema has {name}"));
        }
    }
    let properties = schema["properties"].as_object();
    for (name, _) in properties.into_iter().flatten() {
        let is_usual = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_usual) {
            found.add(PROPERTY_REFUSED, subject, format!("its parameter {name:?}"));
        }
    }
}

fn object(value: &Value, member: &str, subject: &str, found: &mut Found) {
    if value["type"] != "object" {
        let shown = &value["type"];
        found.add(NOT_AN_OBJECT, subject, format!("the type of {member} is {shown}"));
    }
    for fault in schema::faults(value) {
        let at = format!("{member}{}", fault.at);
        match fault.kind {
            Kind::Invalid(why) => found.add(BAD_SCHEMA, subject, format!("{at}: {why}")),
            Kind::NoItems if member == "inputSchema" => {
                found.add(ARRAY_WITHOUT_ITEMS, subject, at);
            }
            Kind::NoItems => {}
            Kind::Remote(to) => found.add(REMOTE_REFERENCE, subject, format!("{at}: {to}")),
        }
    }
}

/// Checks an entry that is called by its name.
fn named(kind: &str, entries: &[Value], found: &mut Found) {
    let mut names = BTreeSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(name) = entry["name"].as_str().filter(|name| !name.is_empty()) else {
            found.add(NAME_MISSING, "", format!("{kind} {} has none", index + 1));
            continue;
        };
        let subject = subject(kind, entry);
        let is_usual = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        let strange: String = name.chars().filter(|letter| !is_usual(*letter)).take(8).collect();
        if !strange.is_empty() && kind == "tool" {
            found.add(NAME_REFUSED, &subject, format!("it has {strange:?}"));
        }
        if name.chars().count() > LONGEST_NAME {
            found.add(NAME_LONG, &subject, format!("it has {}", name.chars().count()));
        }
        if !names.insert(name) {
            found.add(NAME_TWICE, &subject, "it is listed more than once");
        }
        described(entry, &subject, found);
    }
}

fn resources(entries: &[Value], found: &mut Found) {
    for entry in entries {
        let (member, uri) = match (entry["uri"].as_str(), entry["uriTemplate"].as_str()) {
            (Some(uri), _) => ("resource", uri),
            (None, Some(uri)) => ("resource template", uri),
            (None, None) => {
                found.add(NAME_MISSING, "", "a resource has no URI");
                continue;
            }
        };
        let subject = format!("{member} {uri}");
        let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
        let is_scheme = |scheme: &str| {
            let usual = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
            scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
                && scheme.chars().all(usual)
        };
        // A template may begin with a variable.
        let is_open = member == "resource template" && uri.starts_with('{');
        if !scheme.is_some_and(is_scheme) && !is_open {
            found.add(BAD_URI, &subject, "it has no scheme");
        }
        described(entry, &subject, found);
    }
}

/// Texts that every kind of entry may have.
fn described(entry: &Value, subject: &str, found: &mut Found) {
    for member in ["name", "title", "description"] {
        let Some(text) = entry[member].as_str() else { continue };
        if let Some(letter) = first_unseen(text) {
            let letter = u32::from(letter);
            found.add(HIDDEN_TEXT, subject, format!("its {member} has U+{letter:04X}"));
        }
        let length = text.chars().count();
        if member == "description" && length > LONGEST_DESCRIPTION {
            found.add(LONG_DESCRIPTION, subject, format!("it has {length} characters"));
        }
    }
}

fn subject(kind: &str, entry: &Value) -> String {
    let name = entry["name"].as_str().unwrap_or_default();
    let name: String = name.chars().take(80).collect();
    format!("{kind} {name}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(member: &str, entries: &[Value]) -> Vec<u16> {
        let mut stage = Stage::new("lists");
        check(member, entries, &mut stage);
        stage.findings.iter().map(|finding| finding.code.number).collect()
    }

    #[expect(clippy::needless_pass_by_value, reason = "short at each of its many callers")]
    fn tool(changes: Value) -> Value {
        let mut tool = json!({ "name": "t", "description": "Does it.", "inputSchema":
            { "type": "object", "properties": { "a": { "type": "string" } } } });
        for (name, value) in changes.as_object().unwrap() {
            tool[name] = value.clone();
        }
        tool
    }

    #[test]
    fn tools_that_clients_refuse_are_found() {
        for (changes, expected) in [
            (json!({}), &[][..]),
            (json!({ "name": "a.b" }), &[503]),
            (json!({ "name": "ä b" }), &[503]),
            (json!({ "name": "x".repeat(65) }), &[504]),
            (json!({ "name": "" }), &[506]),
            (json!({ "description": " " }), &[507]),
            (json!({ "description": null }), &[507]),
            (json!({ "description": "x".repeat(9000) }), &[508]),
            (json!({ "description": "safe\u{202e}" }), &[519]),
            (json!({ "inputSchema": null }), &[509]),
            (json!({ "inputSchema": { "type": "object", "required": 5 } }), &[510]),
            (json!({ "inputSchema": { "type": "object", "anyOf": [{}] } }), &[511]),
            (
                json!({ "inputSchema": { "type": "object", "properties":
                { "a": { "type": "array" } } } }),
                &[512],
            ),
            (
                json!({ "inputSchema": { "type": "object", "properties":
                { "a": { "$ref": "https://x/y" } } } }),
                &[513],
            ),
            (json!({ "inputSchema": {} }), &[514]),
            (json!({ "outputSchema": { "type": "array", "items": {} } }), &[514]),
            (json!({ "inputSchema": { "type": "object", "properties": { "a b": {} } } }), &[518]),
        ] {
            assert_eq!(codes("tools", &[tool(changes.clone())]), expected, "{changes}");
        }
        assert_eq!(codes("tools", &[tool(json!({})), tool(json!({}))]), [505]);
        let many: Vec<Value> = (0..200).map(|n| tool(json!({ "name": format!("t{n}") }))).collect();
        assert_eq!(codes("tools", &many), [515]);
        let large = tool(json!({ "title": "x".repeat(300_000) }));
        assert_eq!(codes("tools", &[large]), [522]);
    }

    #[test]
    fn what_is_found_often_is_told_a_few_times_and_counted() {
        let many: Vec<Value> =
            (0..9).map(|n| tool(json!({ "name": format!("t{n}"), "description": "" }))).collect();
        assert_eq!(codes("tools", &many), [507; 6]);
    }

    #[test]
    fn resources_and_prompts_need_what_they_are_known_by() {
        assert_eq!(codes("resources", &[json!({ "uri": "file:///a", "name": "a" })]), [0_u16; 0]);
        assert_eq!(codes("resources", &[json!({ "uri": "/a/b" })]), [517]);
        assert_eq!(codes("resources", &[json!({ "name": "a" })]), [506]);
        let templates = [json!({ "uriTemplate": "{+any}" }), json!({ "uriTemplate": "x:{y}" })];
        assert_eq!(codes("resourceTemplates", &templates), [0_u16; 0]);
        assert_eq!(codes("prompts", &[json!({ "name": "p" }), json!({ "name": "p" })]), [505]);
    }
}
