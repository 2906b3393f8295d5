//! The key `mcp-proxy`.

use super::*;

fn with_block(top: &str, server: &str) -> String {
    format!(
        "{{ \"mcpServers\": {{ \"files\": {{ \"command\": \"c\", \"mcp-proxy\": {server} }},\n \
         \"b\": {{ \"command\": \"c\" }} }},\n\"mcp-proxy\": {top} }}"
    )
}

fn refusal(top: &str, server: &str) -> String {
    read("a.json", &with_block(top, server)).expect_err(top).to_string()
}

#[test]
fn settings_are_flags_with_their_values() {
    let top = r#"{ "port": 1, "apiKey": "${TOKEN}", "stateless": true, "allowedHosts": ["a", "b"],
        "groups": { "safe": ["files", "files"] }, "$schema": "x" }"#;
    let server = r#"{ "isolation": "session", "prewarm": "${EMPTY:-3}", "shell": false, "required": true, "lazy": true }"#;
    let manifest = read("a.json", &with_block(top, server)).unwrap();
    let show = |settings: &[Setting]| -> Vec<String> {
        settings.iter().map(|one| format!("{} {}", one.name, one.words.join(","))).collect()
    };
    assert_eq!(
        show(&manifest.settings(&variables()).unwrap()),
        ["port 1", "apiKey s3cret", "stateless true", "allowedHosts a,b"]
    );
    let entry = manifest.entries(&variables()).remove(0);
    assert!(entry.required && entry.lazy);
    let settings = entry.launch.unwrap().settings;
    assert_eq!(show(&settings), ["isolation session", "prewarm 3", "shell false"]);
    assert_eq!(settings[0].position.to_string(), "1:74");
    let groups: Vec<_> = manifest.groups().collect();
    assert_eq!(groups, [("safe", ["files".to_owned()].as_slice())]);
    assert!(manifest.unused().is_empty(), "{:?}", manifest.unused());
}

#[test]
fn an_unset_variable_at_the_top_is_a_fault() {
    let manifest = read("a.json", &with_block(r#"{ "apiKey": "x${NONE}" }"#, "{}")).unwrap();
    let fault = manifest.settings(&variables()).expect_err("unset").to_string();
    assert_eq!(fault, "a.json:3:28: the variable \"NONE\" is not set");
}

#[test]
fn unknown_members_are_refused_with_advice() {
    for (top, server, expected) in [
        (
            r#"{ "apikey": "x" }"#,
            "{}",
            "a.json:3:16: \"mcp-proxy.apikey\" is unknown; did you mean \"apiKey\"?",
        ),
        (
            "{}",
            r#"{ "isolatoin": "x" }"#,
            "\"mcpServers.files.mcp-proxy.isolatoin\" is unknown; did you mean \"isolation\"?",
        ),
        (
            "{}",
            r#"{ "tools": { "alow": [] } }"#,
            "tools.alow\" is unknown; did you mean \"allow\"?",
        ),
        ("{}", r#"{ "prompts": { "rename": {} } }"#, "prompts.rename\" is unknown"),
        ("{}", r#"{ "prewarm": true }"#, "prewarm\" is a boolean; it must be a number"),
        ("{}", r#"{ "shell": "yes" }"#, "shell\" is a string; it must be true or false"),
        ("{}", r#"{ "isolation": 1 }"#, "isolation\" is a number; it must be a string"),
        (r#"{ "allowedHosts": [1] }"#, "{}", "mcp-proxy.allowedHosts[0]\" is a number"),
        ("[]", "{}", "a.json:3:14: \"mcp-proxy\" is an array; it must be an object"),
        ("{}", r#"{ "sandbox": "no" }"#, "sandbox is \"no\"; it can only be \"ignore\""),
        (
            r#"{ "groups": { "g": ["filse"] } }"#,
            "{}",
            "names the server \"filse\", which is not in the file; did you mean \"files\"?",
        ),
        (r#"{ "groups": { "..": [] } }"#, "{}", "a group cannot be served under the name \"..\""),
        (
            "{}",
            r#"{ "tools": { "rename": { "a": "x", "b": "x" } } }"#,
            "\"a\" and \"b\" are both renamed to \"x\"",
        ),
        ("{}", r#"{ "tools": { "rename": { "a": "" } } }"#, "holds an empty name"),
        (
            "{}",
            r#"{ "tools": { "arguments": { "a": { "b": ["${TOKEN}"] } } } }"#,
            "variables are not expanded in fixed arguments",
        ),
    ] {
        let fault = refusal(top, server);
        assert!(fault.contains(expected), "{fault}\n{expected}");
    }
}

#[test]
fn rules_are_read() {
    let server = r#"{ "tools": { "allow": ["read_*", "list_*"], "deny": ["*_secret"], "rename": { "read_file": "read" },
        "describe": { "read": "Reads a file" }, "arguments": { "read": { "head": 100, "x": { "a": [null, "é\"", 1.50] } } } },
        "prompts": { "deny": ["*"] } }"#;
    let entry = read("a.json", &with_block("{}", server)).unwrap().entries(&variables()).remove(0);
    let tools = &entry.rules.tools;
    assert_eq!(
        ["read_x", "read_secret", "write"].map(|name| tools.filter.admits(name)),
        [true, false, false]
    );
    assert_eq!(tools.rename["read_file"], "read");
    assert_eq!(tools.describe["read"], "Reads a file");
    assert_eq!(tools.arguments["read"]["head"], "100");
    assert_eq!(tools.arguments["read"]["x"], r#"{"a":[null,"é\"",1.50]}"#);
    assert!(!entry.rules.prompts.admits("any") && entry.rules.resources.admits("any"));
}

#[test]
fn auth_is_the_flag_or_an_object() {
    let show = |top: &str| -> Vec<String> {
        let manifest = read("a.json", &with_block(top, "{}")).unwrap();
        let settings = manifest.settings(&variables()).unwrap();
        settings.iter().map(|one| format!("{} {}", one.name, one.words.join(","))).collect()
    };
    assert_eq!(show(r#"{ "auth": "https://idp" }"#), ["auth https://idp"]);
    assert_eq!(show(r#"{ "auth": ["https://a", "https://b"] }"#), ["auth https://a,https://b"]);
    assert_eq!(
        show(
            r#"{ "auth": { "issuer": "https://idp", "audience": ["a", "b"], "scopes": ["x", "y"],
            "introspect": "https://me:${TOKEN}@idp", "rate": "1/s" } }"#
        ),
        [
            "auth https://idp",
            "authAudience a,b",
            "authIntrospect https://me:s3cret@idp",
            "authScopes x y"
        ]
    );
    assert!(show(r#"{ "auth": { "scopes": [], "issuer": null } }"#).is_empty());
}

#[test]
fn rules_for_callers_are_of_the_top_and_of_a_server() {
    let top =
        r#"{ "auth": { "scopes": ["use"], "claims": { "g": ["a"] }, "tools": { "x": ["s"] } } }"#;
    let server = r#"{ "tools": { "deny": ["y"] },
        "auth": { "scopes": ["files"], "claims": { "g": ["b"] }, "rate": "60/min", "concurrency": 2 } }"#;
    let manifest = read("a.json", &with_block(top, server)).unwrap();
    assert!(manifest.policy().scopes.is_empty(), "those are what everything needs");
    let entry = manifest.entries(&variables()).remove(0);
    let whole = manifest.policy().clone().and(entry.policy);
    assert_eq!(whole.scopes, ["files"]);
    assert_eq!(whole.named_claims().collect::<Vec<_>>(), ["g", "g"], "both hold");
    let rate = whole.tools.iter().find_map(|rule| rule.rate).unwrap();
    assert_eq!((rate.calls, rate.time.as_secs()), (60, 60));
    assert!(whole.tools.iter().any(|rule| rule.concurrency == Some(2)));
    assert!(whole.tools.iter().any(|rule| rule.scopes == ["s"] && rule.tools.matches("x")));
    assert!(!entry.rules.tools.filter.admits("y"));
}

#[test]
fn rules_for_callers_that_would_restrict_nobody_are_refused() {
    for (top, server, expected) in [
        (r#"{ "auth": { "isuer": "x" } }"#, "{}", "did you mean \"issuer\"?"),
        (r#"{ "auth": { "scopes": "use" } }"#, "{}", "it must be an array of strings"),
        (r#"{ "auth": 7 }"#, "{}", "it must be an array of strings"),
        (r#"{ "auth": { "audience": "a" }, "authAudience": "b" }"#, "{}", "is also set in"),
        ("{}", r#"{ "auth": "https://idp" }"#, "it must be an object"),
        ("{}", r#"{ "auth": { "issuer": "x" } }"#, "auth.issuer\" is unknown"),
        (
            "{}",
            r#"{ "auth": { "tools": { "x": { "scope": [] } } } }"#,
            "auth.tools\" is wrong: tools.x",
        ),
        ("{}", r#"{ "auth": { "rate": "fast" } }"#, "a.json:1:79: \"mcpServers"),
        (
            "{}",
            r#"{ "auth": { "claims": { "g": ["${TOKEN}"] } } }"#,
            "variables are not expanded in",
        ),
    ] {
        let refusal = refusal(top, server);
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn claims_stay_in_variables_of_servers_only() {
    let file = |server: &str| format!("{{ \"mcpServers\": {{ \"a\": {server} }} }}");
    let entry =
        |server: &str| read("a.json", &file(server)).unwrap().entries(&variables()).remove(0);
    let kept = entry(r#"{ "command": "c", "env": { "WHO": "<${claim:https://x/y}> ${TOKEN}" } }"#);
    assert_eq!(line(&kept), "c env=WHO=<${claim:https://x/y}> s3cret");
    for server in [
        r#"{ "command": "c", "args": ["${claim:email}"] }"#,
        r#"{ "command": "c", "env": { "WHO": "${claim:}" } }"#,
        r#"{ "url": "https://h/${claim:email}" }"#,
    ] {
        assert!(entry(server).launch.is_err(), "{server}");
    }
}
