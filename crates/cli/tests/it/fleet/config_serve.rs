//! Serving a file: what is printed, where its servers are, and which settings take precedence.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
};

use serde_json::Value;

use super::config_file::{At, Folder, entry, file, request, serve};
use crate::support::{LATEST, Request, initialize};

#[test]
fn the_start_says_what_is_served_and_what_becomes_of_it() {
    let folder = Folder::new();
    let servers = [
        entry("first", "echo", "\"autoApprove\": [\"echo\"]"),
        entry("second", "echo", ""),
        entry("lazy", "echo", "\"mcp-proxy\": { \"lazy\": true }"),
        "\"broken\": { \"command\": \"./no-such-program\" }".to_owned(),
        "\"unset\": { \"command\": \"${NO_SUCH_VARIABLE}\" }".to_owned(),
        "\"off\": { \"command\": \"c\", \"disabled\": true }".to_owned(),
    ];
    folder.write("mcp.json", file(&servers, r#"{ "groups": { "one": ["first"] } }"#));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let line = |start: &str| {
        let line = proxy.stdout.line(|line| line.trim_start().starts_with(start));
        line.unwrap_or_else(|| panic!("{start}: {}", proxy.stderr.all()))
    };
    assert_eq!(line("configuration").trim(), "configuration    mcp.json (Cline)");
    assert!(line("not used").contains("mcpServers.first.autoApprove (2:"));
    let base = format!("http://localhost:{}", proxy.port);
    for (label, path) in [
        ("Streamable HTTP", "/mcp"),
        ("HTTP+SSE", "/sse"),
        ("one server", "/servers/NAME/mcp"),
        ("state", "/servers"),
        ("group", "/groups/one/mcp"),
    ] {
        assert!(line(label).ends_with(&format!("{base}{path}")), "{label}");
    }
    assert!(line("try it").ends_with(&format!(" all {base}/mcp")));
    assert_eq!(line("lazy").trim(), "lazy    starts when it is first needed");
    assert_eq!(line("off").trim(), "off     switched off");
    let first = line("first");
    assert!(
        first.contains("  stdio  ") && first.contains(" tools  ") && first.ends_with("ms"),
        "{first}"
    );
    assert!(line("broken").contains("failed after"));
    assert!(line("unset").contains("mcp.json:6:"));
    assert!(line("2 of 4 servers are up after").ends_with('s'));
    let session = At::open(&proxy, "/servers/second/mcp");
    assert_eq!(session.call(&proxy, "echo", r#"{"text":"hi"}"#), "hi");
    let tools = At::open(&proxy, "/mcp").tools(&proxy);
    assert!(tools.iter().any(|tool| tool == "first__echo"), "{tools:?}");
    assert!(tools.iter().any(|tool| tool == "lazy__echo"), "{tools:?}");
    assert_eq!(proxy.send(&Request::get("/servers/off/mcp")).status, 404);
}

#[test]
fn keys_of_the_file_are_asked_for_and_the_line_counts_more() {
    let folder = Folder::new();
    folder.write(
        "mcp.json",
        file(&[entry("a", "echo", "")], r#"{ "apiKey": "${TOKEN}", "streamEndpoint": "/all" }"#),
    );
    let at = |path: &str, key: &str| {
        let request = Request::post(path, initialize(LATEST));
        request.header("Accept", "application/json, text/event-stream").header("X-API-Key", key)
    };
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    assert_eq!(proxy.send(&at("/all", "wrong")).status, 401);
    assert_eq!(proxy.send(&at("/all", "s3cr3t")).status, 200);
    assert_eq!(proxy.send(&at("/servers/a/mcp", "wrong")).status, 401);
    assert_eq!(proxy.send(&at("/servers/a/mcp", "s3cr3t")).status, 200);
    let other =
        serve(&folder, &["--config", "mcp.json", "--apiKey", "other", "--streamEndpoint", "/mcp"]);
    assert_eq!(other.send(&at("/mcp", "s3cr3t")).status, 401);
    assert_eq!(other.send(&at("/mcp", "other")).status, 200);
}

#[test]
fn named_servers_are_where_those_who_come_from_elsewhere_expect_them() {
    let folder = Folder::new();
    let fixture = crate::support::fixture().display().to_string();
    let command = format!("'{fixture}' echo");
    let proxy =
        serve(&folder, &["--named-server", "one", &command, "--namedServer", "two", &command]);
    for path in ["/servers/one/mcp", "/servers/two/mcp"] {
        let session = At::open(&proxy, path);
        assert_eq!(session.call(&proxy, "echo", r#"{"text":"hi"}"#), "hi");
    }
    folder.write("named.json", file(&[entry("three", "echo", "")], ""));
    let proxy = serve(&folder, &["--named-server-config", "named.json", &fixture, "echo"]);
    for path in ["/servers/three/mcp", "/servers/default/mcp"] {
        At::open(&proxy, path);
    }
}

#[test]
fn standard_streams_carry_all_servers_and_nothing_else() {
    let folder = Folder::new();
    folder.write("mcp.json", file(&[entry("a", "echo", ""), entry("b", "stderr", "")], ""));
    let mut command = folder.command(&["--config", "mcp.json", "--stdio"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().expect("the binary starts");
    let mut input = process.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
    let mut answer = |line: &str| -> Value {
        writeln!(input, "{line}").expect("the proxy reads");
        loop {
            let line = lines.next().expect("an answer").expect("text");
            let message: Value = serde_json::from_str(&line).expect("a message");
            if message["method"].is_null() {
                return message;
            }
        }
    };
    let greeting = answer(&initialize(LATEST));
    assert_eq!(greeting["id"], "init", "{greeting}");
    let list = answer(r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#);
    let names: Vec<&str> = list["result"]["tools"]
        .as_array()
        .expect("tools")
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert!(names.contains(&"a__echo") && names.contains(&"b__echo"), "{names:?}");
    drop(input);
    assert!(process.wait().expect("it ends").success());
}

#[test]
fn one_port_can_be_used_once() {
    let folder = Folder::new();
    folder.write("mcp.json", file(&[entry("a", "echo", "")], ""));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let port = proxy.port.to_string();
    let ended = folder.run(&["--config", "mcp.json", "--host", "127.0.0.1", "--port", &port]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("could not start the proxy: "), "{ended:?}");
}

#[test]
fn one_client_cannot_have_all_processes_of_a_server() {
    for path in ["/servers/a/mcp", "/mcp"] {
        let folder = Folder::new();
        folder.write("mcp.json", file(&[entry("a", "echo", ""), entry("b", "echo", "")], ""));
        let shared = ["--isolation", "session", "--maxChildren", "2", "--trustProxy", "loopback"];
        let proxy = serve(&folder, &[&["--config", "mcp.json"], &shared[..]].concat());
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let is_served = |client: &str| {
            let by = |request: Request| request.header("X-Forwarded-For", client);
            let opened = proxy.send(&by(request(path, initialize(LATEST))));
            let Some(id) = opened.header("mcp-session-id") else { return false };
            proxy.send(&by(request(path, list)).session(id)).text().contains("pid\"")
        };
        assert!(is_served("10.0.0.1"), "{path}");
        assert!(!is_served("10.0.0.1"), "{path}: it has its share");
        assert!(is_served("10.0.0.2"), "{path}: the rest is for others");
    }
}

#[test]
fn one_client_cannot_have_all_processes_without_sessions_either() {
    let flags =
        ["--stateless", "--isolation", "request", "--maxChildren", "2", "--trustProxy", "loopback"];
    let proxy = crate::support::Launch::new("cancel").flags(&flags).start();
    let call = crate::support::call("1", "hang", "{}");
    let hangs = |client: &str| {
        let request = Request::mcp(call.clone()).header("X-Forwarded-For", client);
        let mut connection = proxy.connect();
        connection.write(&request.bytes());
        connection
    };
    let _first = hangs("10.0.0.1");
    crate::support::wait_for("it has its share", || {
        let probe = crate::support::call("2", "echo", r#"{"text":"x"}"#);
        let request = Request::mcp(probe).header("X-Forwarded-For", "10.0.0.1");
        (proxy.send(&request).status == 503).then_some(())
    });
    let probe = crate::support::call("3", "cancelled", "{}");
    let request = Request::mcp(probe).header("X-Forwarded-For", "10.0.0.2");
    assert_eq!(proxy.send(&request).status, 200);
}
