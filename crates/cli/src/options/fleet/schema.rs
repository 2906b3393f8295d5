//! The JSON Schema of the settings in a file, made from the table of flags.

use mcp_proxy_core::fleet::AUTH_FLAGS;
use serde_json::{Map, Value, json};

use super::vocabulary::{of_a_server, of_the_top};
use crate::args::{Definition, Json};

/// The URL of the published schema.
const ID: &str =
    "https://raw.githubusercontent.com/punkpeye/mcp-proxy/main/docs/config.schema.json";

/// The whole schema, as text with an end of line.
pub(crate) fn schema() -> String {
    let servers = json!({
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": { "mcp-proxy": { "$ref": "#/$defs/server" } }
        }
    });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "mcp-proxy --config",
        "description": "The key mcp-proxy in a file that lists MCP servers: settings of the proxy at the top, settings of one server inside that server. The rest of the file belongs to the client.",
        "type": "object",
        "properties": {
            "mcp-proxy": { "$ref": "#/$defs/top" },
            "mcpServers": servers,
            "servers": servers,
            "context_servers": servers,
            "mcp_servers": servers
        },
        "$defs": {
            "top": top(),
            "server": server(),
            "filter": filter(),
            "policy": closed(
                "What callers may do with the server, and how often",
                policy_members()
            ),
            "toolPolicy": tool_policy(),
            "claims": {
                "description": "Claims that the caller's token must have, each with a list of accepted values",
                "type": "object",
                "additionalProperties": { "type": "array", "items": { "type": "string" } }
            },
            "names": { "type": "object", "additionalProperties": { "type": "string" } },
            "globs": { "type": "array", "items": { "type": "string" } },
            "variable": { "type": "string", "pattern": "\\$\\{" }
        }
    });
    format!("{schema:#}\n")
}

fn top() -> Value {
    let mut members = settings(of_the_top());
    if let Some(flag) = members.get("auth").cloned() {
        let description = "The OAuth issuer, as for the flag; or an object that says whose access tokens let clients in, and what callers may do with every server";
        let either = json!({ "description": description, "anyOf": [whole_auth(), flag] });
        members.insert("auth".to_owned(), either);
    }
    members.insert("$schema".to_owned(), json!({ "type": "string" }));
    members.insert(
        "groups".to_owned(),
        json!({
            "description": "Groups of servers, served at /groups/NAME/mcp and /groups/NAME/sse",
            "type": "object",
            "additionalProperties": { "type": "array", "items": { "type": "string" } }
        }),
    );
    closed(
        "Settings of the proxy: the flags of the command line, by their names. Settings for \
         servers apply to all of them.",
        members,
    )
}

fn server() -> Value {
    let mut members = settings(of_a_server());
    let mut tools = filter();
    let more = [
        ("rename", "The server's own name of a tool, and the name that clients see", "names"),
        (
            "describe",
            "The name that clients see, and the description that replaces the server's",
            "names",
        ),
    ];
    for (name, description, kind) in more {
        let reference = format!("#/$defs/{kind}");
        tools["properties"][name] = json!({ "description": description, "$ref": reference });
    }
    tools["properties"]["arguments"] = json!({
        "description": "The name that clients see, and arguments that are set in every call, whatever the client sends",
        "type": "object",
        "additionalProperties": { "type": "object" }
    });
    let filter = |what: &str| json!({ "description": what, "$ref": "#/$defs/filter" });
    for (name, value) in [
        ("tools", tools),
        ("prompts", filter("Which prompts are served")),
        ("resources", filter("Which resources and templates are served, by their URIs")),
        ("auth", json!({ "$ref": "#/$defs/policy" })),
        (
            "required",
            json!({ "description": "The proxy is not ready without this server", "type": "boolean" }),
        ),
        (
            "lazy",
            json!({ "description": "Start this server when it is first needed", "type": "boolean" }),
        ),
        (
            "sandbox",
            json!({ "description": "Run without the client's sandbox", "const": "ignore" }),
        ),
    ] {
        members.insert(name.to_owned(), value);
    }
    closed("Settings of one server", members)
}

/// The object `auth` at the top: flags with shorter names, and what callers may do.
fn whole_auth() -> Value {
    let mut members = policy_members();
    let flags = settings(of_the_top());
    for (name, flag) in AUTH_FLAGS {
        members.extend(flags.get(flag).map(|flag| (name.to_owned(), flag.clone())));
    }
    closed("Whose access tokens let clients in, and what callers may do", members)
}

fn policy_members() -> Map<String, Value> {
    let members = json!({
        "scopes": { "description": "Scopes that every request needs", "type": "array", "items": { "type": "string" } },
        "claims": { "$ref": "#/$defs/claims" },
        "tools": {
            "description": "For each tool, by the server's own name (* stands for any text, ? for one character), the scopes that a call needs, or all of its rules",
            "type": "object",
            "additionalProperties": {
                "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "$ref": "#/$defs/toolPolicy" }]
            }
        },
        "rate": rate(),
        "concurrency": concurrency(),
        "forwardIdentity": { "description": "Tell the server who calls", "type": "boolean" }
    });
    let Value::Object(members) = members else { return Map::new() };
    members
}

fn tool_policy() -> Value {
    json!({
        "type": "object",
        "properties": {
            "scopes": { "description": "Scopes that a call needs", "type": "array", "items": { "type": "string" } },
            "claims": { "$ref": "#/$defs/claims" },
            "rate": rate(),
            "concurrency": concurrency()
        },
        "additionalProperties": false
    })
}

fn rate() -> Value {
    json!({
        "description": "How often one caller may call one tool, such as 60/min; units are s, min, h and d",
        "type": "string",
        "pattern": "^\\s*[1-9][0-9]*\\s*/\\s*(s|sec|second|m|min|minute|h|hour|d|day)\\s*$"
    })
}

fn concurrency() -> Value {
    json!({
        "description": "Most calls of one tool that one caller may have under way",
        "type": "integer",
        "minimum": 1
    })
}

fn filter() -> Value {
    json!({
        "type": "object",
        "properties": {
            "allow": { "description": "Serve only names that match one of these; * stands for any text, ? for one character", "$ref": "#/$defs/globs" },
            "deny": { "description": "Do not serve names that match one of these", "$ref": "#/$defs/globs" }
        },
        "additionalProperties": false
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the members are made for it")]
fn closed(description: &str, members: Map<String, Value>) -> Value {
    json!({
        "description": description,
        "type": "object",
        "properties": members,
        "additionalProperties": false
    })
}

fn settings(flags: impl Iterator<Item = &'static dyn Definition>) -> Map<String, Value> {
    flags.map(|flag| (flag.name().to_owned(), setting(flag))).collect()
}

/// A variable may stand for any type of value.
fn setting(flag: &dyn Definition) -> Value {
    let variable = json!({ "$ref": "#/$defs/variable" });
    let kind = match flag.json() {
        Json::Boolean => json!({ "anyOf": [{ "type": "boolean" }, variable] }),
        Json::Number { min, max } => {
            let mut number = json!({ "type": "integer", "minimum": min });
            if let Some(max) = max {
                number["maximum"] = max.into();
            }
            json!({ "anyOf": [number, variable] })
        }
        Json::Texts => json!({
            "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "string" }]
        }),
        Json::Text if flag.choices().is_empty() => json!({ "type": "string" }),
        Json::Text => json!({ "anyOf": [{ "enum": flag.choices() }, variable] }),
    };
    let Value::Object(mut members) = kind else { return kind };
    members.insert("description".to_owned(), flag.help().into());
    Value::Object(members)
}
