//! A client on standard input and output, with the echo server over HTTP behind the contestant.

use std::time::{Duration, Instant};

use super::calls;
use crate::{
    bench::Bench,
    contestant::Contestant,
    failure::Failure,
    metric::Values,
    pipe::Pipe,
    proxy::Proxy,
    stable::{WARM_CALLS, WARM_LIMIT, WARM_STEP},
    usage::Usage,
};

pub(super) async fn measure(
    bench: &Bench,
    contestant: Contestant,
    under_way: usize,
) -> Result<Values, Failure> {
    let remote = Proxy::remote(&bench.places).await?;
    let mut pipe = Pipe::open(contestant, &bench.places, remote.target.addr, bench.quiet).await?;
    warm_up(&mut pipe, under_way, bench.effort.warm_up).await?;
    let usage = |pipe: &Pipe| Usage::of(pipe.pid(), Some(remote.pid()));
    let before = usage(&pipe);
    let tally = pipe.run(under_way, bench.effort.span).await?;
    let used = usage(&pipe).since(before);
    drop(pipe);
    remote.stop().await?;
    Ok(calls::per_call(&tally, &used))
}

async fn warm_up(pipe: &mut Pipe, under_way: usize, least: Duration) -> Result<(), Failure> {
    let (started, mut made) = (Instant::now(), 0.0);
    while started.elapsed() < least || (made < WARM_CALLS && started.elapsed() < WARM_LIMIT) {
        made += pipe.run(under_way, WARM_STEP).await?.calls();
    }
    Ok(())
}
