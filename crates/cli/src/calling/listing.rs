//! Everything that a server offers, for a person.

use serde_json::Value;

use super::usage;
use crate::{paint::Paint, plain::one_line};

/// A list: the capability that offers it, its method, its member in the result, its heading.
pub(super) const LISTS: [(&str, &str, &str, &str); 4] = [
    ("tools", "tools/list", "tools", "Tools"),
    ("prompts", "prompts/list", "prompts", "Prompts"),
    ("resources", "resources/list", "resources", "Resources"),
    ("resources", "resources/templates/list", "resourceTemplates", "Resource templates"),
];

/// Longest description that is shown.
const LONGEST: usize = 100;

/// The text of everything that was listed; `found` has a member for each list.
pub(super) fn text(introduction: &Value, found: &Value, paint: Paint) -> String {
    let server = &introduction["serverInfo"];
    let word = |value: &Value| one_line(value.as_str().unwrap_or_default(), LONGEST);
    let name = format!("{} {}", word(&server["name"]), word(&server["version"]));
    let revision = word(&introduction["protocolVersion"]);
    let mut text =
        format!("{}  {}\n", paint.bold(name.trim()), paint.dim(format!("MCP {revision}")));
    for (_, _, member, heading) in LISTS {
        let entries = found[member].as_array().map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() {
            continue;
        }
        let heading = format!("\n{} ({})\n", paint.bold(heading), entries.len());
        text.push_str(&heading);
        for entry in entries {
            text.push_str(&row(member, entry, paint));
        }
    }
    text
}

fn row(member: &str, entry: &Value, paint: Paint) -> String {
    let word = |name: &str| one_line(entry[name].as_str().unwrap_or_default(), 500);
    let (name, parameters) = match member {
        "tools" => (word("name"), usage::parameters(entry).join(" ")),
        "prompts" => (word("name"), prompt_parameters(entry)),
        "resources" => (word("uri"), String::new()),
        _ => (word("uriTemplate"), String::new()),
    };
    let about = one_line(about(entry), LONGEST);
    let head = format!("{} {parameters}", paint.cyan(name));
    let head = head.trim_end();
    if about.is_empty() {
        return format!("  {head}\n");
    }
    format!("  {head}\n      {}\n", paint.dim(about))
}

/// The first line of its description, or its title.
fn about(entry: &Value) -> &str {
    let text = ["description", "title"].iter().find_map(|member| entry[member].as_str());
    let text = text.filter(|text| !text.trim().is_empty()).or_else(|| {
        // Resources are shown by their URI.
        if entry["uri"].is_null() && entry["uriTemplate"].is_null() {
            None
        } else {
            entry["name"].as_str()
        }
    });
    text.map(str::trim).and_then(|text| text.lines().next()).unwrap_or_default()
}

fn prompt_parameters(prompt: &Value) -> String {
    let parameters = prompt["arguments"].as_array();
    let shown = |parameter: &Value| {
        let name = format!("{}=", one_line(parameter["name"].as_str().unwrap_or_default(), 80));
        if parameter["required"] == true { name } else { format!("[{name}]") }
    };
    let words: Vec<String> = parameters.into_iter().flatten().map(shown).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_reads_what_there_is_and_how_it_is_used() {
        let introduction = json!({
            "protocolVersion": "2025-11-25",
            "serverInfo": { "name": "example\u{1b}[2J", "version": "1.2" },
        });
        let found = json!({
            "tools": [
                { "name": "echo", "description": "Says it again.\nAt length.", "inputSchema": {
                    "type": "object", "required": ["text"],
                    "properties": { "text": { "type": "string" }, "mode": { "enum": ["a", "b"] } } } },
                { "name": "bare" },
            ],
            "prompts": [{ "name": "p", "arguments": [{ "name": "x", "required": true }, { "name": "y" }] }],
            "resources": [{ "uri": "x:y", "name": "why" }],
            "resourceTemplates": [],
        });
        assert_eq!(
            text(&introduction, &found, Paint::PLAIN),
            "example\u{fffd}[2J 1.2  MCP 2025-11-25\n\
             \nTools (2)\n  echo text=<string> [mode=<a|b>]\n      Says it again.\n  bare\n\
             \nPrompts (1)\n  p x= [y=]\n\
             \nResources (1)\n  x:y\n      why\n"
        );
    }
}
