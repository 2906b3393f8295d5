//! How a file and a command line are combined.

use std::{ffi::OsString, io::Write as _};

use mcp_proxy_core::config::{Isolation, RemoteConfig, Upstream, UpstreamConfig};

use super::*;
use crate::args::{Environment, Invocation, parse};

/// A command line with `--config` for this text.
fn read(text: &str, line: &[&str], variables: &[(&str, &str)]) -> Result<Reading, String> {
    let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let mut words = vec!["--config", path.as_str()];
    words.extend(line);
    typed(&words, variables).map_err(|error| error.replace(&path, "FILE"))
}

fn typed(line: &[&str], variables: &[(&str, &str)]) -> Result<Reading, String> {
    let words: Vec<OsString> = line.iter().map(OsString::from).collect();
    let environment: Environment = variables.iter().copied().collect();
    let Ok(Invocation::Serve(typed)) = parse(words, &environment) else { panic!("{line:?}") };
    let options = FleetOptions::of(typed).map_err(|error| error.to_string())?;
    Ok(options.unwrap_or_else(|_| panic!("no fleet")).reading)
}

fn command<'a>(reading: &'a Reading, name: &str) -> &'a UpstreamConfig {
    match &server(reading, name).upstream {
        Ok(Upstream::Command(config)) => config,
        other => panic!("{other:?}"),
    }
}

fn remote<'a>(reading: &'a Reading, name: &str) -> &'a RemoteConfig {
    match &server(reading, name).upstream {
        Ok(Upstream::Remote(config)) => config,
        other => panic!("{other:?}"),
    }
}

fn server<'a>(reading: &'a Reading, name: &str) -> &'a ServerConfig {
    reading.fleet.servers.iter().find(|server| server.name == name).unwrap()
}

fn names(reading: &Reading) -> Vec<&str> {
    reading.fleet.servers.iter().map(|server| server.name.as_str()).collect()
}

const TWO: &str = r#"{ "mcpServers": {
    "a": { "command": "c", "args": ["x", "--port"], "env": { "A": "own" }, "cwd": "/w",
           "mcp-proxy": { "isolation": "session", "requestTimeout": 5 } },
    "b": { "url": "https://h/mcp", "headers": { "X-Key": "own" } } },
  "mcp-proxy": { "port": 1, "host": "file", "isolation": "request", "requestTimeout": 7 } }"#;

#[test]
fn the_line_counts_more_than_the_environment_and_that_more_than_the_file() {
    let port = |line: &[&str], variables: &[(&str, &str)]| {
        let reading = read(TWO, line, variables).unwrap();
        (reading.fleet.http.port, reading.fleet.http.host)
    };
    let host = |host: &str| host.to_owned();
    assert_eq!(port(&[], &[]), (1, host("file")));
    assert_eq!(port(&[], &[("MCP_PROXY_PORT", "2")]), (2, host("file")));
    assert_eq!(port(&["--port", "3"], &[("MCP_PROXY_PORT", "2")]), (3, host("file")));
}

#[test]
fn what_is_said_of_a_server_counts_more_than_what_is_said_of_all() {
    let reading = read(TWO, &["--prewarm", "2", "--requestTimeout", "9"], &[]).unwrap();
    let a = command(&reading, "a");
    assert_eq!((a.isolation, a.prewarm), (Isolation::Session, 2));
    assert_eq!(a.request_timeout, Some(Duration::from_millis(5)));
    let b = remote(&reading, "b");
    assert_eq!(b.request_timeout, Some(Duration::from_millis(9)));
    let reading = read(TWO, &[], &[]).unwrap();
    assert_eq!(remote(&reading, "b").request_timeout, Some(Duration::from_millis(7)));
}

#[test]
fn words_and_variables_of_a_server_are_its_own() {
    let line = ["--env", "A=all", "--env", "B=all", "--header", "x-key: all", "--header", "Y: all"];
    let reading = read(TWO, &line, &[]).unwrap();
    let a = &command(&reading, "a").command;
    assert_eq!(a.args, ["x", "--port"]);
    let env: Vec<_> = a.env.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(env, [("A".as_ref(), "own".as_ref()), ("B".as_ref(), "all".as_ref())]);
    assert_eq!(a.cwd.as_deref(), Some(Path::new("/w")));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(remote(&reading, "b").headers, [pair("Y", "all"), pair("X-Key", "own")]);
}

#[test]
fn credentials_for_all_are_not_sent_where_a_server_has_its_own() {
    let text = r#"{ "mcpServers": {
        "own": { "url": "https://h", "headers": { "Authorization": "Basic own" } },
        "token": { "url": "https://h", "mcp-proxy": { "bearerToken": "own" } },
        "none": { "url": "https://h" } } }"#;
    let reading = read(text, &["--bearerToken", "all"], &[]).unwrap();
    let token = |name: &str| remote(&reading, name).bearer_token.clone();
    assert_eq!(token("own"), None);
    assert_eq!(token("token").as_deref(), Some("own"));
    assert_eq!(token("none").as_deref(), Some("all"));
}

#[test]
fn what_a_variable_holds_is_not_looked_at_again() {
    let text = r#"{ "mcpServers": { "b": { "url": "https://h", "headers": { "X": "${input:one}" },
        "mcp-proxy": { "bearerToken": "a${input:one}$${input:one}" } } } }"#;
    let reading = read(text, &["--input", "one=${PATH}$"], &[]).unwrap();
    let b = remote(&reading, "b");
    assert_eq!(b.headers, [("X".to_owned(), "${PATH}$".to_owned())]);
    assert_eq!(b.bearer_token.as_deref(), Some("a${PATH}$$${PATH}$"));
}

#[test]
fn an_unset_variable_fails_its_server_and_nothing_else() {
    let text = r#"{ "mcpServers": { "a": { "command": "${MCP_PROXY_TEST_UNSET}" }, "b": { "command": "b" } } }"#;
    let reading = read(text, &[], &[]).unwrap();
    let refused = server(&reading, "a").upstream.as_ref().unwrap_err();
    assert!(
        refused.ends_with(":1:38: the variable \"MCP_PROXY_TEST_UNSET\" is not set"),
        "{refused}"
    );
    assert!(server(&reading, "b").upstream.is_ok());
}

#[test]
fn values_that_flags_refuse_are_refused_with_their_place() {
    let of_server = |block: &str| {
        let text =
            format!(r#"{{ "mcpServers": {{ "a": {{ "command": "c", "mcp-proxy": {block} }} }} }}"#);
        let reading = read(&text, &[], &[]).unwrap();
        reading.fleet.servers[0].upstream.clone().unwrap_err()
    };
    let refused = of_server(r#"{ "isolation": "sesion" }"#);
    assert!(
        refused.ends_with(
            ":1:70: isolation must be one of shared, session, identity, request (got sesion)."
        ),
        "{refused}"
    );
    assert!(
        of_server(r#"{ "prewarm": 9999 }"#).contains("prewarm must be a number from 0 to 1024")
    );
    for (top, expected) in [
        (
            r#"{ "port": 70000 }"#,
            "Error: FILE:2:26: port must be a number from 0 to 65535 (got 70000).",
        ),
        (
            r#"{ "apiKey": "" }"#,
            "Error: FILE:2:28: apiKey must be a non-empty text (got an empty one).",
        ),
        (r#"{ "logLevel": "loud" }"#, "Error: FILE:2:30: logLevel must be one of error"),
        (r#"{ "metrics": true }"#, "Error: --metrics serves /metrics"),
        (r#"{ "config": "x" }"#, "Error: FILE:2:18: \"mcp-proxy.config\" is unknown"),
        (r#"{ "apiKey": "${MCP_PROXY_TEST_UNSET}" }"#, "Error: FILE:2:29: the variable"),
    ] {
        let text = format!("{{ \"mcpServers\": {{}},\n  \"mcp-proxy\": {top} }}");
        let refused = read(&text, &[], &[]).unwrap_err();
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[test]
fn named_servers_are_those_of_the_line() {
    let line = ["--namedServer", "a", "c 'x y' --z", "--named-server", "b", "d"];
    let reading = typed(&line, &[]).unwrap();
    assert_eq!(names(&reading), ["a", "b"]);
    assert_eq!(command(&reading, "a").command.args, ["x y", "--z"]);
    let reading = typed(&[&line[..], &["e", "--f"]].concat(), &[]).unwrap();
    assert_eq!(names(&reading), ["a", "b", "default"]);
    assert_eq!(command(&reading, "default").command.args, ["--f"]);
    let reading = typed(&[], &[("MCP_PROXY_NAMED_SERVER", "a c x")]).unwrap();
    assert_eq!(command(&reading, "a").command.args, ["x"]);
    for (line, expected) in [
        (&["--namedServer", "a", "c", "--namedServer", "A", "d"][..], "too similar to \"a\""),
        (&["--namedServer", "a", "c 'x"], "quote"),
        (&["--namedServer", "a"], "a name and a command"),
        (&["--namedServer", "default", "c", "d"], "the command after the flags"),
        (
            &["--namedServer", "a", "c", "--config", "f"],
            "--config and --namedServer cannot be used together",
        ),
    ] {
        let refused = typed(line, &[]).unwrap_err();
        assert!(refused.contains(expected), "{line:?}: {refused}");
    }
}

#[test]
fn a_file_and_a_command_do_not_go_together() {
    let refused = read(TWO, &["node", "x.js"], &[]).unwrap_err();
    assert!(
        refused.starts_with("Error: --config and a command (node) cannot be used together"),
        "{refused}"
    );
    let refused = read(TWO, &["--connect", "https://h"], &[]).unwrap_err();
    assert!(refused.starts_with("Error: --config and --connect cannot"), "{refused}");
    // The command in the environment applies only if none was typed.
    assert!(read(TWO, &[], &[("MCP_PROXY_COMMAND", "node")]).is_ok());
}

#[test]
fn an_entry_that_leads_back_to_the_file_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, servers: &str| {
        fs::write(path(name), format!("{{ \"mcpServers\": {{ {servers} }} }}")).unwrap();
    };
    let entry = |name: &str, file: &str| {
        format!(
            "\"{name}\": {{ \"command\": \"npx\", \"args\": [\"mcp-proxy\", \"--stdio\", \"--config\", \"{file}\"] }}"
        )
    };
    let own = format!(
        "{}, {}, {}, \"port\": {{ \"url\": \"http://localhost:8080/mcp\" }}, \"ok\": {{ \"command\": \"c\" }}",
        entry("direct", &path("a.json")),
        entry("round", &path("b.json")),
        entry("other", &path("d.json")),
    );
    write("a.json", &own);
    write("b.json", &entry("next", &path("c.json")));
    write(
        "c.json",
        &format!("{}, {}", entry("b", &path("b.json")), entry("back", &path("a.json"))),
    );
    write("d.json", "\"ok\": { \"command\": \"c\" }");
    let reading = typed(&["--config", &path("a.json")], &[]).unwrap();
    assert_eq!(names(&reading), ["other", "ok"]);
    let left_out = reading.warnings.iter().filter(|warning| warning.contains("left out")).count();
    assert_eq!(left_out, 3, "{:?}", reading.warnings);
}

#[test]
fn groups_hold_what_is_there() {
    let text = r#"{ "mcpServers": { "a": { "command": "c" }, "me": { "url": "http://localhost:8080/mcp" } },
        "mcp-proxy": { "groups": { "g": ["me", "a"] } } }"#;
    let reading = read(text, &[], &[]).unwrap();
    let expected = GroupConfig { name: "g".to_owned(), servers: vec!["a".to_owned()] };
    assert_eq!(reading.fleet.groups, [expected]);
}

#[test]
fn tools_that_are_typed_are_another_condition_for_every_server() {
    let text = r#"{ "mcpServers": { "a": { "command": "c", "mcp-proxy": { "tools": { "allow": ["read_*"] } } },
        "b": { "command": "c" } } }"#;
    let reading = read(text, &["--allowTool", "*_a", "--ignoreTool", "no_a"], &[]).unwrap();
    let admits = |name: &str, tool: &str| server(&reading, name).rules.tools.filter.admits(tool);
    assert!(admits("a", "read_a") && !admits("a", "read_b") && !admits("a", "list_a"));
    assert!(admits("b", "list_a") && !admits("b", "list_b") && !admits("b", "no_a"));
}
