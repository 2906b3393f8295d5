//! Replicas that start and end under load. The servers record what they run, in one file for all of
//! them: no call may appear twice, and none that was answered with its result may be missing.

#![expect(clippy::print_stderr, reason = "says what was measured")]

use std::{
    collections::HashMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{SECRET, redis::Redis};
use crate::support::{DEADLINE, LATEST, Launch, Proxy, Request, call, initialize, wait_for};

/// Clients that call all the time.
const CLIENTS: usize = 4;

/// What happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    Result,
    MayHaveRun,
    /// The connection to a replica that was killed broke: its client knows that the call may have
    /// run.
    Broken,
}

/// A load balancer, its replicas, and what they have run.
struct World {
    store: Redis,
    ledger: PathBuf,
    _directory: tempfile::TempDir,
    replicas: Mutex<Vec<Proxy>>,
    next: AtomicUsize,
    stop: AtomicBool,
    outcomes: Mutex<HashMap<String, Outcome>>,
    lost: Mutex<Vec<String>>,
    /// The longest time without an answer for a client.
    gap: Mutex<Duration>,
}

impl World {
    fn of(count: usize) -> Option<Self> {
        let store = Redis::start()?;
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = directory.path().join("ledger");
        let replicas = (0..count).map(|_| replica(&store, &ledger)).collect();
        Some(Self {
            store,
            ledger,
            _directory: directory,
            replicas: Mutex::new(replicas),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            outcomes: Mutex::default(),
            lost: Mutex::default(),
            gap: Mutex::default(),
        })
    }

    /// The port of the next replica in turn.
    fn port(&self) -> u16 {
        let replicas = self.replicas.lock().expect("replicas");
        replicas[self.next.fetch_add(1, Ordering::Relaxed) % replicas.len()].port
    }

    /// Sends a request to the next replica in turn: returns the status and the text of the answer,
    /// or whether the request may have arrived.
    fn send(&self, request: &Request) -> Result<(u16, String), bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).map_err(|_| false)?;
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        let closing = request.clone().header("Connection", "close");
        stream.write_all(&closing.bytes()).map_err(|_| true)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).map_err(|_| true)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        // An event stream that ends without its answer is a broken connection, too.
        let is_whole = text.contains("\r\n0\r\n\r\n")
            || text.contains("ontent-length")
            || text.contains("ontent-Length");
        match status {
            Some(status) if is_whole || status != 200 => Ok((status, text)),
            _ => Err(true),
        }
    }

    /// One client, which opens a session and calls until it is told to stop.
    fn call_on(&self, client: usize) {
        let opened = wait_for("a session is opened", || {
            self.send(&Request::mcp(initialize(LATEST))).ok().filter(|(status, _)| *status == 200)
        });
        let id = opened.1.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("mcp-session-id").then(|| value.to_owned())
        });
        let id = id.expect("a session id");
        let mut answered = Instant::now();
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let text = format!("{client}-{number}");
            let body = call(&number.to_string(), "count", &format!(r#"{{"text":"{text}"}}"#));
            let request = Request::mcp(body).session(&id);
            let outcome = self.call(&request, &text);
            self.outcomes.lock().expect("outcomes").insert(text, outcome);
            let mut gap = self.gap.lock().expect("a gap");
            *gap = answered.elapsed().max(*gap);
            answered = Instant::now();
        }
    }

    /// Calls until there is an answer; a call that may have run is not repeated.
    fn call(&self, request: &Request, text: &str) -> Outcome {
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < DEADLINE, "no answer to {text}");
            match self.send(request) {
                Ok((200, answer)) if answer.contains("may have run") => return Outcome::MayHaveRun,
                Ok((200, answer)) => {
                    assert!(answer.contains(&format!("\"{text}\"")), "{text}: {answer}");
                    return Outcome::Result;
                }
                Ok((502, _)) => return Outcome::MayHaveRun,
                Ok((503, _)) => thread::sleep(Duration::from_millis(10)),
                Ok((_, answer)) => {
                    self.lost.lock().expect("a list").push(format!("{text}: {answer}"));
                    return Outcome::Broken;
                }
                Err(true) => return Outcome::Broken,
                Err(false) => {}
            }
        }
    }

    /// Waits until this many more calls were answered.
    fn let_pass(&self, calls: usize) {
        let count = || self.outcomes.lock().expect("outcomes").len();
        let until = count() + calls;
        wait_for("calls are answered", || (count() >= until).then_some(()));
    }

    /// Runs clients while something happens; returns what happened to their calls.
    fn under_load(&self, happens: impl FnOnce()) -> HashMap<Outcome, usize> {
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                scope.spawn(move || self.call_on(client));
            }
            self.let_pass(40);
            happens();
            self.let_pass(40);
            self.stop.store(true, Ordering::Relaxed);
        });
        let mut counts = HashMap::new();
        for outcome in self.outcomes.lock().expect("outcomes").values() {
            *counts.entry(*outcome).or_default() += 1;
        }
        counts
    }

    /// No call has run twice, and every result belongs to a call that has run.
    fn check(&self) {
        let text = std::fs::read_to_string(&self.ledger).expect("a ledger");
        let mut ran = HashMap::<&str, usize>::new();
        for line in text.lines() {
            *ran.entry(line).or_default() += 1;
        }
        let twice: Vec<_> = ran.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "these ran more than once: {twice:?}");
        for (text, outcome) in self.outcomes.lock().expect("outcomes").iter() {
            let quoted = format!("\"{text}\"");
            assert!(*outcome != Outcome::Result || ran.contains_key(&*quoted), "{text} never ran");
        }
        let lost = self.lost.lock().expect("a list");
        assert!(lost.is_empty(), "sessions were lost: {lost:?}");
    }

    fn take(&self, number: usize) -> Proxy {
        self.replicas.lock().expect("replicas").remove(number)
    }

    fn add(&self) {
        let replica = replica(&self.store, &self.ledger);
        self.replicas.lock().expect("replicas").push(replica);
    }
}

fn replica(store: &Redis, ledger: &Path) -> Proxy {
    Launch::new(&format!("counted {}", ledger.display()))
        .flags(&["--peerPort", "0", "--metricsPort", "0", "--store", &store.url()])
        .env("MCP_PROXY_PEER_SECRET", SECRET)
        .start()
}

fn report(what: &str, world: &World, outcomes: &HashMap<Outcome, usize>) {
    let gap = world.gap.lock().expect("a gap").as_millis();
    let count = |outcome| outcomes.get(&outcome).copied().unwrap_or_default();
    eprintln!(
        "{what}: {} results, {} may have run, {} broken connections; longest wait {gap} ms",
        count(Outcome::Result),
        count(Outcome::MayHaveRun),
        count(Outcome::Broken)
    );
}

#[test]
fn a_rolling_update_loses_nothing() {
    let Some(world) = World::of(3) else { return };
    let outcomes = world.under_load(|| {
        for _ in 0..3 {
            world.add();
            let old = world.take(0);
            world.let_pass(20);
            assert!(old.terminate().status.success());
            world.let_pass(20);
        }
    });
    report("rolling update", &world, &outcomes);
    world.check();
    assert_eq!(outcomes.len(), 1, "every call has its result: {outcomes:?}");
}

#[test]
fn a_killed_replica_costs_the_calls_that_it_had_and_nothing_else() {
    let Some(world) = World::of(3) else { return };
    let outcomes = world.under_load(|| {
        for _ in 0..2 {
            let old = world.take(0);
            old.signal("KILL");
            world.let_pass(60);
            world.add();
            world.let_pass(20);
        }
    });
    report("kill -9", &world, &outcomes);
    world.check();
    let unsure = outcomes.iter().filter(|(outcome, _)| **outcome != Outcome::Result);
    let unsure: usize = unsure.map(|(_, count)| count).sum();
    assert!(unsure <= 2 * CLIENTS, "{outcomes:?}");
}

#[test]
fn a_store_that_comes_and_goes_costs_nothing() {
    let Some(mut world) = World::of(2) else { return };
    let mut store = std::mem::replace(&mut world.store, Redis::start().expect("a store"));
    let outcomes = world.under_load(|| {
        store.kill();
        world.let_pass(60);
        store.restart();
        world.let_pass(60);
    });
    report("store killed and started again", &world, &outcomes);
    world.check();
    assert_eq!(outcomes.len(), 1, "every call has its result: {outcomes:?}");
}
