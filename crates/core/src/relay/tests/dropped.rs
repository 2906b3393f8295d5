//! Futures that are dropped after each number of polls: everything that they opened is released.

use std::task::{Context, Waker};

use super::*;
use crate::era::Era;

/// What is counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ledger {
    members: usize,
    waiting: usize,
    exchanges: usize,
    subscriptions: usize,
    seats: usize,
}

impl Ledger {
    fn of(upstream: &Upstream) -> Self {
        let seats = upstream.shared.crossings().subscribed();
        let state = upstream.shared.lock();
        Self {
            members: state.members.len(),
            waiting: state.waiting.len(),
            exchanges: state.exchanges.in_flight().count(),
            subscriptions: state.subscriptions.wanted().len(),
            seats,
        }
    }
}

/// Polls a future this often, in a fresh world, letting all other tasks run after each poll; then
/// drops it and lets the others finish. Repeats with more and more polls, until it is ready.
fn dropped_everywhere<W>(
    world: impl Fn() -> W,
    run: impl Fn(&W) -> BoxFuture<'static, ()>,
    turn: impl Fn(&W, usize),
    end: impl Fn(&W),
    ledger: impl Fn(&W) -> Ledger,
) {
    const MOST: usize = 100;
    let mut context = Context::from_waker(Waker::noop());
    for polls in 0..MOST {
        let world = world();
        let mut running = run(&world);
        let mut ready = false;
        for number in 0..polls {
            ready = ready || running.as_mut().poll(&mut context).is_ready();
            turn(&world, number);
        }
        drop(running);
        end(&world);
        assert_eq!(ledger(&world), Ledger::default(), "dropped after {polls} polls");
        if ready {
            assert!(polls > 1, "it never had to wait");
            return;
        }
    }
    panic!("it is not ready after {MOST} polls");
}

fn cause() -> Cause {
    Cause { message: "gone".to_owned(), data: None }
}

/// An upstream that is away, and the connection of a client.
fn away(era: Era) -> (Upstream, Arc<dyn Connection>) {
    let upstream = Upstream::new(Limits::default());
    let client = Client { era, ..Client::default() };
    let Ok(connection) = upstream.shared.open(client).now_or_never().unwrap() else {
        panic!("no connection")
    };
    upstream.shared.lost(&cause(), 1);
    (upstream, connection)
}

fn send(connection: &Arc<dyn Connection>, request: &Value) -> BoxFuture<'static, ()> {
    let request = message(request);
    let reply = Reply::to(&request, Arc::<Kept>::default());
    connection.send(request, Some(reply), None).expect("it has to wait")
}

/// The server comes back after a while, and answers.
fn come_back(upstream: &Upstream, number: usize) {
    if number == 1 {
        upstream.connect(Arc::clone(&upstream.outbox));
    }
    for sent in upstream.sent() {
        if number > 2 && sent["method"] == "resources/subscribe" {
            upstream.says(&json!({"jsonrpc": "2.0", "id": sent["id"], "result": {}}));
        }
    }
}

/// The front closes what it has opened; the server answers everything.
fn leave(upstream: &Upstream, connection: &Arc<dyn Connection>) {
    connection.close();
    upstream.connect(Arc::clone(&upstream.outbox));
    for id in 0..64 {
        upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits() {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {}});
    dropped_everywhere(
        || away(Era::Legacy),
        |(_, connection)| send(connection, &request),
        |(upstream, _), number| come_back(upstream, number),
        |(upstream, connection)| leave(upstream, connection),
        |(upstream, _)| Ledger::of(upstream),
    );
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_waits() {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/subscribe",
        "params": {"uri": "x:a"}});
    dropped_everywhere(
        || away(Era::Legacy),
        |(_, connection)| send(connection, &request),
        |(upstream, _), number| come_back(upstream, number),
        |(upstream, connection)| leave(upstream, connection),
        |(upstream, _)| Ledger::of(upstream),
    );
}

#[tokio::test(start_paused = true)]
async fn a_listener_of_the_newer_era() {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": {"notifications": {"resourceSubscriptions": ["x:a", "x:b"]}}});
    dropped_everywhere(
        || away(Era::Modern),
        |(_, connection)| send(connection, &request),
        |(upstream, _), number| come_back(upstream, number),
        |(upstream, connection)| leave(upstream, connection),
        |(upstream, _)| Ledger::of(upstream),
    );
}
