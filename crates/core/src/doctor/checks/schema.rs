//! Checks the shape of a JSON Schema, as far as clients look at it.

use serde_json::Value;

/// What is wrong with a schema, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// JSON Pointer; empty for the whole.
    pub(crate) at: String,
    pub(crate) kind: Kind,
}

/// Kinds of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is not a schema; the text says why.
    Invalid(String),
    /// An array without `items`.
    NoItems,
    /// A reference to another document.
    Remote(String),
}

/// Most faults that are collected.
const MOST: usize = 20;
/// Nesting depth up to which schemas are checked.
const DEEPEST: usize = 64;

const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];
/// Members that hold a schema.
const ONE: [&str; 8] =
    ["items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"];
/// Members that hold a list of schemas.
const LISTS: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
/// Members that hold named schemas.
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];
/// Members that hold a number that is not negative.
const COUNTS: [&str; 6] =
    ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"];
/// Members that hold a number.
const NUMBERS: [&str; 3] = ["minimum", "maximum", "multipleOf"];

/// Everything that is wrong with a schema.
pub(crate) fn faults(schema: &Value) -> Vec<Fault> {
    let mut walk = Walk { root: schema, found: Vec::new() };
    walk.schema(schema, "", DEEPEST);
    walk.found.truncate(MOST);
    walk.found
}

struct Walk<'a> {
    root: &'a Value,
    found: Vec<Fault>,
}

impl Walk<'_> {
    fn invalid(&mut self, at: &str, why: impl Into<String>) {
        self.found.push(Fault { at: at.to_owned(), kind: Kind::Invalid(why.into()) });
    }

    fn schema(&mut self, schema: &Value, at: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        if self.found.len() >= MOST || schema.is_boolean() {
            return;
        }
        let Value::Object(members) = schema else {
            return self.invalid(at, "a schema is an object or a boolean");
        };
        self.types(schema, at);
        self.reference(schema, at);
        self.values(schema, at);
        for name in ONE {
            match members.get(name) {
                // In drafts up to 2019-09, `items` may be a list.
                Some(Value::Array(all)) if name == "items" => self.all(all, at, name, depth),
                Some(inner) => self.schema(inner, &join(at, name), depth),
                None => {}
            }
        }
        for name in LISTS {
            match members.get(name) {
                Some(Value::Array(all)) if !all.is_empty() => self.all(all, at, name, depth),
                Some(_) => self.invalid(&join(at, name), "it is not a list of schemas"),
                None => {}
            }
        }
        for name in NAMED {
            match members.get(name) {
                Some(Value::Object(named)) => {
                    for (key, inner) in named {
                        self.schema(inner, &join(&join(at, name), key), depth);
                    }
                }
                Some(_) => self.invalid(&join(at, name), "it is not an object of schemas"),
                None => {}
            }
        }
    }

    fn all(&mut self, all: &[Value], at: &str, name: &str, depth: usize) {
        for (index, inner) in all.iter().enumerate() {
            self.schema(inner, &join(&join(at, name), &index.to_string()), depth);
        }
    }

    fn types(&mut self, schema: &Value, at: &str) {
        let names: Vec<&Value> = match &schema["type"] {
            Value::Null => return,
            Value::Array(names) => names.iter().collect(),
            one => vec![one],
        };
        for name in &names {
            if !name.as_str().is_some_and(|name| TYPES.contains(&name)) {
                self.invalid(&join(at, "type"), format!("{name} is not a type"));
            }
        }
        let is_array = names.iter().any(|name| **name == "array");
        let has_items = ["items", "prefixItems"].iter().any(|name| !schema[name].is_null());
        if is_array && !has_items {
            self.found.push(Fault { at: at.to_owned(), kind: Kind::NoItems });
        }
    }

    fn reference(&mut self, schema: &Value, at: &str) {
        let reference = match &schema["$ref"] {
            Value::Null => return,
            Value::String(reference) => reference,
            _ => return self.invalid(&join(at, "$ref"), "it is not text"),
        };
        match reference.strip_prefix('#') {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                let pointer = pointer.replace("%24", "$").replace("%20", " ");
                if self.root.pointer(&pointer).is_none() {
                    self.invalid(&join(at, "$ref"), format!("there is no {reference}"));
                }
            }
            // An anchor is somewhere in the document.
            Some(_) => {}
            None => {
                let kind = Kind::Remote(reference.clone());
                self.found.push(Fault { at: at.to_owned(), kind });
            }
        }
    }

    fn values(&mut self, schema: &Value, at: &str) {
        let member = |name: &str| Some(&schema[name]).filter(|value| !value.is_null());
        if let Some(required) = member("required") {
            let names = required.as_array();
            if !names.is_some_and(|names| names.iter().all(Value::is_string)) {
                self.invalid(&join(at, "required"), "it is not a list of names");
            }
        }
        if member("enum").is_some_and(|values| !values.is_array()) {
            self.invalid(&join(at, "enum"), "it is not a list");
        }
        for name in COUNTS {
            if member(name).is_some_and(|count| count.as_f64().is_none_or(|count| count < 0.0)) {
                self.invalid(&join(at, name), "it is not a count");
            }
        }
        for name in NUMBERS {
            if member(name).is_some_and(|number| !number.is_number()) {
                self.invalid(&join(at, name), "it is not a number");
            }
        }
        for name in ["pattern", "description", "title", "format"] {
            if member(name).is_some_and(|text| !text.is_string()) {
                self.invalid(&join(at, name), "it is not text");
            }
        }
    }
}

fn join(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_found_where_it_is() {
        for (schema, at) in [
            (json!({ "type": "text" }), "/type"),
            (json!({ "properties": [] }), "/properties"),
            (
                json!({ "properties": { "a/b": { "type": ["string", 5] } } }),
                "/properties/a~1b/type",
            ),
            (json!({ "properties": { "a": "string" } }), "/properties/a"),
            (json!({ "required": "a" }), "/required"),
            (json!({ "required": true }), "/required"),
            (json!({ "anyOf": [] }), "/anyOf"),
            (json!({ "anyOf": [{}, { "enum": "x" }] }), "/anyOf/1/enum"),
            (json!({ "items": 5 }), "/items"),
            (json!({ "$ref": "#/$defs/none" }), "/$ref"),
            (json!({ "minLength": -1 }), "/minLength"),
            (json!({ "maximum": "5" }), "/maximum"),
            (json!({ "description": 5 }), "/description"),
            (json!([]), ""),
        ] {
            let faults = faults(&schema);
            assert_eq!(faults.len(), 1, "{schema}: {faults:?}");
            assert_eq!(faults[0].at, at, "{schema}");
            assert!(matches!(faults[0].kind, Kind::Invalid(_)), "{schema}");
        }
        let array = faults(&json!({ "properties": { "a": { "type": "array" } } }));
        assert_eq!(array, [Fault { at: "/properties/a".to_owned(), kind: Kind::NoItems }]);
        let remote = faults(&json!({ "$ref": "https://example.com/s.json" }));
        assert!(matches!(remote[0].kind, Kind::Remote(_)));
    }

    #[test]
    fn what_is_a_schema_passes() {
        for schema in [
            json!({}),
            json!(true),
            json!({ "type": "object", "properties": {
                "a": { "type": ["string", "null"], "default": null, "minLength": 0 },
                "b": { "type": "array", "items": { "$ref": "#/$defs/b" } },
                "c": { "anyOf": [{ "const": 1 }, { "enum": [] }] },
                "d": { "type": "array", "items": [{ "type": "string" }] },
                "e": { "exclusiveMinimum": true, "minimum": 0 },
                "self": { "$ref": "#" },
            }, "$defs": { "b": { "type": "integer" } }, "additionalProperties": false,
               "$schema": "https://json-schema.org/draft/2020-12/schema" }),
        ] {
            assert_eq!(faults(&schema), [], "{schema}");
        }
    }

    #[test]
    fn depth_and_width_are_bounded() {
        let mut deep = json!({ "type": "x" });
        for _ in 0..200 {
            deep = json!({ "items": deep });
        }
        assert_eq!(faults(&deep), []);
        let wide = json!({ "anyOf": vec![json!(5); 1000] });
        assert_eq!(faults(&wide).len(), MOST);
    }
}
