//! Measures what every message costs: `cargo bench -p mcp-proxy-core --features internals --bench
//! messages`.

#![expect(clippy::expect_used, reason = "a bench without its message is over")]

use divan::{Bencher, black_box, counter::BytesCount};
use mcp_proxy_core::internals::hot::{self, Crowd, ModernRoad, Pending, Road, Scanned};

/// Lengths of a call's only argument.
const LENGTHS: [usize; 4] = [32, 4 << 10, 64 << 10, 1 << 20];

fn main() {
    divan::main();
}

fn scanned(length: usize) -> Scanned {
    hot::scan(hot::request(length)).expect("a message")
}

#[divan::bench(args = LENGTHS)]
fn scan(bencher: Bencher<'_, '_>, length: usize) {
    let request = hot::request(length);
    let bencher = bencher.counter(BytesCount::new(request.len()));
    bencher.bench(|| hot::scan(black_box(request.clone())));
}

#[divan::bench(args = LENGTHS)]
fn splice(bencher: Bencher<'_, '_>, length: usize) {
    let message = scanned(length);
    bencher.bench(|| hot::splice(black_box(&message), b"12345"));
}

#[divan::bench(args = LENGTHS)]
fn event(bencher: Bencher<'_, '_>, length: usize) {
    let message = scanned(length);
    bencher.bench(|| hot::event(black_box(&message), 12345));
}

/// An exchange begins and ends among this many others.
#[divan::bench(args = [1, 1_000, 100_000])]
fn pending(bencher: Bencher<'_, '_>, under_way: usize) {
    let mut table = Pending::new(under_way);
    bencher.bench_local(|| table.pass());
}

/// A call and its answer through the relay, with this many others under way.
#[divan::bench(args = [0, 100, 10_000])]
fn call(bencher: Bencher<'_, '_>, under_way: usize) {
    let road = Road::new(under_way).expect("a road");
    let request = hot::request(32);
    bencher.bench(|| road.call(black_box(request.clone())));
}

/// The same for 2026-07-28.
#[divan::bench]
fn call_modern(bencher: Bencher<'_, '_>) {
    let road = ModernRoad::new().expect("a road");
    let request = hot::modern_request(32);
    bencher.bench(|| road.call(black_box(request.clone())));
}

/// A notification to this many clients.
#[divan::bench(args = [1, 100, 10_000])]
fn notification(bencher: Bencher<'_, '_>, clients: usize) {
    let crowd = Crowd::new(clients).expect("a server");
    bencher.bench(|| crowd.tell(black_box(hot::notification())));
}
