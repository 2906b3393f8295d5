//! How a tool is called, on one line: `echo message=<string> [times=<integer>]`.

use serde_json::Value;

use super::schema::Schema;
use crate::plain::one_line;

/// See the module.
pub(super) fn line(tool: &Value) -> String {
    let name = tool["name"].as_str().unwrap_or_default();
    let words: Vec<String> = std::iter::once(one_line(name, 200)).chain(parameters(tool)).collect();
    words.join(" ")
}

/// Only the parameters; optional ones come last.
pub(super) fn parameters(tool: &Value) -> Vec<String> {
    let schema = Schema::of_tool(tool);
    let required = schema.required();
    let shown = |name: &str| {
        let kind = schema.property(name).map_or_else(|| "any".to_owned(), Schema::placeholder);
        format!("{}=<{}>", one_line(name, 80), one_line(&kind, 120))
    };
    let needed = schema.names().filter(|name| required.contains(name)).map(shown);
    let others = schema.names().filter(|name| !required.contains(name));
    needed.chain(others.map(|name| format!("[{}]", shown(name)))).collect()
}
