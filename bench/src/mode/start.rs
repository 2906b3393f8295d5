//! Spawn to the first answered `initialize`, and memory before and after some calls.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::calls;
use crate::{
    bench::Bench,
    contestant::{Contestant, Places, Setup},
    failure::Failure,
    load::{Load, Shape},
    metric::{Metric, Values},
    procfs,
    request::{self, Dialect, Tool},
};

const CALLS: usize = 2_000;
const SETTLE: Duration = Duration::from_millis(200);

pub(super) async fn measure(bench: &Bench, contestant: Contestant) -> Result<Values, Failure> {
    let mut colds = Vec::new();
    let mut servers = Vec::new();
    for _ in 1..bench.effort.starts {
        let proxy = bench.start(contestant, Setup::Sessions).await?;
        colds.push(proxy.cold_start);
        proxy.stop().await?;
        servers.push(server_start(&bench.places)?);
    }
    let proxy = bench.start(contestant, Setup::Sessions).await?;
    colds.push(proxy.cold_start);
    servers.push(server_start(&bench.places)?);
    let started = procfs::cpu(proxy.pid());
    sleep(SETTLE).await;
    let fresh = procfs::rss(proxy.pid());
    let shape =
        Shape { dialect: Dialect::Streamable, connections: 1, sessions: 1, tool: Tool::Echo(32) };
    let mut load = Load::open(&proxy.target, &shape).await?;
    load.calls(CALLS).await?;
    sleep(SETTLE).await;
    let used = procfs::rss(proxy.pid());
    load.close().await?;
    proxy.stop().await?;
    let cold = middle(colds);
    Ok(Values::from([
        (Metric::ColdStart, cold),
        (Metric::StartOverhead, cold - middle(servers)),
        (Metric::StartCpu, started.as_secs_f64() * 1e3),
        (Metric::FreshRss, calls::megabytes(fresh)),
        (Metric::UsedRss, calls::megabytes(used)),
    ]))
}

/// The same for the server alone, over its pipes.
fn server_start(places: &Places) -> Result<Duration, Failure> {
    let spawned = Instant::now();
    let mut server = Command::new(places.build.join("echo"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let pipes = server.stdin.take().zip(server.stdout.take());
    let (mut stdin, stdout) = pipes.ok_or_else(|| io::Error::other("no pipes"))?;
    writeln!(stdin, "{}", request::initialize(1))?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let answered = spawned.elapsed();
    drop(stdin);
    server.wait()?;
    Ok(answered)
}

fn middle(mut durations: Vec<Duration>) -> f64 {
    durations.sort_unstable();
    durations[durations.len() / 2].as_secs_f64() * 1e3
}
