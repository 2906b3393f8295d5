//! Invalid files: a sentence with its place, never a panic, never half a configuration.

use super::*;

/// A file, what is in it, and how the sentence begins.
const BROKEN: &[(&str, &str, &str)] = &[
    ("a.json", "", "a.json: the file is empty"),
    ("a.json", "{ \"mcpServers\": { \"a\": ", "a.json:1:"),
    ("a.json", "[]", "a.json:1:1: the file contains an array; it must be an object"),
    ("a.json", "{}", "a.json: no servers are in it"),
    ("a.json", "{ mcpServers: {} }", "a.json:1:3: this is not valid JSON"),
    ("a.json", "{ 'mcpServers': {} }", "a.json:1:3: this is not valid JSON"),
    (
        "a.json",
        "{ \"mcpServers\": [] }",
        "a.json:1:17: \"mcpServers\" is an array; it must be an object",
    ),
    (
        "a.json",
        "{\n \"mcpServers\": {},\n \"servers\": {} }",
        "a.json:3:2: \"servers\" beside \"mcpServers\" at 2:2: these are two clients' ways",
    ),
    (
        "a.json",
        "{ \"mcpServers\": {\n \"a\": { \"command\": \"x\" },\n \"a\": { \"command\": \"y\" } } }",
        "a.json:3:2: \"a\" appears twice; the first one is at 2:2",
    ),
    ("a.json", "{ \"mcpServers\": { \"a\": 1 } }", "a.json:1:24: \"mcpServers.a\" is a number"),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"command\": 5 } } }",
        "a.json:1:37: \"mcpServers.a.command\" is a number; it must be a string",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \" \" } } }",
        "a.json:1:37: the command is empty",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \"c\", \"args\": \"x\" } } }",
        "a.json:1:50: \"mcpServers.a.args\" is a string; it must be an array of strings",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \"c\", \"args\": [1] } } }",
        "a.json:1:51: \"mcpServers.a.args[0]\" is a number",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \"c\", \"env\": { \"A\": [] } } } }",
        "a.json:1:56: \"mcpServers.a.env.A\" is an array",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \"c\", \"env\": { \"A=B\": \"\" } } } }",
        "a.json:1:51: \"A=B\" is not a valid name of a variable",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \"c\", \"url\": \"https://h\" } } }",
        "a.json:1:42: \"command\" and \"url\" are both set",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \"c\", \"type\": \"http\" } } }",
        "a.json:1:50: \"type\" is \"http\", but the server has a command",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"url\": \"h\" } } }",
        "a.json:1:33: \"mcpServers.a.url\" is not a URL",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"url\": \"http://h\", \"type\": \"carrier\" } } }",
        "a.json:1:53: \"mcpServers.a.type\" is \"carrier\"",
    ),
    (
        "a.json",
        "{ \"mcpServers\": { \"a\": { \"url\": \"http://h\", \"headers\": { \"a b\": \"\" } } } }",
        "a.json:1:58: \"a b\" is not a valid name of a header",
    ),
    ("a.json", "{ \"mcpServers\": { \"a\": { \"disabled\": 1 } } }", "a.json:1:38:"),
    ("a.json", "{ \"servers\": {}, \"inputs\": {} }", "a.json:1:28: \"inputs\" is an object"),
    ("a.json", "{ \"servers\": {}, \"inputs\": [{}] }", "a.json:1:29: inputs[0] has no id"),
    ("a.toml", "[mcp_servers.a]\ncommand = ", "a.toml:2:"),
    (
        "a.toml",
        "[mcp_servers.a]\ncommand = 'c'\ncommand = 'd'\n",
        "a.toml:3:1: this is not valid TOML",
    ),
    ("a.toml", "[mcp_servers]\na = 1\n", "a.toml:2:5: \"mcp_servers.a\" is a number"),
    ("ä/ö.json", "{ \"mcpServers\": { \"ü\": 1 } }", "ä/ö.json:1:24:"),
];

#[test]
fn every_broken_file_is_refused_at_its_place() {
    for (file, text, expected) in BROKEN {
        let fault = read(file, text).expect_err(text).to_string();
        assert!(fault.starts_with(expected), "{text}\n{fault}\n{expected}");
        assert!(!fault.contains(char::is_control), "{fault:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let read = |bytes: &[u8]| {
        Manifest::read("a.json", bytes, None, &vocabulary()).expect_err("broken").to_string()
    };
    assert_eq!(read(b"{\n \xff}"), "a.json:2:2: this byte is not UTF-8; save the file as UTF-8");
    assert_eq!(read(b"\xff\xfe{\0"), "a.json: the file is UTF-16; save it as UTF-8");
    assert!(read(&vec![b' '; 17 * 1024 * 1024]).contains("bytes; a configuration may have"));
}

#[test]
fn every_prefix_of_a_file_is_refused_or_read() {
    let text = r#"{ "mcpServers": { "a": { "command": "c", "args": ["${A:-${B}}"] } }, "mcp-proxy": { "port": 1 } }"#;
    for end in 0..text.len() {
        assert!(read("a.json", &text[..end]).is_err(), "{}", &text[..end]);
    }
    assert!(read("a.json", text).is_ok());
}

#[test]
fn deep_nesting_does_not_overflow() {
    for (file, open, close) in
        [("a.json", "[", "]"), ("a.json", "{\"a\":", "}"), ("a.toml", "[", "]")]
    {
        let text = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let text = if file == "a.toml" { format!("a = {text}") } else { text };
        assert!(read(file, &text).is_err());
    }
    let nested = format!("${{A:-{}", "${A:-".repeat(200));
    let text =
        format!(r#"{{ "mcpServers": {{ "a": {{ "command": "{nested}{}" }} }} }}"#, "}".repeat(201));
    let (_, servers) = lines("a.json", &text);
    assert!(servers[0].ends_with("defaults are nested too deeply"), "{}", servers[0]);
}

#[test]
fn names_of_servers_are_served_or_fail_alone() {
    let text = r#"{ "mcpServers": { "ok": { "command": "c" }, "..": { "command": "c" }, "": { "command": "c" },
        "a b": { "command": "c" }, "A_b": { "command": "c" }, "a/b": { "command": "c", "disabled": true },
        "größe": { "command": "c" }, "日本": { "command": "c" } } }"#;
    let (_, servers) = lines("a.json", text);
    let of = |name: &str| {
        let start = format!("{name}: ");
        servers.iter().find_map(|line| line.strip_prefix(&start)).expect("a server")
    };
    assert_eq!(of("ok"), "c");
    assert_eq!(of("größe"), "c");
    assert_eq!(of("日本"), "c");
    assert_eq!(of("a/b"), "off: c");
    assert!(of("..").contains("1:45: a server cannot be served under the name \"..\""));
    assert!(of("").contains("cannot be served under the name \"\""));
    assert!(of("a b").contains("the names \"a b\" and \"A_b\" (at 2:36) are the same"));
    assert!(of("A_b").contains("the names \"A_b\" and \"a b\" (at 2:9) are the same"));
}

#[test]
fn many_servers_and_a_large_file_are_read() {
    let server =
        |index: usize| format!("\"s{index}\": {{ \"command\": \"{}\" }}", "x".repeat(5_000));
    let servers: Vec<String> = (0..200).map(server).collect();
    let text = format!("{{ \"mcpServers\": {{ {} }} }}", servers.join(",\n"));
    assert!(text.len() > 1_000_000);
    assert_eq!(lines("a.json", &text).1.len(), 200);
}
