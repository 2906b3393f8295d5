//! Selections of servers, many servers, lazy servers, and names that are too similar.

use serde_json::{Value, json};

use super::config_file::{At, Folder, entry, file, serve};
use crate::support::{LATEST, Proxy, Request, initialize};

fn state(proxy: &Proxy) -> Value {
    serde_json::from_str(proxy.send(&Request::get("/servers")).text()).expect("JSON")
}

#[test]
fn groups_and_selections_serve_a_part() {
    let folder = Folder::new();
    let servers = ["a", "b", "c"].map(|name| entry(name, "echo", ""));
    folder.write("mcp.json", file(&servers, r#"{ "groups": { "two of them": ["c", "a"] } }"#));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    for (path, expected) in [
        ("/groups/two%20of%20them/mcp", "a a c c"),
        ("/mcp?servers=c,a", "a a c c"),
        ("/mcp?servers=b", "b b"),
        ("/mcp", "a a b b c c"),
    ] {
        let session = At::open(&proxy, path);
        let tools = session.tools(&proxy);
        let of: Vec<&str> =
            tools.iter().filter_map(|tool| Some(tool.split_once("__")?.0)).collect();
        assert_eq!(of.join(" "), expected, "{path}");
        for server in ["a", "b", "c"] {
            let params =
                json!({ "name": format!("{server}__echo"), "arguments": { "text": "hi" } });
            let answer = session.ask(&proxy, "tools/call", &params);
            let served = expected.contains(server);
            assert_eq!(answer["result"]["content"][0]["text"] == "hi", served, "{path}: {answer}");
            assert_eq!(answer["error"]["code"] == -32602, !served, "{path}: {answer}");
        }
    }
    for path in ["/mcp?servers=d", "/mcp?servers=", "/groups/none/mcp", "/groups/a/mcp"] {
        assert_eq!(proxy.send(&Request::post(path, initialize(LATEST))).status, 404, "{path}");
    }
}

#[test]
fn lazy_servers_start_with_what_needs_them_and_no_sooner() {
    let folder = Folder::new();
    let lazy = |name: &str| entry(name, "echo", r#""mcp-proxy": { "lazy": true }"#);
    folder.write("mcp.json", file(&[lazy("a"), lazy("b")], ""));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let states = |proxy: &Proxy| {
        let all = state(proxy);
        [0, 1].map(|place| all["servers"][place]["state"].clone())
    };
    let session = At::open(&proxy, "/mcp");
    assert_eq!(session.ask(&proxy, "ping", &json!({}))["result"], json!({}));
    assert_eq!(states(&proxy), ["lazy", "lazy"]);
    assert_eq!(proxy.send(&Request::get("/readyz")).status, 200);
    assert_eq!(session.call(&proxy, "b__echo", r#"{"text":"hi"}"#), "hi");
    assert_eq!(states(&proxy), ["lazy", "up"]);
    assert_eq!(session.tools(&proxy).len(), 4);
    assert_eq!(states(&proxy), ["up", "up"]);
}

#[test]
fn two_hundred_servers_are_served() {
    let folder = Folder::new();
    let number = |number: usize| {
        // A large file.
        let env = format!(r#""env": {{ "LARGE": "{}" }}"#, "x".repeat(5_000));
        entry(&format!("s{number}"), "echo", &format!(r#"{env}, "mcp-proxy": {{ "lazy": true }}"#))
    };
    let servers: Vec<_> = (0..200).map(number).collect();
    let text = file(&servers, "");
    assert!(text.len() > 1_000_000);
    folder.write("mcp.json", text);
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let session = At::open(&proxy, "/mcp");
    for last in ["s0", "s199"] {
        let answer = session.call(&proxy, &format!("{last}__echo"), r#"{"text":"hi"}"#);
        assert_eq!(answer, "hi", "{last}");
        let own = At::open(&proxy, &format!("/servers/{last}/mcp"));
        assert_eq!(own.call(&proxy, "echo", r#"{"text":"ho"}"#), "ho", "{last}");
    }
    let state = state(&proxy);
    let servers = state["servers"].as_array().expect("servers");
    let count = |wanted: &str| servers.iter().filter(|server| server["state"] == wanted).count();
    assert_eq!((count("lazy"), count("up")), (198, 2));
}

#[test]
fn servers_whose_names_are_alike_fail_and_the_others_do_not() {
    let folder = Folder::new();
    let servers = ["files", "Files", "web"].map(|name| entry(name, "echo", ""));
    folder.write("mcp.json", file(&servers, ""));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let tools = At::open(&proxy, "/mcp").tools(&proxy);
    assert_eq!(tools, ["web__echo", "web__pid"]);
    let state = state(&proxy);
    for (place, twin) in [(0, "Files"), (1, "files")] {
        let error = state["servers"][place]["error"].as_str().unwrap_or_default();
        assert!(error.contains(&format!("{twin:?}")), "{state}");
    }
    assert_eq!(proxy.send(&Request::get("/readyz")).status, 200);
}
