//! Clients of all kinds that open, call, cancel, listen, ask and disconnect at random: afterwards
//! nothing of them is left.
//!
//! `MCP_PROXY_WALK` is the time in seconds for each isolation, `MCP_PROXY_WALK_SEED` the first
//! seed; the seed in a failure repeats it as far as the machine allows.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "the seed is for people")]

use std::{
    env, thread,
    time::{Duration, Instant},
};

use super::leaks::{Holdings, descendants};
use crate::support::{
    LATEST, Launch, Modern, Proxy, Request, call, initialize, initialize_with, scrape, wait_for,
};

const CLIENTS: u64 = 8;
/// Less than the clients would leave behind in a second.
const MAX_CHILDREN: &str = "24";
const FORM: &str = r#"{"method":"elicitation/create","params":{"message":"?","requestedSchema":{"type":"object","properties":{}}}}"#;
const CAPABILITIES: &str = r#"{"elicitation":{},"sampling":{},"roots":{}}"#;

/// Repeatable random numbers (SplitMix64).
struct Chance(u64);

impl Chance {
    /// A number below this.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = self.below(u64::try_from(of.len().max(1)).expect("a number"));
        of.get(usize::try_from(index).expect("a number"))
    }
}

/// One client, which always leaves after a short time.
struct Walker<'p> {
    proxy: &'p Proxy,
    random: Chance,
    sessions: Vec<String>,
    number: u64,
}

impl Walker<'_> {
    fn step(&mut self) {
        match self.random.below(10) {
            0 | 1 => self.open(),
            2 => self.open_and_leave(),
            3 => self.delete(),
            4 => self.cancelled_call(),
            5 => self.call_and_leave(),
            6 => self.modern_call(),
            7 => self.modern_listen(),
            8 => self.session_listens(),
            _ => self.upload_and_delete(),
        }
    }

    /// Writes a request, waits a moment, and disconnects.
    fn write_and_leave(&mut self, request: &Request) {
        let mut connection = self.proxy.connect();
        connection.try_write(&request.bytes());
        self.pause();
    }

    fn pause(&mut self) {
        thread::sleep(Duration::from_millis(self.random.below(30)));
    }

    fn begin(&mut self) -> Request {
        let asks = self.random.below(2) == 0;
        Request::mcp(if asks { initialize_with(CAPABILITIES) } else { initialize(LATEST) })
    }

    fn open(&mut self) {
        let begin = self.begin();
        let opened = self.proxy.send(&begin);
        if let Some(id) = opened.header("mcp-session-id").filter(|_| opened.status == 200) {
            self.sessions.push(id.to_owned());
            let text = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
            self.proxy.send(&Request::mcp(text).session(id));
        }
        if self.sessions.len() > 2 {
            self.delete();
        }
    }

    fn open_and_leave(&mut self) {
        let begin = self.begin();
        self.write_and_leave(&begin);
    }

    fn delete(&mut self) {
        if let Some(id) = self.any() {
            self.sessions.retain(|known| *known != id);
            self.proxy.send(&Request::new("DELETE", "/mcp").session(&id));
        }
    }

    fn any(&mut self) -> Option<String> {
        self.random.one_of(&self.sessions).cloned()
    }

    fn next(&mut self) -> String {
        self.number += 1;
        self.number.to_string()
    }

    fn tool(&mut self) -> (&'static str, &'static str) {
        let tools = [("ask", FORM), ("echo", r#"{"text":"x"}"#), ("asks-on", FORM)];
        *self.random.one_of(&tools).expect("there are some")
    }

    fn cancelled_call(&mut self) {
        let Some(id) = self.any() else { return };
        let number = self.next();
        let (tool, arguments) = self.tool();
        let request = Request::mcp(call(&number, tool, arguments)).session(&id);
        let mut connection = self.proxy.connect();
        connection.try_write(&request.bytes());
        self.pause();
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number}}}}}"#
        );
        self.proxy.send(&Request::mcp(text).session(&id));
    }

    fn call_and_leave(&mut self) {
        let Some(id) = self.any() else { return };
        let number = self.next();
        let (tool, arguments) = self.tool();
        self.write_and_leave(&Request::mcp(call(&number, tool, arguments)).session(&id));
    }

    /// The clients of 2026-07-28 act for a few different people.
    fn modern(&mut self, request: Modern) -> Request {
        let asks = self.random.below(10) < 7;
        let request = if asks { request.capabilities(CAPABILITIES) } else { request };
        let bearer = format!("Bearer {}", self.random.below(3));
        request.request().header("Authorization", &bearer)
    }

    fn modern_call(&mut self) {
        let (tool, arguments) = self.tool();
        let request = match self.random.below(4) {
            0 => Modern::new("server/discover"),
            1 => Modern::new("tools/list"),
            _ => Modern::call(tool, arguments),
        };
        let request = self.modern(request);
        self.write_and_leave(&request);
    }

    fn modern_listen(&mut self) {
        let uris = r#""notifications":{"toolsListChanged":true,"resourceSubscriptions":["x:a"]}"#;
        let request = self.modern(Modern::new("subscriptions/listen").params(uris));
        self.write_and_leave(&request);
    }

    fn session_listens(&mut self) {
        if let Some(id) = self.any() {
            self.write_and_leave(&Request::listen(&id));
        }
    }

    /// The session ends while a call of it arrives.
    fn upload_and_delete(&mut self) {
        let Some(id) = self.any() else { return };
        let bytes = Request::mcp(call("\"late\"", "ask", FORM)).session(&id).bytes();
        let mut connection = self.proxy.connect();
        connection.try_write(&bytes[..bytes.len() - 10]);
        self.pause();
        self.sessions.retain(|known| *known != id);
        self.proxy.send(&Request::new("DELETE", "/mcp").session(&id));
        connection.try_write(&bytes[bytes.len() - 10..]);
        self.pause();
    }
}

fn walk(proxy: &Proxy, seed: u64, time: Duration) {
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let random = Chance(seed.wrapping_add(client << 32));
                let mut walker = Walker { proxy, random, sessions: Vec::new(), number: 0 };
                let end = Instant::now() + time;
                while Instant::now() < end {
                    walker.step();
                }
                while !walker.sessions.is_empty() {
                    walker.delete();
                }
            });
        }
    });
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn leaves_nothing(isolation: &str) {
    let seed = number("MCP_PROXY_WALK_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("{isolation}: MCP_PROXY_WALK_SEED={seed}");
    let time = Duration::from_secs(number("MCP_PROXY_WALK").unwrap_or(8));
    let flags = ["--isolation", isolation, "--maxChildren", MAX_CHILDREN];
    let limits = ["--requestTimeout", "4000", "--sessionIdleTimeout", "3000", "--metricsPort", "0"];
    let proxy = Launch::new("asks").flags(&flags).flags(&limits).start();
    let before = Holdings::of(proxy.pid());
    walk(&proxy, seed, time);
    // A server that waits for another call of its principal waits a minute.
    let rest = 1 + usize::from(isolation == "shared");
    let start = Instant::now();
    while descendants(proxy.pid()) > rest && start.elapsed() < IDLE {
        thread::sleep(Duration::from_millis(200));
    }
    wait_for(&format!("{:?} is back to {before:?}", Holdings::of(proxy.pid())), || {
        let now = Holdings::of(proxy.pid());
        let back = now.descendants <= rest && now.files <= before.files + SLACK;
        back.then_some(())
    });
    let sessions = r#"mcp_proxy_sessions{transport="streamable_http"}"#;
    for series in [sessions, "mcp_proxy_calls_in_flight", "mcp_proxy_streams"] {
        scrape::settles(&proxy, series, 0.0);
    }
    let answer = proxy.send(&Modern::call("echo", r#"{"text":"still"}"#).request());
    assert!(answer.text().contains("still"), "{answer:?}");
}

/// How long a server waits for its next call, plus a little.
const IDLE: Duration = Duration::from_secs(75);
/// Descriptors that are opened when something is first used.
const SLACK: usize = 6;

#[test]
fn who_walks_away_from_a_shared_server_leaves_nothing() {
    leaves_nothing("shared");
}

#[test]
fn who_walks_away_from_a_server_of_its_own_leaves_nothing() {
    leaves_nothing("session");
}

#[test]
fn who_walks_away_from_a_server_for_each_request_leaves_nothing() {
    leaves_nothing("request");
}
