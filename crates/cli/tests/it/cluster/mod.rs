//! Several replicas of the real executable that serve each other's sessions.

mod chaos;
mod forwarding;
mod peers;
mod questions;
mod redis;
mod remote;
mod store;
mod streams;

use std::net::SocketAddr;

use crate::support::{Launch, Proxy, Request, Response, Session};

/// The secret of all replicas.
const SECRET: &str = "a secret of the tests, and of nobody else";

/// Replicas that know each other.
struct Replicas(Vec<Proxy>);

impl Replicas {
    /// This many of them in front of the fixture in this mode.
    fn of(count: usize, mode: &str) -> Self {
        Self::with(count, mode, &[])
    }

    /// The same with these flags. Each one knows those that were started before it, which learn of
    /// it.
    fn with(count: usize, mode: &str, flags: &[&str]) -> Self {
        let mut replicas: Vec<Proxy> = Vec::new();
        for _ in 0..count {
            let known: Vec<String> =
                replicas.iter().map(|it| peer_address(it).to_string()).collect();
            replicas
                .push(replica(mode, SECRET).flags(flags).flag("--peers", known.join(",")).start());
        }
        Self(replicas)
    }

    /// Sends a request to the replica with this number, modulo their count.
    fn send(&self, number: usize, request: &Request) -> Response {
        self.0[number % self.0.len()].send(request)
    }

    fn session(&self) -> Session<'_> {
        self.0[0].session()
    }
}

/// A replica that was not started yet, on loopback.
fn replica(mode: &str, secret: &str) -> Launch {
    Launch::new(mode)
        .flags(&["--peerPort", "0", "--metricsPort", "0"])
        .env("MCP_PROXY_PEER_SECRET", secret)
}

/// Where a replica listens for others.
fn peer_address(replica: &Proxy) -> SocketAddr {
    let line = replica.stdout.line(|line| line.trim_start().starts_with("other replicas "));
    let line = line.expect("the peer port is announced");
    line.rsplit(' ').next().expect("an address").parse().expect("an address")
}
