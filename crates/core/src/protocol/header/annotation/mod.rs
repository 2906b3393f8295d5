//! The `x-mcp-header` annotations of a tool's input schema.

use std::collections::HashSet;

use memchr::memmem;
use serde_json::{Map, Value};

/// The annotation; its value is the header's name after [`PREFIX`].
const ANNOTATION: &str = "x-mcp-header";
/// Prefix of the header names.
const PREFIX: &str = "Mcp-Param-";

/// Keywords whose value is a schema or a list of schemas.
const SCHEMAS: [&str; 16] = [
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a map from names to schemas.
const SCHEMA_MAPS: [&str; 5] =
    ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties"];

/// A parameter of a tool whose value is also sent in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MirroredParameter {
    /// The whole header name, as the schema spells it.
    pub(crate) header: String,
    /// Property names from the arguments down to the value; never empty.
    pub(crate) path: Vec<String>,
    pub(crate) kind: ParameterKind,
}

/// Types that can be mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    String,
    Integer,
    Boolean,
}

/// An annotation that makes its tool invalid: clients over HTTP must not offer it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ANNOTATION} at {}: {problem}", place(path))]
pub(crate) struct InvalidAnnotation {
    path: Vec<String>,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("the schema is too deep or too long, or is JSON that readers disagree about")]
    Unreadable,
    #[error("not reachable from the root through `properties` alone")]
    Unreachable,
    #[error("the name is not a string")]
    NotText,
    #[error("{0:?} is not an HTTP token")]
    NotToken(String),
    #[error("the type is not exactly string, integer or boolean")]
    Type,
    #[error("{0:?} is the name of another parameter's header")]
    Repeated(String),
}

/// Longest annotated schema that is parsed: a tree of values takes many times as much.
const MAX_SCHEMA: usize = 256 * 1024;

/// The mirrored parameters of a raw input schema. One without annotations is not parsed.
pub(crate) fn parameters_of(schema: &[u8]) -> Result<Vec<MirroredParameter>, InvalidAnnotation> {
    let is_annotated = memmem::find(schema, ANNOTATION.as_bytes()).is_some();
    if !is_annotated {
        return Ok(Vec::new());
    }
    let unreadable = || InvalidAnnotation { path: Vec::new(), problem: Problem::Unreadable };
    if schema.len() > MAX_SCHEMA {
        return Err(unreadable());
    }
    mirrored_parameters(&serde_json::from_slice(schema).map_err(|_| unreadable())?)
}

/// The mirrored parameters of an input schema, in the order of their paths.
pub(crate) fn mirrored_parameters(
    input_schema: &Value,
) -> Result<Vec<MirroredParameter>, InvalidAnnotation> {
    let mut walk = Walk::default();
    walk.schema(input_schema, Reach::Root)?;
    Ok(walk.found)
}

#[derive(Default)]
struct Walk {
    path: Vec<String>,
    found: Vec<MirroredParameter>,
    /// Header names, lower case: they must differ in more than case.
    names: HashSet<String>,
}

/// The path to a schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Root,
    Properties,
    Elsewhere,
}

impl Walk {
    fn schema(&mut self, schema: &Value, reach: Reach) -> Result<(), InvalidAnnotation> {
        let Value::Object(schema) = schema else { return Ok(()) };
        if let Some(name) = schema.get(ANNOTATION) {
            self.annotation(schema, name, reach)?;
        }
        for (keyword, value) in schema {
            self.keyword(keyword, value, reach)?;
        }
        Ok(())
    }

    /// Follows only the keywords that contain schemas: `default` or `enum` may contain anything
    /// that looks like one.
    fn keyword(
        &mut self,
        keyword: &str,
        value: &Value,
        reach: Reach,
    ) -> Result<(), InvalidAnnotation> {
        if keyword == "properties" {
            let inner = if reach == Reach::Elsewhere { reach } else { Reach::Properties };
            return self.map(value, inner);
        }
        if SCHEMA_MAPS.contains(&keyword) {
            return self.map(value, Reach::Elsewhere);
        }
        if !SCHEMAS.contains(&keyword) {
            return Ok(());
        }
        self.path.push(keyword.to_owned());
        match value {
            Value::Array(schemas) => {
                schemas.iter().try_for_each(|schema| self.schema(schema, Reach::Elsewhere))?;
            }
            schema => self.schema(schema, Reach::Elsewhere)?,
        }
        self.path.pop();
        Ok(())
    }

    fn map(&mut self, schemas: &Value, reach: Reach) -> Result<(), InvalidAnnotation> {
        let Value::Object(schemas) = schemas else { return Ok(()) };
        for (name, schema) in schemas {
            self.path.push(name.clone());
            self.schema(schema, reach)?;
            self.path.pop();
        }
        Ok(())
    }

    fn annotation(
        &mut self,
        schema: &Map<String, Value>,
        name: &Value,
        reach: Reach,
    ) -> Result<(), InvalidAnnotation> {
        let parameter = parameter(schema, name, reach, &self.path).and_then(|parameter| {
            let is_new = self.names.insert(parameter.header.to_ascii_lowercase());
            if is_new { Ok(parameter) } else { Err(Problem::Repeated(parameter.header)) }
        });
        match parameter {
            Ok(parameter) => self.found.push(parameter),
            Err(problem) => return Err(InvalidAnnotation { path: self.path.clone(), problem }),
        }
        Ok(())
    }
}

fn parameter(
    schema: &Map<String, Value>,
    name: &Value,
    reach: Reach,
    path: &[String],
) -> Result<MirroredParameter, Problem> {
    if reach != Reach::Properties {
        return Err(Problem::Unreachable);
    }
    let name = name.as_str().ok_or(Problem::NotText)?;
    if !is_token(name) {
        return Err(Problem::NotToken(name.to_owned()));
    }
    let kind = match schema.get("type").and_then(Value::as_str) {
        Some("string") => ParameterKind::String,
        Some("integer") => ParameterKind::Integer,
        Some("boolean") => ParameterKind::Boolean,
        _ => return Err(Problem::Type),
    };
    Ok(MirroredParameter { header: format!("{PREFIX}{name}"), path: path.to_vec(), kind })
}

/// RFC 9110, 5.6.2.
fn is_token(name: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}

fn place(path: &[String]) -> String {
    if path.is_empty() { "the root".to_owned() } else { path.join(".") }
}

#[cfg(test)]
mod tests;
