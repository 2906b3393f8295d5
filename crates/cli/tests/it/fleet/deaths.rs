//! Servers that die: callers of other servers do not notice, and callers of the dead one get an
//! error.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::{
    config_file::{At, Folder, entry, file, serve},
    load::under_load,
};
use crate::support::{Proxy, Request, wait_for};

/// The process of a server, asked over a session of its own.
fn process(proxy: &Proxy, server: &str) -> String {
    wait_for("the server answers", || {
        let session = At::open(proxy, &format!("/servers/{server}/mcp"));
        let answer = session.ask(proxy, "tools/call", &json!({ "name": "pid" }));
        Some(answer["result"]["content"][0]["text"].as_str()?.to_owned())
    })
}

fn kill(process: &str) {
    let killed = Command::new("kill").args(["-9", process]).status().expect("kill runs");
    assert!(killed.success(), "no process {process}");
}

fn body(proxy: &Proxy, path: &str) -> (u16, Value) {
    let response = proxy.send(&Request::get(path));
    (response.status, serde_json::from_str(response.text()).expect("JSON"))
}

const SERVERS: [&str; 3] = ["a", "b", "c"];

#[test]
fn whichever_server_is_killed_under_load_the_others_lose_nothing() {
    let folder = Folder::new();
    let own = r#""mcp-proxy": { "maxRestarts": 0 }"#;
    let servers = SERVERS.map(|name| entry(name, "echo", own));
    folder.write("mcp.json", file(&servers, ""));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    for victim in SERVERS {
        let fared = under_load(&proxy, &SERVERS, || {
            for _ in 0..3 {
                kill(&process(&proxy, victim));
            }
            process(&proxy, victim);
        });
        for fared in fared {
            assert!(fared.answered > 0, "{fared:?}");
            if fared.server == victim {
                let said = |answer: &Value| answer["error"]["message"].as_str().map(str::len);
                assert!(fared.failed.iter().all(|answer| said(answer) > Some(0)), "{fared:?}");
            } else {
                assert_eq!(fared.failed, Vec::<Value>::new(), "{victim} died: {fared:?}");
            }
        }
    }
}

#[test]
fn a_server_that_stays_dead_is_left_out_and_the_others_go_on() {
    let folder = Folder::new();
    let never = |more: &str| format!(r#""mcp-proxy": {{ "restart": "never"{more} }}"#);
    let servers =
        |more: &str| file(&[entry("a", "echo", &never(more)), entry("b", "echo", "")], "");
    folder.write("mcp.json", servers(r#", "required": true"#));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let (victim, other) = (process(&proxy, "a"), process(&proxy, "b"));
    let session = At::open(&proxy, "/mcp");
    assert_eq!(body(&proxy, "/readyz").0, 200);
    kill(&victim);
    let (_, unready) = wait_for("a required server is missed", || {
        Some(body(&proxy, "/readyz")).filter(|(status, _)| *status == 503)
    });
    assert!(unready.to_string().contains(r#"the required server \"a\""#), "{unready}");
    assert_eq!(session.call(&proxy, "b__pid", "{}"), other);
    let (_, list) = body(&proxy, "/servers");
    assert_ne!(list["servers"][0]["state"], "up", "{list}");
    assert!(list["servers"][0]["error"].is_string(), "{list}");
    assert_eq!(list["servers"][1]["state"], "up", "{list}");
    // One that is not required does not prevent the use of the others.
    fs::write(folder.path("mcp.json"), servers("")).expect("a file");
    let (_, ready) = wait_for("the others are enough", || {
        Some(body(&proxy, "/readyz")).filter(|(status, _)| *status == 200)
    });
    assert_eq!(ready["ready"], true, "{ready}");
    assert_eq!(process(&proxy, "b"), other);
}
