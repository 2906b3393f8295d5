//! Sessions with a remote server outlive the replica that opened them.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tempfile::TempDir;

use super::{
    Replicas, SECRET,
    redis::Redis,
    store::{persist, written},
};
use crate::{
    remote::server::{Received, Server, welcome},
    support::{LATEST, Launch, Request, call, fixture, initialize},
};

/// How clients reach the remote server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is the server on the command line.
    Only,
    /// Under its name in the file of `--config`.
    Named,
    /// With the other servers of that file.
    Merged,
}

impl Way {
    fn path(self) -> &'static str {
        if self == Self::Named { "/servers/far/mcp" } else { "/mcp" }
    }

    fn tool(self) -> &'static str {
        if self == Self::Merged { "far__a" } else { "a" }
    }
}

/// Replicas in front of one remote server, and a session that the first has opened.
struct World {
    replicas: Replicas,
    server: Server,
    store: Redis,
    way: Way,
    session: String,
    folder: TempDir,
}

impl World {
    /// `None` if there is no Redis here.
    fn at(way: Way) -> Option<Self> {
        let store = Redis::start()?;
        let server = server("s");
        let folder = tempfile::tempdir().expect("a folder");
        let start = |_| {
            let launch = if way == Way::Only {
                Launch::of(&[&server.url()])
            } else {
                let file = folder.path().join("mcp.json");
                configure(&folder, &server);
                Launch::of(&[]).flag("--config", file.display().to_string())
            };
            let flags = ["--peerPort", "0", "--metricsPort", "0", "--store", &store.url()];
            launch.flags(&flags).env("MCP_PROXY_PEER_SECRET", SECRET).start()
        };
        let replicas = Replicas((0..2).map(start).collect());
        let mut world = Self { replicas, server, store, way, session: String::new(), folder };
        let opened = world.replicas.send(0, &world.request(initialize(LATEST)));
        assert_eq!(opened.status, 200, "{}", opened.text());
        opened.header("mcp-session-id").expect("a session").clone_into(&mut world.session);
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(world.replicas.send(0, &world.request(initialized)).status, 202);
        world.call();
        Some(world)
    }

    fn request(&self, body: impl Into<Vec<u8>>) -> Request {
        let request = Request::post(self.way.path(), body)
            .header("Accept", "application/json, text/event-stream");
        if self.session.is_empty() { request } else { request.session(&self.session) }
    }

    /// A call at the first replica, which the server has seen and the store knows of.
    fn call(&self) {
        assert_eq!(
            self.replicas.send(0, &self.request(call("1", self.way.tool(), "{}"))).status,
            200
        );
        written(&self.replicas, 0);
    }

    /// A call at the replica that has to take the session over.
    fn call_elsewhere(&self) {
        let answer = persist(&self.replicas, 0, &self.request(call("2", self.way.tool(), "{}")));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// Writes the file of `--config` that names this server, and one that each replica starts.
fn configure(folder: &TempDir, server: &Server) {
    let near = json!({ "command": fixture().display().to_string(), "args": ["echo"] });
    let file = json!({ "mcpServers": { "far": { "url": server.url() }, "near": near } });
    std::fs::write(folder.path().join("mcp.json"), file.to_string()).expect("a file");
}

/// A server that gives each session an id of its own. The proxy opens some of them for itself.
fn server(prefix: &'static str) -> Server {
    let count = AtomicUsize::new(1);
    Server::start(move |request, wire| {
        let opens = request.method() == "initialize";
        if opens {
            welcome(request, wire, &format!("{prefix}{}", count.fetch_add(1, Ordering::Relaxed)));
        }
        opens
    })
}

/// What the server was sent: handshakes of the client, ends of the session of its first call, and
/// the sessions of all its calls.
fn seen(server: &Server) -> (usize, usize, Vec<String>) {
    let received = server.received();
    let session = |request: &Received| request.header("mcp-session-id").map(str::to_owned);
    let count = |wanted: &dyn Fn(&Received) -> bool| {
        received.iter().filter(|request| wanted(request)).count()
    };
    let calls = received.iter().filter(|request| request.method() == "tools/call");
    let sessions: Vec<String> = calls.map(|call| session(call).unwrap_or_default()).collect();
    let greets = |request: &Received| {
        request.method() == "initialize" && request.body.contains(r#""name":"wire""#)
    };
    let ends = |request: &Received| {
        request.verb == "DELETE" && session(request) == sessions.first().cloned()
    };
    (count(&greets), count(&ends), sessions)
}

/// One handshake, no end, and all calls in the session that it opened.
fn assert_one_session(server: &Server, calls: usize) {
    let (opened, ended, sessions) = seen(server);
    assert_eq!((opened, ended, sessions.len()), (1, 0, calls), "{sessions:?}");
    assert!(
        !sessions[0].is_empty() && sessions.iter().all(|id| *id == sessions[0]),
        "{sessions:?}"
    );
}

fn goes_on_after_a_kill(way: Way) {
    let Some(mut world) = World::at(way) else { return };
    let keys = world.store.command(&["KEYS", "*:s"]);
    let key = keys.lines().find(|line| line.ends_with(":s")).expect("a session").to_owned();
    // It is kept in pieces.
    let kept = world.store.command(&["HVALS", &key]).replace('\n', "");
    let id = seen(&world.server).2.remove(0);
    assert!(!kept.contains(&format!("\"{id}\"")), "the remote id is a secret");
    let owner = world.replicas.0.remove(0);
    owner.signal("KILL");
    world.call_elsewhere();
    assert_one_session(&world.server, 2);
}

fn goes_on_after_a_stop(way: Way) {
    let Some(mut world) = World::at(way) else { return };
    let owner = world.replicas.0.remove(0);
    assert!(owner.terminate().status.success());
    world.call_elsewhere();
    assert_one_session(&world.server, 2);
}

#[test]
fn a_replica_that_is_killed_leaves_its_session_with_a_remote_server_to_another() {
    goes_on_after_a_kill(Way::Only);
}

#[test]
fn a_replica_that_is_killed_leaves_its_session_with_a_remote_server_of_a_file_to_another() {
    goes_on_after_a_kill(Way::Named);
}

#[test]
fn a_replica_that_is_killed_leaves_its_sessions_with_merged_remote_servers_to_another() {
    goes_on_after_a_kill(Way::Merged);
}

#[test]
fn a_replica_that_stops_does_not_end_a_session_that_goes_on_elsewhere() {
    goes_on_after_a_stop(Way::Only);
}

#[test]
fn a_replica_that_stops_does_not_end_a_session_with_a_server_of_a_file_either() {
    goes_on_after_a_stop(Way::Named);
}

#[test]
fn a_replica_that_stops_does_not_end_sessions_with_merged_servers_either() {
    goes_on_after_a_stop(Way::Merged);
}

/// A server that a replica has started is another one at the next replica, which greets it.
#[test]
fn a_merged_session_goes_on_with_a_remote_server_and_starts_with_the_others() {
    let Some(mut world) = World::at(Way::Merged) else { return };
    let listed = r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#;
    let near = || call("4", "near__echo", r#"{"text":"hello"}"#);
    let answer =
        |world: &World, body: String| persist(&world.replicas, 0, &world.request(body)).message();
    let before = (answer(&world, near()), answer(&world, listed.to_owned()));
    let owner = world.replicas.0.remove(0);
    owner.signal("KILL");
    assert_eq!((answer(&world, near()), answer(&world, listed.to_owned())), before);
    world.call_elsewhere();
    assert_one_session(&world.server, 2);
}

/// The file names another server by now, which has opened a session, too. The next replica
/// continues that one.
#[test]
fn after_a_reload_a_session_goes_on_with_the_new_server() {
    let Some(mut world) = World::at(Way::Named) else { return };
    let other = server("t");
    configure(&world.folder, &other);
    for replica in &world.replicas.0 {
        let restarted = replica.stdout.line(|line| line.contains("mcp.json: restarted far"));
        assert!(restarted.is_some(), "the file is followed");
    }
    world.call();
    // The second one tells the store of the session that the first one has opened.
    world.call();
    let owner = world.replicas.0.remove(0);
    owner.signal("KILL");
    world.call_elsewhere();
    assert_one_session(&other, 3);
}
