//! Sessions with a remote server outlive the replica that opened them.

use super::{
    Replicas, SECRET,
    redis::Redis,
    store::{persist, written},
};
use crate::{
    remote::server::Server,
    support::{Launch, Session, call},
};

fn replicas(server: &Server, store: &Redis) -> Replicas {
    let launch = |_| {
        Launch::of(&[&server.url()])
            .flags(&["--peerPort", "0", "--metricsPort", "0", "--store", &store.url()])
            .env("MCP_PROXY_PEER_SECRET", SECRET)
            .start()
    };
    Replicas((0..2).map(launch).collect())
}

/// A session of the first replica that was used.
fn used<'a>(replicas: &'a Replicas, server: &Server) -> Session<'a> {
    let session = replicas.session();
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(replicas.send(0, &session.request(initialized)).status, 202);
    assert_eq!(replicas.send(0, &session.request(call("1", "a", "{}"))).status, 200);
    server.wait_for(|request| request.method() == "tools/call");
    written(replicas, 0);
    session
}

/// What the server received: handshakes, ends of sessions, and the sessions of calls.
fn seen(server: &Server) -> (usize, usize, Vec<String>) {
    let received = server.received();
    let count = |wanted: &dyn Fn(&crate::remote::server::Received) -> bool| {
        received.iter().filter(|request| wanted(request)).count()
    };
    let calls = received.iter().filter(|request| request.method() == "tools/call");
    let sessions = calls.map(|call| call.header("mcp-session-id").unwrap_or_default().to_owned());
    let opened = count(&|request| request.method() == "initialize");
    (opened, count(&|request| request.verb == "DELETE"), sessions.collect())
}

#[test]
fn a_replica_that_is_killed_leaves_its_session_with_a_remote_server_to_another() {
    let Some(store) = Redis::start() else { return };
    let server = Server::start(|_, _| false);
    let mut replicas = replicas(&server, &store);
    let request = used(&replicas, &server).request(call("2", "a", "{}"));
    let keys = store.command(&["KEYS", "*:s"]);
    let key = keys.lines().find(|line| line.ends_with(":s")).expect("a session").to_owned();
    assert!(!store.command(&["HGETALL", &key]).contains("\"s1\""), "the remote id is a secret");
    let owner = replicas.0.remove(0);
    owner.signal("KILL");
    assert_eq!(persist(&replicas, 0, &request).status, 200);
    assert_eq!(seen(&server), (1, 0, vec!["s1".to_owned(), "s1".to_owned()]));
}

#[test]
fn a_replica_that_stops_does_not_end_a_session_that_goes_on_elsewhere() {
    let Some(store) = Redis::start() else { return };
    let server = Server::start(|_, _| false);
    let mut replicas = replicas(&server, &store);
    let request = used(&replicas, &server).request(call("2", "a", "{}"));
    let owner = replicas.0.remove(0);
    assert!(owner.terminate().status.success());
    assert_eq!(persist(&replicas, 0, &request).status, 200);
    assert_eq!(seen(&server), (1, 0, vec!["s1".to_owned(), "s1".to_owned()]));
}
