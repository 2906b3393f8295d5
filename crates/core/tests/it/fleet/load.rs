//! Servers end and files change while clients call: other clients lose nothing.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use mcp_proxy_core::config::ServerConfig;
use serde_json::{Value, json};

use super::{Session, World, config, fixture};

/// Calls this tool until it is told to stop; returns the answers that were errors.
async fn call_on(session: &Session<'_>, tool: &str, stop: &AtomicBool) -> (usize, Vec<Value>) {
    let (mut answered, mut failed) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let params = json!({ "name": tool, "arguments": { "text": "x" } });
        let response = session.request("tools/call", params).await;
        if response["result"]["content"][0]["text"] == "x" {
            answered += 1;
        } else {
            failed.push(response);
        }
    }
    (answered, failed)
}

/// Waits until this many calls of this session have been answered.
async fn some_calls(session: &Session<'_>, tool: &str) {
    for _ in 0..20 {
        session.call(tool, json!({ "text": "x" })).await;
    }
}

#[tokio::test]
async fn a_server_that_is_killed_takes_nothing_from_the_others() {
    let mut world = World::new(config(["a", "b", "c"].map(|name| fixture(name, "echo")).to_vec()));
    world.arrived(3).await;
    let merged = world.session("/mcp").await;
    let (named, own) =
        (world.session("/servers/b/mcp").await, world.session("/servers/a/mcp").await);
    let stop = AtomicBool::new(false);
    let killing = async {
        for _ in 0..3 {
            let pid = own.call("pid", json!({})).await;
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
            // It is restarted.
            while own.request("tools/call", json!({ "name": "pid" })).await["error"].is_object() {}
            some_calls(&named, "echo").await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let ((), b, c, by_name) = tokio::join!(
        killing,
        call_on(&merged, "b__echo", &stop),
        call_on(&merged, "c__echo", &stop),
        call_on(&named, "echo", &stop),
    );
    for (answered, failed) in [b, c, by_name] {
        assert_eq!(failed, Vec::<Value>::new());
        assert!(answered > 0);
    }
    assert_eq!(merged.call("a__echo", json!({ "text": "x" })).await, "x");
    world.fleet.close().await;
}

#[tokio::test]
async fn a_reload_under_load_loses_no_call_and_no_session() {
    let changed = |value: &str| -> Vec<ServerConfig> {
        let servers = (0..10).map(|number| fixture(&format!("s{number}"), "echo"));
        let mut servers: Vec<_> = servers.collect();
        if let Ok(mcp_proxy_core::config::Upstream::Command(command)) = &mut servers[3].upstream {
            command.command.env.insert("CHANGED".into(), value.into());
        }
        servers
    };
    let mut world = World::new(config(changed("0")));
    world.arrived(10).await;
    let mut sessions = Vec::new();
    for (path, tool) in [
        ("/mcp", "s0__echo"),
        ("/mcp", "s3__echo"),
        ("/servers/s3/mcp", "echo"),
        ("/servers/s4/mcp", "echo"),
    ] {
        sessions.push((world.session(path).await, tool));
    }
    let stop = AtomicBool::new(false);
    let control = world.session("/servers/s5/mcp").await;
    let replaced = world.session("/servers/s3/mcp").await;
    let pid = replaced.call("pid", json!({})).await;
    let reloading = async {
        for round in 1..=3 {
            let reloaded = world.fleet.reload(config(changed(&round.to_string()))).unwrap();
            assert_eq!(reloaded.replaced, ["s3"]);
            some_calls(&control, "echo").await;
            some_calls(&replaced, "echo").await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let calling = sessions.iter().map(|(session, tool)| call_on(session, tool, &stop));
    let (outcomes, ()) = tokio::join!(join_all(calling), reloading);
    for (answered, failed) in outcomes {
        assert_eq!(failed, Vec::<Value>::new());
        assert!(answered > 0);
    }
    assert_ne!(replaced.call("pid", json!({})).await, pid);
    world.fleet.close().await;
}

#[tokio::test]
async fn a_server_that_ends_for_good_is_started_again_by_who_needs_it() {
    let mut world = World::new(config(vec![fixture("leaves", "leaves"), fixture("b", "echo")]));
    world.arrived(2).await;
    let session = world.session("/servers/leaves/mcp").await;
    let pid = session.call("pid", json!({})).await;
    let left = session.request("tools/call", json!({ "name": "leave" })).await;
    assert!(left["error"].is_object(), "{left}");
    while world.read("/servers").await["servers"][0]["state"] != "stopped" {}
    assert_eq!(world.read("/readyz").await["ready"], true);
    assert_ne!(session.call("pid", json!({})).await, pid);
    assert_eq!(world.read("/servers").await["servers"][0]["state"], "up");
    world.fleet.close().await;
}
