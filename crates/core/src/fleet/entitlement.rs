//! The format of what callers may do with a server: `{"scopes": ["files"], "tools": {"delete_*":
//! ["files:write"]}, "claims": {"groups": ["staff"]}, "rate": "60/min"}`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::config::{Pattern, Policy, Rate, ToolPolicy};

type Claims = BTreeMap<String, Vec<String>>;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    scopes: Vec<String>,
    claims: Claims,
    tools: BTreeMap<String, Value>,
    rate: Option<String>,
    concurrency: Option<usize>,
    forward_identity: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct WholeRule {
    scopes: Vec<String>,
    claims: Claims,
    rate: Option<String>,
    concurrency: Option<usize>,
}

/// Parses it, or returns what is wrong. Names of tools are patterns (`*`, `?`) for the server's own
/// names; `rate` and `concurrency` at the same level apply to every tool.
pub fn policy(written: &Value) -> Result<Policy, String> {
    if !written.is_object() {
        return Err("it is not an object".to_owned());
    }
    let written = Written::deserialize(written).map_err(|error| error.to_string())?;
    let mut tools = Vec::new();
    if written.rate.is_some() || written.concurrency.is_some() {
        let (rate, concurrency) = (written.rate, written.concurrency);
        tools.push(rule("*", WholeRule { rate, concurrency, ..WholeRule::default() })?);
    }
    for (name, written) in written.tools {
        let wrong = |error: serde_json::Error| format!("tools.{name}: {error}");
        let written = if written.is_object() {
            WholeRule::deserialize(written).map_err(wrong)?
        } else {
            let scopes = Vec::deserialize(written).map_err(wrong)?;
            WholeRule { scopes, ..WholeRule::default() }
        };
        tools.push(rule(&name, written)?);
    }
    check_scopes(&written.scopes)?;
    Ok(Policy {
        scopes: written.scopes,
        claims: written.claims.into_iter().collect(),
        tools,
        forward_identity: written.forward_identity,
    })
}

fn rule(name: &str, written: WholeRule) -> Result<ToolPolicy, String> {
    check_scopes(&written.scopes)?;
    let rate = written.rate.map(|text| {
        Rate::parse(&text).ok_or_else(|| {
            format!("rate {text:?} is not a number of calls and a time, as in 60/min")
        })
    });
    if written.concurrency == Some(0) {
        return Err("concurrency must be at least 1; to hide a tool, deny it".to_owned());
    }
    let is_pattern = name.contains(['*', '?']);
    let tools = if is_pattern { Pattern::Glob } else { Pattern::Exact };
    Ok(ToolPolicy {
        tools: tools(name.to_owned()),
        scopes: written.scopes,
        claims: written.claims.into_iter().collect(),
        rate: rate.transpose()?,
        concurrency: written.concurrency,
    })
}

fn check_scopes(scopes: &[String]) -> Result<(), String> {
    let word = |scope: &&String| scope.is_empty() || scope.contains(char::is_whitespace);
    match scopes.iter().find(word) {
        Some(scope) => Err(format!("{scope:?} is not a scope, which is one word")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_is_read_as_it_is_written() {
        let written = json!({
            "scopes": ["files"],
            "claims": { "groups": ["staff"] },
            "tools": {
                "delete_*": ["files:write"],
                "drop": { "claims": { "roles": ["admin"] }, "rate": "1/h", "concurrency": 1 },
            },
            "rate": "60/min",
            "forwardIdentity": true,
        });
        let policy = policy(&written).unwrap();
        assert_eq!(policy.scopes, ["files"]);
        assert!(policy.forward_identity);
        let names: Vec<&str> = policy.named_claims().collect();
        assert_eq!(names, ["groups", "roles"]);
        let [all, delete, drop] = &policy.tools[..] else { panic!("{policy:?}") };
        assert!(all.tools.matches("anything") && all.rate.unwrap().calls == 60);
        assert!(delete.tools.matches("delete_file") && delete.scopes == ["files:write"]);
        assert_eq!((&drop.tools, drop.concurrency), (&Pattern::Exact("drop".to_owned()), Some(1)));
        assert!(super::policy(&json!({})).unwrap().is_empty());
    }

    #[test]
    fn what_would_restrict_nobody_is_refused() {
        for wrong in [
            json!({ "scope": ["files"] }),
            json!({ "scopes": "files" }),
            json!({ "scopes": ["files mail"] }),
            json!({ "tools": { "x": { "scope": [] } } }),
            json!({ "tools": { "x": "files" } }),
            json!({ "tools": { "x": [["files"]] } }),
            json!({ "rate": "fast" }),
            json!({ "concurrency": 0 }),
            json!({ "claims": { "groups": "staff" } }),
            json!([]),
        ] {
            assert!(policy(&wrong).is_err(), "{wrong}");
        }
    }
}
