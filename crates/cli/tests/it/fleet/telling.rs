//! Metrics, log lines and `/servers` say which server they are about.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::config_file::{At, Folder, entry, file, serve};
use crate::support::{Proxy, Request, scrape::Scrape, wait_for};

#[test]
fn metrics_of_calls_have_the_name_of_the_server() {
    let folder = Folder::new();
    folder.write("mcp.json", file(&["my files", "b"].map(|name| entry(name, "echo", "")), ""));
    let proxy = serve(&folder, &["--config", "mcp.json", "--metricsPort", "0"]);
    let (named, merged) = (At::open(&proxy, "/servers/my%20files/mcp"), At::open(&proxy, "/mcp"));
    for session in [&named, &merged] {
        session.tools(&proxy);
    }
    named.call(&proxy, "echo", r#"{"text":"x"}"#);
    merged.call(&proxy, "my_files__echo", r#"{"text":"x"}"#);
    merged.call(&proxy, "b__pid", "{}");
    merged.ask(&proxy, "tools/call", &json!({ "name": "nobody__x" }));
    let page = Scrape::of(&proxy);
    let calls = page.family("mcp_proxy_calls_total");
    for expected in [
        r#"{server="my files",method="tools/call",tool="echo",outcome="ok"} 2"#,
        r#"{server="b",method="tools/call",tool="pid",outcome="ok"} 1"#,
        r#"{server="my files",method="tools/list",outcome="ok"} 1"#,
        r#"{method="tools/list",outcome="ok"} 1"#,
        r#"{method="tools/call",tool="other",outcome="failed"} 1"#,
    ] {
        let expected = format!("mcp_proxy_calls_total{expected}");
        assert!(calls.contains(&&*expected), "{expected}\n{calls:#?}");
    }
    assert!(!calls.iter().any(|line| line.contains("nobody")), "{calls:#?}");
}

#[test]
fn log_lines_have_the_name_of_the_server() {
    let folder = Folder::new();
    let servers = [entry("a", "noise", ""), entry("b", "echo", "")];
    folder.write("mcp.json", file(&servers, ""));
    for format in ["text", "json"] {
        let proxy = serve(&folder, &["--config", "mcp.json", "--logFormat", format]);
        let session = At::open(&proxy, "/servers/a/mcp");
        session.call(&proxy, "echo", r#"{"text":"x"}"#);
        let is_about = |line: &str| line.contains("not a message");
        let line = proxy.stderr.line(is_about).expect("a line");
        assert!(line.contains("[mcp-proxy] a: "), "{line}");
        let process = At::open(&proxy, "/servers/b/mcp").call(&proxy, "pid", "{}");
        assert!(Command::new("kill").args(["-9", &process]).status().expect("kill runs").success());
        let line = proxy.stderr.line(|line| line.contains("killed by signal 9")).expect("a line");
        assert!(line.contains("[mcp-proxy] b: "), "{line}");
        let line = proxy.stderr.line(|line| line.contains("(restart 1)")).expect("a line");
        if format == "text" {
            assert!(line.ends_with(r#" server="b""#), "{line}");
        } else {
            let line: Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(line["server"], "b", "{line}");
        }
    }
}

fn tools(proxy: &Proxy) -> Value {
    let page = proxy.send(&Request::get("/servers"));
    let page: Value = serde_json::from_str(page.text()).expect("JSON");
    page["servers"][0]["tools"].clone()
}

#[test]
fn tools_are_counted_again_when_they_change() {
    let folder = Folder::new();
    let names = folder.path("names");
    fs::write(&names, "one\ntwo\n").expect("a file");
    let mode = format!("listed-in {}", names.display());
    let server = |rules: &str| file(&[entry("a", &mode, rules)], "");
    folder.write("mcp.json", server(""));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let session = At::open(&proxy, "/servers/a/mcp");
    wait_for("two tools are counted", || (tools(&proxy) == 2).then_some(()));
    fs::write(&names, "one\ntwo\nthree\n").expect("a file");
    session.call(&proxy, "change", "{}");
    wait_for("three tools are counted", || (tools(&proxy) == 3).then_some(()));
    // Rules change what clients see, too.
    folder.write("mcp.json", server(r#""mcp-proxy": { "tools": { "deny": ["t*"] } }"#));
    wait_for("one tool is left", || (tools(&proxy) == 1).then_some(()));
}
