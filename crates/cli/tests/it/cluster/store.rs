//! With a store, sessions outlive their replica.

#![expect(clippy::print_stderr, reason = "says why a test is skipped")]

use std::path::PathBuf;

use serde_json::Value;

use super::{Replicas, SECRET, redis::Redis};
use crate::support::{
    LATEST, Launch, Request, Response, call, initialize, scrape::settles, wait_for,
};

/// This many replicas with this store, in which they find each other.
fn replicas(count: usize, mode: &str, store: &Redis) -> Replicas {
    let launch = |_| {
        Launch::new(mode)
            .flags(&["--peerPort", "0", "--metricsPort", "0", "--store", &store.url()])
            .env("MCP_PROXY_PEER_SECRET", SECRET)
            .start()
    };
    Replicas((0..count).map(launch).collect())
}

/// Waits until the store has everything about sessions.
pub(super) fn written(replicas: &Replicas, number: usize) {
    settles(&replicas.0[number], "mcp_proxy_store_waiting", 0.0);
}

/// Repeats a request while it is refused for the moment.
pub(super) fn persist(replicas: &Replicas, number: usize, request: &Request) -> Response {
    wait_for("the replica takes the session over", || {
        let answer = replicas.send(number, request);
        match answer.status {
            503 => assert!(answer.header("retry-after").is_some()),
            // It was on its way when the replica was lost.
            502 => assert!(answer.text().contains("may have run")),
            _ => return Some(answer),
        }
        None
    })
}

#[test]
fn a_session_goes_on_when_its_replica_is_killed() {
    let Some(store) = Redis::start() else { return };
    let mut replicas = replicas(3, "echo", &store);
    let session = replicas.session();
    let (id, request) = (session.id.clone(), session.request(call("1", "echo", r#"{"text":"a"}"#)));
    for number in 0..3 {
        assert_eq!(replicas.send(number, &request).status, 200);
    }
    written(&replicas, 0);
    let owner = replicas.0.remove(0);
    owner.signal("KILL");
    let answer = persist(&replicas, 0, &request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("mcp-session-id"), Some(&*id));
    for number in 0..4 {
        assert_eq!(replicas.send(number, &request).status, 200);
    }
    let taken = r#"mcp_proxy_takeovers_total{direction="taken"}"#;
    let counts = [0, 1].map(|number| {
        crate::support::scrape::Scrape::of(&replicas.0[number]).value(taken).unwrap_or_default()
    });
    assert!((counts[0] + counts[1] - 1.0).abs() < f64::EPSILON, "{counts:?}");
    let delete = Request::new("DELETE", "/mcp").session(&id);
    assert_eq!(replicas.send(1, &delete).status, 200);
    for number in 0..2 {
        assert_eq!(replicas.send(number, &request).status, 404);
    }
}

#[test]
fn a_resumed_stream_says_what_may_have_run() {
    let Some(store) = Redis::start() else { return };
    let mut replicas = replicas(2, "slow", &store);
    let hold = r#"{"jsonrpc":"2.0","id":"h","method":"tools/call","params":{"name":"hold","arguments":{},"_meta":{"progressToken":7}}}"#;
    let session = replicas.session();
    let mut stream = replicas.0[0].stream(&session.request(hold));
    let primed = stream.event().expect("a priming event").id.expect("an id");
    assert_eq!(replicas.send(0, &session.request(call("1", "step", "{}"))).status, 200);
    assert!(stream.expect().contains("notifications/progress"));
    let resuming = session.listening().header("Last-Event-ID", &primed);
    written(&replicas, 0);
    let owner = replicas.0.remove(0);
    owner.signal("KILL");
    let answer = persist(&replicas, 0, &resuming);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let messages = answer.messages();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].contains("notifications/progress"));
    let told: Value = serde_json::from_str(&messages[1]).unwrap();
    assert_eq!(told["id"], "h");
    assert!(told["error"]["message"].as_str().unwrap().contains("may have run"), "{told}");
    let again = replicas.send(0, &resuming);
    assert_eq!(again.messages(), messages, "and says it again to whoever asks");
}

/// More events than are kept, written in fewer and larger pieces than they are sent.
#[test]
fn the_newest_events_of_a_flood_are_resumed_at_another_replica() {
    let Some(store) = Redis::start() else { return };
    let mut replicas = replicas(2, "progress 3000", &store);
    let work = r#"{"jsonrpc":"2.0","id":"w","method":"tools/call","params":{"name":"work","arguments":{},"_meta":{"progressToken":7}}}"#;
    let session = replicas.session();
    let (flood, listening) = (session.request(work), session.listening());
    for round in 0..3 {
        let flood = replicas.send(0, &flood);
        let missed = flood.events().split_off(2_600);
        let last = missed[0].id.clone().expect("an id");
        written(&replicas, 0);
        if round == 2 {
            replicas.0.remove(0).signal("KILL");
        }
        let resuming = listening.clone().header("Last-Event-ID", &last);
        let resumed = persist(&replicas, 0, &resuming).events();
        assert_eq!(resumed, missed[1..], "round {round}");
    }
}

#[test]
fn what_was_settled_is_settled_with_the_next_server() {
    let Some(store) = Redis::start() else { return };
    let mut replicas = replicas(2, "subscribe", &store);
    let session = replicas.session();
    let subscribe =
        r#"{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"test://a"}}"#;
    assert_eq!(replicas.send(0, &session.request(subscribe)).status, 200);
    let (listening, update) =
        (session.listening(), session.request(call("3", "touch", r#"{"uri":"test://a"}"#)));
    written(&replicas, 0);
    let owner = replicas.0.remove(0);
    owner.signal("KILL");
    let mut listening = wait_for("the session is taken over", || {
        let answer = replicas.0[0].connect().begin(&listening);
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(replicas.send(0, &update).status, 200);
    let mut body = Vec::new();
    while !String::from_utf8_lossy(&body).contains("notifications/resources/updated") {
        assert!(listening.more(&mut body), "the stream goes on");
    }
}

#[test]
fn a_replica_that_is_told_to_stop_hands_its_sessions_over() {
    let Some(store) = Redis::start() else { return };
    let mut replicas = replicas(2, "slow", &store);
    let session = replicas.session();
    let request = session.request(call("1", "held", "{}"));
    let waiting = session.request(call("2", "wait", r#"{"ms":300}"#));
    let owner = replicas.0.remove(0);
    let mut connection = owner.connect();
    connection.write(&waiting.bytes());
    assert_eq!(owner.send(&request).status, 200);
    owner.signal("TERM");
    let answer = persist(&replicas, 0, &request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(connection.response().message().contains("waited"), "a call under way is answered");
    assert!(owner.finish().status.success());
    assert_eq!(replicas.send(0, &request).status, 200);
}

#[test]
fn what_is_local_goes_on_without_the_store() {
    let Some(mut store) = Redis::start() else { return };
    let mut replicas = replicas(2, "echo", &store);
    let session = replicas.session();
    let request = session.request(call("1", "echo", r#"{"text":"a"}"#));
    assert_eq!(replicas.send(1, &request).status, 200);
    store.kill();
    for _ in 0..3 {
        assert_eq!(replicas.send(0, &request).status, 200);
    }
    let ready = wait_for("it is reported", || {
        let ready = replicas.send(0, &Request::get("/readyz"));
        assert_eq!(ready.status, 200);
        ready.text().contains("degraded").then_some(ready)
    });
    assert!(ready.text().contains(r#""degraded":["store: "#), "{}", ready.text());
    let opened = replicas.send(0, &Request::mcp(initialize(LATEST)));
    assert_eq!(opened.status, 200, "new sessions are opened");
    // The replica that gave the name is asked without the store.
    assert_eq!(persist(&replicas, 1, &request).status, 200);
    store.restart();
    wait_for("the store works again", || {
        let ready = replicas.send(0, &Request::get("/readyz"));
        (!ready.text().contains("degraded")).then_some(())
    });
    // The store is empty; owners write again what they have.
    let owner = replicas.0.remove(0);
    wait_for("the session is in the store again", || {
        let count = crate::support::scrape::Scrape::of(&owner).value("mcp_proxy_store_waiting");
        (count == Some(0.0) && session_is_kept(&store, &session_uuid(&request))).then_some(())
    });
    owner.signal("KILL");
    assert_eq!(persist(&replicas, 0, &request).status, 200);
}

fn session_uuid(request: &Request) -> String {
    let text = String::from_utf8(request.bytes()).expect("a head is text");
    let line = text.lines().find_map(|line| line.strip_prefix("Mcp-Session-Id: "));
    line.expect("a session").split('.').next().expect("an id").to_owned()
}

fn session_is_kept(store: &Redis, id: &str) -> bool {
    let keys = store.command(&["KEYS", &format!("*{id}*:s")]);
    keys.contains(id)
}

#[test]
fn a_store_that_cannot_be_used_is_an_error_in_words() {
    let refusal = |url: &str| {
        let launch = Launch::new("echo").flags(&["--peerPort", "0", "--store", url]);
        launch.env("MCP_PROXY_PEER_SECRET", SECRET).run()
    };
    let refused = refusal("redis://user:hunter2@127.0.0.1:1");
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("--store"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    let refused = refusal("http://127.0.0.1:1");
    assert!(refused.stderr.contains("redis://"), "{}", refused.stderr);
    let without = Launch::new("echo").flags(&["--store", "redis://127.0.0.1:1"]).run();
    assert!(without.stderr.contains("--peerSecretFile"), "{}", without.stderr);
}

#[test]
fn a_session_that_was_ended_is_not_taken_up_again() {
    let Some(store) = Redis::start() else { return };
    let replicas = replicas(2, "echo", &store);
    let session = replicas.session();
    let (id, request) = (session.id.clone(), session.request(call("1", "echo", r#"{"text":"a"}"#)));
    for number in 0..2 {
        assert_eq!(persist(&replicas, number, &request).status, 200);
    }
    written(&replicas, 0);
    // For a while the store does not learn of the end, and still has the session.
    store.command(&["CLIENT", "PAUSE", "5000", "WRITE"]);
    let delete = Request::new("DELETE", "/mcp").session(&id);
    assert_eq!(replicas.send(0, &delete).status, 200);
    for number in [0, 1, 0, 1] {
        let answer = replicas.send(number, &request);
        assert_eq!(answer.status, 404, "replica {number}: {}", answer.text());
    }
    store.command(&["CLIENT", "UNPAUSE"]);
    written(&replicas, 0);
    assert!(!session_is_kept(&store, &session_uuid(&request)));
}

#[test]
fn a_session_that_another_version_has_written_stays_as_it_is() {
    let Some(store) = Redis::start() else { return };
    let mut replicas = replicas(2, "echo", &store);
    let session = replicas.session();
    let request = session.request(call("1", "echo", r#"{"text":"a"}"#));
    assert_eq!(persist(&replicas, 1, &request).status, 200);
    written(&replicas, 0);
    let owner = replicas.0.remove(0);
    owner.signal("KILL");
    let key = format!("mcp-proxy:{{{}}}:s", session_uuid(&request));
    store.command(&["HSET", &key, "1", "\u{7f}as no version does"]);
    let lease = store.command(&["HMGET", &key, "o", "e"]);
    for _ in 0..3 {
        let answer = persist(&replicas, 0, &request);
        assert_eq!(answer.status, 404, "the client starts over: {}", answer.text());
    }
    assert_eq!(store.command(&["HMGET", &key, "o", "e"]), lease);
    let again = replicas.session().request(call("1", "echo", r#"{"text":"a"}"#));
    assert_eq!(replicas.send(0, &again).status, 200);
}

/// The library that gives a process another clock, where it is installed.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let libraries = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    libraries.filter(|path| path.exists()).last()
}

#[test]
fn replicas_need_not_agree_about_the_time() {
    let Some(store) = Redis::start() else { return };
    let Some(library) = faketime() else {
        eprintln!("skipped: there is no libfaketime here (apt-get install libfaketime)");
        return;
    };
    let launch = |clock: &str| {
        Launch::new("echo")
            .flags(&["--peerPort", "0", "--metricsPort", "0", "--store", &store.url()])
            .env("MCP_PROXY_PEER_SECRET", SECRET)
            .env("LD_PRELOAD", &library.display().to_string())
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME", clock)
            .start()
    };
    let mut replicas = Replicas(["+3d", "-3d", "+1h", "+0"].map(launch).into());
    let session = replicas.session();
    let request = session.request(call("1", "echo", r#"{"text":"a"}"#));
    while replicas.0.len() > 1 {
        for number in 0..replicas.0.len() {
            let answer = persist(&replicas, number, &request);
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        for number in 0..replicas.0.len() {
            written(&replicas, number);
        }
        // Whoever has it; the first time, the first one does.
        replicas.0.remove(0).signal("KILL");
    }
    assert_eq!(persist(&replicas, 0, &request).status, 200);
}

#[test]
fn a_session_that_goes_on_counts_for_the_client_that_asks_for_it() {
    let Some(store) = Redis::start() else { return };
    let flags = ["--isolation", "session", "--maxChildren", "2", "--trustProxy", "loopback"];
    let launch = |_| {
        Launch::new("echo")
            .flags(&["--peerPort", "0", "--metricsPort", "0", "--store", &store.url()])
            .flags(&flags)
            .env("MCP_PROXY_PEER_SECRET", SECRET)
            .start()
    };
    let mut replicas = Replicas((0..2).map(launch).collect());
    let open = |replicas: &Replicas, number: usize, client: &str| {
        let request = Request::mcp(initialize(LATEST)).header("X-Forwarded-For", client);
        replicas.send(number, &request)
    };
    let first = open(&replicas, 0, "10.0.0.1");
    let id = first.header("mcp-session-id").expect("a session").to_owned();
    let second = open(&replicas, 1, "10.0.0.1");
    assert_eq!(second.status, 200, "each replica has servers of its own");
    let second = second.header("mcp-session-id").expect("a session").to_owned();
    let call = |client: &str| {
        Request::mcp(call("1", "echo", r#"{"text":"a"}"#))
            .session(&id)
            .header("X-Forwarded-For", client)
    };
    written(&replicas, 0);
    let owner = replicas.0.remove(0);
    owner.signal("KILL");
    let refused = wait_for("the session is asked for where it may go on", || {
        let answer = replicas.send(0, &call("10.0.0.1"));
        (answer.status != 503 || !answer.text().contains("replica")).then_some(answer)
    });
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.text().contains("its share (--maxChildren)"), "{}", refused.text());
    let line = replicas.0[0].stderr.line(|line| line.contains("no_server")).expect("a line");
    assert!(line.contains("10.0.0.1") && line.contains("POST /mcp"), "{line}");
    let delete = Request::new("DELETE", "/mcp").session(&second);
    assert_eq!(replicas.send(0, &delete).status, 200);
    assert_eq!(persist(&replicas, 0, &call("10.0.0.1")).status, 200, "its share is free again");
    let full = open(&replicas, 0, "10.0.0.1");
    assert_eq!(full.status, 503, "it counts like one that was opened here: {}", full.text());
}
