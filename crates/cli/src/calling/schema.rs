//! The parts of JSON Schema that are needed to parse words of a command line.

use serde_json::{Map, Value};

/// How deep references and alternatives are followed.
const DEEPEST: usize = 8;

/// A schema, and the document in which its references are resolved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema<'a> {
    schema: &'a Value,
    root: &'a Value,
}

impl<'a> Schema<'a> {
    /// The schema of a tool's arguments.
    pub(super) fn of_tool(tool: &'a Value) -> Self {
        let schema = &tool["inputSchema"];
        Self { schema, root: schema }.resolved(DEEPEST)
    }

    /// The names of its properties, in the order of the schema.
    pub(super) fn names(self) -> impl Iterator<Item = &'a str> {
        let properties = self.schema["properties"].as_object();
        properties.into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// The names of the properties that are required.
    pub(super) fn required(self) -> Vec<&'a str> {
        let names = self.schema["required"].as_array();
        names.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The schema of a property; `None` if no property may have this name.
    pub(super) fn property(self, name: &str) -> Option<Self> {
        let properties = self.schema["properties"].as_object();
        if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
            return Some(self.inner(schema));
        }
        let other = &self.schema["additionalProperties"];
        let open = match other {
            Value::Null => properties.is_none_or(Map::is_empty),
            other => *other != Value::Bool(false),
        };
        (open || self.schema["patternProperties"].is_object()).then(|| self.inner(other))
    }

    fn inner(self, schema: &'a Value) -> Self {
        Self { schema, root: self.root }.resolved(DEEPEST)
    }

    /// The target of a reference within the document.
    fn resolved(self, depth: usize) -> Self {
        let pointer = self.schema["$ref"].as_str().and_then(|uri| uri.strip_prefix('#'));
        let target = pointer.and_then(|pointer| self.root.pointer(pointer));
        match (target, depth.checked_sub(1)) {
            (Some(schema), Some(depth)) => Self { schema, root: self.root }.resolved(depth),
            _ => self,
        }
    }

    /// The allowed values, if there is a fixed list.
    fn values(self) -> Vec<&'a Value> {
        if let Some(values) = self.schema["enum"].as_array() {
            return values.iter().collect();
        }
        self.schema.get("const").into_iter().collect()
    }

    /// The alternative schemas; itself, if there are none.
    fn alternatives(self, depth: usize) -> Vec<Self> {
        let listed = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| self.schema[key].as_array());
        let (Some(listed), Some(depth)) = (listed, depth.checked_sub(1)) else {
            return vec![self];
        };
        listed.iter().flat_map(|schema| self.inner(schema).alternatives(depth)).collect()
    }

    /// The allowed types; any, if none are listed.
    fn types(self) -> Vec<&'a str> {
        let one = |schema: Self| match &schema.schema["type"] {
            Value::String(name) => vec![name.as_str()],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let each: Vec<Vec<&str>> = self.alternatives(DEEPEST).into_iter().map(one).collect();
        if each.iter().any(Vec::is_empty) { Vec::new() } else { each.concat() }
    }

    /// The name of its values in a usage line.
    pub(super) fn placeholder(self) -> String {
        let values = self.values();
        if !values.is_empty() && values.len() <= 6 {
            return values.iter().map(|value| shown(value)).collect::<Vec<_>>().join("|");
        }
        let types: Vec<&str> = self.types().into_iter().filter(|name| *name != "null").collect();
        if types.is_empty() { "any".to_owned() } else { types.join("|") }
    }

    /// The value of a word; or what was expected.
    pub(super) fn value(self, text: &str) -> Result<Value, String> {
        let allowed: Vec<&Value> =
            self.alternatives(DEEPEST).into_iter().flat_map(Self::values).collect();
        if let Some(value) = allowed.iter().find(|value| shown(value) == text) {
            return Ok((*value).clone());
        }
        let types = self.types();
        let parsed: Option<Value> = serde_json::from_str(text).ok();
        if types.is_empty() && allowed.is_empty() {
            return Ok(parsed.unwrap_or_else(|| Value::String(text.to_owned())));
        }
        if let Some(value) = parsed.filter(|value| !value.is_string() && fits(value, &types)) {
            return Ok(value);
        }
        if !allowed.is_empty() && (types.is_empty() || allowed.len() == self.count()) {
            return Err(one_of(&allowed));
        }
        if types.contains(&"string") {
            return Ok(Value::String(text.to_owned()));
        }
        if types.contains(&"array") {
            return Ok(Value::Array(vec![self.items().value(text)?]));
        }
        Err(wanted(&types))
    }

    /// The allowed values of all alternatives, if each has a fixed list.
    fn count(self) -> usize {
        let each = self.alternatives(DEEPEST);
        let counts: Vec<usize> = each.into_iter().map(|schema| schema.values().len()).collect();
        if counts.contains(&0) { usize::MAX } else { counts.iter().sum() }
    }

    /// The schema of the items of an array.
    fn items(self) -> Self {
        let arrays = self.alternatives(DEEPEST);
        let items = arrays.into_iter().find(|schema| !schema.schema["items"].is_null());
        items.map_or(Self { schema: &Value::Null, root: self.root }, |schema| {
            schema.inner(&schema.schema["items"])
        })
    }
}

fn fits(value: &Value, types: &[&str]) -> bool {
    types.iter().any(|name| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    })
}

fn wanted(types: &[&str]) -> String {
    let words: Vec<&str> = types
        .iter()
        .map(|name| match *name {
            "boolean" => "true or false",
            "integer" => "an integer",
            "number" => "a number",
            "object" => "a JSON object",
            "null" => "null",
            _ => "a value that its schema allows",
        })
        .collect();
    words.join(" or ")
}

fn one_of(values: &[&Value]) -> String {
    let mut words: Vec<String> = values.iter().map(|value| shown(value)).collect();
    match words.pop() {
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
        None => "a value that its schema allows".to_owned(),
    }
}

/// A value in the form in which it is typed.
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
