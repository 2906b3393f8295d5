//! Clients of several servers that call without a pause, each one server.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::Value;

use super::config_file::At;
use crate::support::{Proxy, Sse, call};

/// How a client calls its server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// At the server's own endpoint.
    Named,
    /// At the merged one.
    Merged,
    /// At the merged one, over HTTP+SSE.
    MergedSse,
}

/// Every way.
pub(super) const WAYS: [Way; 3] = [Way::Named, Way::Merged, Way::MergedSse];

/// The results of a client's calls.
#[derive(Debug)]
pub(super) struct Fared {
    pub(super) server: String,
    pub(super) way: Way,
    pub(super) answered: usize,
    /// The answers that were errors.
    pub(super) failed: Vec<Value>,
}

impl Fared {
    /// Counts the answer to this call, which must be its own or an error.
    fn note(&mut self, number: usize, answer: &str) {
        let answer: Value = serde_json::from_str(answer).expect("a message");
        assert_eq!(answer["id"], number, "{answer}");
        if answer["error"].is_object() {
            self.failed.push(answer);
        } else {
            let expected = word(&self.server, number);
            assert_eq!(answer["result"]["content"][0]["text"], *expected, "{answer}");
            self.answered += 1;
        }
    }
}

fn word(server: &str, number: usize) -> String {
    format!("{server} {number}")
}

fn question(server: &str, way: Way, number: usize) -> String {
    let tool = match way {
        Way::Named => "echo".to_owned(),
        Way::Merged | Way::MergedSse => format!("{server}__echo"),
    };
    call(&number.to_string(), &tool, &format!(r#"{{"text":"{}"}}"#, word(server, number)))
}

fn client(proxy: &Proxy, server: &str, way: Way, over: &AtomicBool) -> Fared {
    let mut fared = Fared { server: server.to_owned(), way, answered: 0, failed: Vec::new() };
    let path = match way {
        Way::Named => format!("/servers/{server}/mcp"),
        Way::Merged => "/mcp".to_owned(),
        Way::MergedSse => return sse_client(proxy, fared, over),
    };
    let session = At::open(proxy, &path);
    let mut connection = proxy.connect();
    for number in 0.. {
        let answer = connection.exchange(&session.request(&question(server, way, number)));
        assert_eq!(answer.status, 200, "the session of {server} {way:?}: {}", answer.text());
        fared.note(number, &answer.message());
        if over.load(Ordering::Relaxed) {
            break;
        }
    }
    fared
}

fn sse_client(proxy: &Proxy, mut fared: Fared, over: &AtomicBool) -> Fared {
    let mut sse = Sse::initialized(proxy);
    for number in 0.. {
        sse.send(&question(&fared.server, fared.way, number));
        let answer = loop {
            let message = sse.events.expect();
            if !message.contains(r#""method":"notifications/"#) {
                break message;
            }
        };
        fared.note(number, &answer);
        if over.load(Ordering::Relaxed) {
            break;
        }
    }
    fared
}

/// Runs a client of each of these servers in every way while `disturb` runs.
pub(super) fn under_load(proxy: &Proxy, servers: &[&str], disturb: impl FnOnce()) -> Vec<Fared> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over = &over;
        let clients = servers.iter().flat_map(|server| WAYS.map(|way| (*server, way)));
        let clients: Vec<_> = clients
            .map(|(server, way)| scope.spawn(move || client(proxy, server, way, over)))
            .collect();
        disturb();
        over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    })
}
