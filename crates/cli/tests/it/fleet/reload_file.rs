//! A file that changes while it is served.

use std::fs;

use super::{
    config_bad_input::BROKEN,
    config_file::{At, Folder, entry, file, serve},
};
use crate::support::{LATEST, Proxy, Request, initialize, wait_for};

/// Waits for a line with this text on either stream.
fn said(proxy: &Proxy, what: &str) -> String {
    wait_for(what, || {
        let all = format!("{}\n{}", proxy.stdout.so_far(), proxy.stderr.so_far());
        all.lines().find(|line| line.contains(what)).map(str::to_owned)
    })
}

fn ready(proxy: &Proxy) -> String {
    let response = proxy.send(&Request::get("/readyz"));
    assert_eq!(response.status, 200);
    response.text().to_owned()
}

#[test]
fn a_file_that_is_written_to_is_followed() {
    let folder = Folder::new();
    let (a, b) = (entry("a", "echo", ""), entry("b", "echo", ""));
    folder.write("mcp.json", file(&[a.clone(), b], ""));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let session = At::open(&proxy, "/servers/a/mcp");
    let process = session.call(&proxy, "pid", "{}");
    let c = entry("c", "echo", "");
    folder.write("mcp.json", file(&[a, c.clone()], ""));
    assert_eq!(said(&proxy, "mcp.json: added"), "mcp.json: added c; removed b");
    At::open(&proxy, "/servers/c/mcp");
    assert_eq!(proxy.send(&Request::get("/servers/b/mcp")).status, 404);
    // Clients that are not affected continue.
    assert_eq!(session.call(&proxy, "pid", "{}"), process);
    let other = entry("a", "echo", "\"env\": { \"X\": \"1\" }");
    folder.write("mcp.json", file(&[other, c], ""));
    said(&proxy, "mcp.json: restarted a");
    assert_ne!(session.call(&proxy, "pid", "{}"), process);
}

#[test]
fn a_file_that_an_editor_puts_in_the_place_of_another_is_followed() {
    let folder = Folder::new();
    folder.write("mcp.json", file(&[entry("a", "echo", "")], ""));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    for name in ["b", "c"] {
        let new =
            folder.write("new.json", file(&[entry("a", "echo", ""), entry(name, "echo", "")], ""));
        fs::rename(new, folder.path("mcp.json")).unwrap();
        said(&proxy, &format!("mcp.json: added {name}"));
        At::open(&proxy, &format!("/servers/{name}/mcp"));
    }
}

#[test]
fn rules_and_keys_apply_at_once_and_a_port_waits_for_a_restart() {
    let folder = Folder::new();
    folder.write("mcp.json", file(&[entry("a", "echo", "")], ""));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let session = At::open(&proxy, "/servers/a/mcp");
    let process = session.call(&proxy, "pid", "{}");
    let ruled = entry("a", "echo", r#""mcp-proxy": { "tools": { "deny": ["echo"] } }"#);
    folder.write("mcp.json", file(std::slice::from_ref(&ruled), ""));
    said(&proxy, "mcp.json: the rules have changed for a");
    assert!(!session.tools(&proxy).contains(&"echo".to_owned()));
    assert_eq!(session.call(&proxy, "pid", "{}"), process);
    // Flags take precedence, so only the rest needs a restart.
    folder.write(
        "mcp.json",
        file(std::slice::from_ref(&ruled), r#"{ "port": 1, "sseEndpoint": "/x", "threads": 2 }"#),
    );
    assert_eq!(said(&proxy, "needs a restart"), "mcp.json: needs a restart: sseEndpoint, threads");
    folder.write("mcp.json", file(std::slice::from_ref(&ruled), r#"{ "apiKey": "${TOKEN}" }"#));
    said(&proxy, "mcp.json: the settings have changed");
    // A key is required from now on, also for sessions that were opened without one.
    let ask =
        |key: &str| session.post_with(&proxy, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, key);
    assert_eq!(ask("").status, 401);
    assert_eq!(ask("wrong").status, 401);
    assert_eq!(proxy.send(&initializing("/mcp", "s3cr3t")).status, 200);
    folder.write("mcp.json", file(&[ruled], r#"{ "apiKey": "another" }"#));
    wait_for("the other key counts", || {
        (proxy.send(&initializing("/mcp", "another")).status == 200).then_some(())
    });
    assert_eq!(proxy.send(&initializing("/mcp", "s3cr3t")).status, 401);
}

fn initializing(path: &str, key: &str) -> Request {
    let request = Request::post(path, initialize(LATEST));
    request.header("Accept", "application/json, text/event-stream").header("X-API-Key", key)
}

#[test]
fn a_signal_reads_the_file_again_and_is_answered() {
    let folder = Folder::new();
    folder.write("mcp.json", file(&[entry("a", "echo", "")], ""));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    proxy.signal("HUP");
    said(&proxy, "mcp.json: is unchanged");
    At::open(&proxy, "/servers/a/mcp");
    assert!(proxy.terminate().status.success());
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing() {
    let folder = Folder::new();
    let good = file(&[entry("a", "echo", ""), entry("b", "echo", "")], "");
    folder.write("mcp.json", &good);
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let session = At::open(&proxy, "/servers/a/mcp");
    let process = session.call(&proxy, "pid", "{}");
    for (name, text, expected) in
        BROKEN.iter().filter(|(name, ..)| name.ends_with("json") && *name != "port.json")
    {
        folder.write("mcp.json", text);
        proxy.signal("HUP");
        let expected = match expected.split_once(".json:") {
            Some((_, rest)) => {
                format!("cannot be used, so the servers go on as before: mcp.json:{rest}")
            }
            None => panic!("{name}"),
        };
        let line = said(&proxy, &expected);
        assert!(!line.contains(|letter: char| letter.is_control()), "{line:?}");
        assert!(ready(&proxy).contains("config: mcp.json:"), "{}", ready(&proxy));
        assert_eq!(session.call(&proxy, "pid", "{}"), process);
    }
    fs::remove_file(folder.path("mcp.json")).unwrap();
    said(&proxy, "mcp.json: there is no such file");
    fs::create_dir(folder.path("mcp.json")).unwrap();
    said(&proxy, "mcp.json: this is a directory");
    fs::remove_dir(folder.path("mcp.json")).unwrap();
    folder.write("mcp.json", &good);
    said(&proxy, "mcp.json: can be used again");
    assert!(!ready(&proxy).contains("config"), "{}", ready(&proxy));
    assert_eq!(session.call(&proxy, "pid", "{}"), process);
}
