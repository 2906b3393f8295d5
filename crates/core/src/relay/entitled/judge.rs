//! A policy's decision about one request. Pure.

use crate::{
    config::{Filter, Pattern, Policy, Rules, ToolPolicy, ToolRules},
    identity::{Claims, holds},
    jsonrpc::{Code, ErrorBody, Message},
    relay::Denied,
};

/// The decision.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Passes,
    /// Answered as if the thing did not exist.
    Unknown,
    Denied(Denied),
}

/// Whether a method only makes contact or lists things.
fn is_open(method: &str) -> bool {
    matches!(method, "initialize" | "ping" | "server/discover" | "logging/setLevel")
        || method.starts_with("notifications/")
        || method.ends_with("/list")
}

/// The rules of a policy that match a tool.
pub(super) fn rules_for<'a>(
    policy: &'a Policy,
    tool: &'a str,
) -> impl Iterator<Item = (usize, &'a ToolPolicy)> {
    policy.tools.iter().enumerate().filter(move |(_, rule)| rule.tools.matches_in_any_case(tool))
}

/// The policy's decision about a request of a caller with these claims, before rates are counted.
pub(super) fn judge(policy: &Policy, message: &Message, claims: Option<&Claims>) -> Verdict {
    let method = message.method();
    if is_open(&method) {
        return Verdict::Passes;
    }
    if !holds(&policy.claims, claims) {
        return Verdict::Unknown;
    }
    let mut needed = policy.scopes.clone();
    if method == "tools/call" {
        let name = message.name().unwrap_or_default();
        for (_, rule) in rules_for(policy, &name) {
            if !holds(&rule.claims, claims) {
                return Verdict::Unknown;
            }
            needed.extend(rule.scopes.iter().cloned());
        }
    }
    needed.sort_unstable();
    needed.dedup();
    let covered = match claims {
        Some(claims) => claims.check_scopes(&needed).is_ok(),
        None => needed.is_empty(),
    };
    if covered { Verdict::Passes } else { Verdict::Denied(Denied::Scope(needed)) }
}

/// The answer to a caller who asks for something that it may not see.
pub(super) fn unknown(message: &Message) -> ErrorBody {
    let text = match &*message.method() {
        "tools/call" => format!("Unknown tool: {}", message.name().unwrap_or_default()),
        "prompts/get" => format!("Unknown prompt: {}", message.name().unwrap_or_default()),
        "resources/read" | "resources/subscribe" => {
            format!("Resource not found: {}", message.uri().unwrap_or_default())
        }
        _ => "Not found".to_owned(),
    };
    ErrorBody::new(Code::InvalidParams, text)
}

/// Everything that a caller with these claims does not see, as rules for lists and calls.
pub(super) fn hidden(policy: &Policy, claims: Option<&Claims>) -> Rules {
    let everything = || Filter { allow: Vec::new(), deny: vec![Pattern::Glob("*".to_owned())] };
    if !holds(&policy.claims, claims) {
        let tools = ToolRules { filter: everything(), ..ToolRules::default() };
        return Rules { tools, prompts: everything(), resources: everything() };
    }
    let refused = policy.tools.iter().filter(|rule| !holds(&rule.claims, claims));
    let deny = refused.map(|rule| rule.tools.clone()).collect();
    let filter = Filter { allow: Vec::new(), deny };
    Rules { tools: ToolRules { filter, ..ToolRules::default() }, ..Rules::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Claims as Wanted;

    fn request(method: &str, name: &str) -> Message {
        let params = json!({ "name": name });
        let text = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        Message::parse(text.to_string().into()).unwrap()
    }

    fn person(scopes: &[&str], groups: &Value) -> Claims {
        let mut scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        scopes.sort();
        let mut claims = Claims { scopes, ..Claims::new("i", "alice") };
        claims.kept.insert("groups".to_owned(), groups.clone());
        claims
    }

    fn policy() -> Policy {
        let glob = |text: &str| Pattern::Glob(text.to_owned());
        let staff = Wanted::from([("groups".to_owned(), vec!["staff".to_owned()])]);
        let writes = ToolPolicy {
            scopes: vec!["files:write".to_owned()],
            ..ToolPolicy::new(glob("delete_*"))
        };
        let admin = ToolPolicy { claims: staff, ..ToolPolicy::new(glob("*_all")) };
        Policy { scopes: vec!["files".to_owned()], tools: vec![writes, admin], ..Policy::default() }
    }

    fn judged(method: &str, name: &str, claims: Option<&Claims>) -> Verdict {
        judge(&policy(), &request(method, name), claims)
    }

    fn needs(scopes: &[&str]) -> Verdict {
        Verdict::Denied(Denied::Scope(scopes.iter().map(|&scope| scope.to_owned()).collect()))
    }

    #[test]
    fn all_scopes_of_an_operation_are_named_in_one_go() {
        let bare = person(&[], &json!("staff"));
        assert_eq!(judged("tools/call", "read", Some(&bare)), needs(&["files"]));
        let both = needs(&["files", "files:write"]);
        assert_eq!(judged("tools/call", "delete_file", Some(&bare)), both);
        assert_eq!(judged("tools/call", "delete_file", None), both);
        for method in [
            "resources/read",
            "resources/subscribe",
            "prompts/get",
            "completion/complete",
            "tasks/get",
            "tasks/cancel",
            "subscriptions/listen",
            "anything/else",
        ] {
            assert_eq!(judged(method, "x", Some(&bare)), needs(&["files"]), "{method}");
        }
        for method in ["initialize", "ping", "tools/list", "resources/templates/list"] {
            assert_eq!(judged(method, "x", Some(&bare)), Verdict::Passes, "{method}");
        }
        for spelling in ["DELETE_file", "Delete_File"] {
            assert_eq!(judged("tools/call", spelling, Some(&bare)), both, "{spelling}");
        }
        let full = person(&["files", "files:write"], &json!("staff"));
        assert_eq!(judged("tools/call", "delete_all", Some(&full)), Verdict::Passes);
    }

    #[test]
    fn whoever_lacks_a_claim_knows_of_nothing() {
        let scopes = ["files", "files:write"];
        for (groups, sees) in [
            (json!("staff"), true),
            (json!(["guests", "staff"]), true),
            (json!("guests staff"), false),
            (json!({ "staff": true }), false),
            (json!([["staff"]]), false),
            (Value::Null, false),
        ] {
            let somebody = person(&scopes, &groups);
            let expected = if sees { Verdict::Passes } else { Verdict::Unknown };
            assert_eq!(judged("tools/call", "drop_all", Some(&somebody)), expected, "{groups}");
            let hidden = hidden(&policy(), Some(&somebody));
            assert_eq!(hidden.tools.filter.admits("drop_all"), sees, "{groups}");
            assert!(hidden.tools.filter.admits("read"));
        }
        let closed = Policy { claims: policy().tools[1].claims.clone(), ..policy() };
        let stranger = person(&scopes, &json!("guests"));
        let rules = hidden(&closed, Some(&stranger));
        assert!(!rules.tools.filter.admits("read") && !rules.resources.admits("file:///x"));
        assert_eq!(judge(&closed, &request("prompts/get", "x"), Some(&stranger)), Verdict::Unknown);
        assert_eq!(judge(&closed, &request("tools/list", ""), Some(&stranger)), Verdict::Passes);
    }
}
