//! Repeats one operation, so that `scripts/instructions.mjs` can count its instructions:
//! `instructions <name> <times>`.

use std::{env, hint::black_box, process::ExitCode};

use mcp_proxy_core::internals::hot::{self, Crowd, ModernRoad, Road};

fn repeat<T>(times: usize, mut step: impl FnMut() -> Option<T>) -> Option<()> {
    for _ in 0..times {
        drop(black_box(step()?));
    }
    Some(())
}

fn measure(name: &str, times: usize) -> Option<()> {
    let (small, large) = (hot::request(32), hot::request(64 << 10));
    match name {
        "scan" => repeat(times, || hot::scan(black_box(small.clone()))),
        "scan-64k" => repeat(times, || hot::scan(black_box(large.clone()))),
        "splice" => {
            let message = hot::scan(small)?;
            repeat(times, || Some(hot::splice(black_box(&message), b"12345")))
        }
        "event" => {
            let message = hot::scan(small)?;
            repeat(times, || Some(hot::event(black_box(&message), 12345)))
        }
        "call" | "call-among-1000" => {
            let road = Road::new(if name == "call" { 0 } else { 1000 })?;
            repeat(times, || road.call(black_box(small.clone())))
        }
        "call-modern" => {
            let (road, request) = (ModernRoad::new()?, hot::modern_request(32));
            repeat(times, || road.call(black_box(request.clone())))
        }
        "notification-to-10" => {
            let crowd = Crowd::new(10)?;
            repeat(times, || crowd.tell(black_box(hot::notification())))
        }
        _ => None,
    }
}

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let (name, times) = (words.next(), words.next().and_then(|times| times.parse().ok()));
    match name.zip(times).and_then(|(name, times)| measure(&name, times)) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}
