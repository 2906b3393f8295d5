//! Sessions that are opened and held: memory of each, CPU to open one, and the cost of a call while
//! they are open. The process is cold, so that memory freed by earlier calls does not hide what
//! sessions use; its first growth falls into the first quarter, which does not count.

use std::time::{Duration, Instant};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::calls;
use crate::{
    bench::Bench,
    contestant::{Contestant, Setup},
    failure::Failure,
    http::HttpConnection,
    load::{Load, Shape},
    metric::{Metric, Values},
    procfs,
    request::{Dialect, Target, Tool},
    session::Session,
    stable,
};

const OPENERS: usize = 8;
/// Sessions that are not open by then are ignored.
const OPENING_LIMIT: Duration = Duration::from_secs(15);
const SETTLE: Duration = Duration::from_millis(300);

pub(super) async fn measure(
    bench: &Bench,
    contestant: Contestant,
    setup: Setup,
) -> Result<Values, Failure> {
    let proxy = bench.start(contestant, setup).await?;
    let first = open(&proxy.target, bench.effort.sessions / 4).await?;
    sleep(SETTLE).await;
    let (resident, before) = (procfs::rss(proxy.pid()), proxy.usage());
    let counted = open(&proxy.target, bench.effort.sessions - first).await?;
    let opening = proxy.usage().since(before);
    sleep(SETTLE).await;
    let holding = procfs::rss(proxy.pid());
    let children = procfs::children_memory(proxy.pid());
    let shape =
        Shape { dialect: Dialect::Streamable, connections: 8, sessions: 8, tool: Tool::Echo(32) };
    let mut load = Load::open(&proxy.target, &shape).await?;
    stable::warm_up(&mut load).await?;
    let before = proxy.usage();
    let tally = load.run(bench.effort.span).await?;
    let mut values = calls::per_call(&tally, &proxy.usage().since(before));
    proxy.stop().await?;
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let (counted, held) = (counted as f64, (first + counted) as f64);
    let gained = calls::megabytes(holding) - calls::megabytes(resident);
    values.extend([
        (Metric::SessionsHeld, held),
        (Metric::HeldRss, calls::megabytes(holding)),
        (Metric::HeldChildMemory, calls::megabytes(children)),
        (Metric::KilobytesPerSession, gained * 1e3 / counted),
        (Metric::CpuPerThousandSessions, opening.proxy.as_secs_f64() * 1e6 / counted),
    ]);
    Ok(values)
}

/// Opens sessions over a few connections and keeps them open; returns their number.
async fn open(target: &Target, sessions: usize) -> Result<usize, Failure> {
    let until = Instant::now() + OPENING_LIMIT;
    let mut openers = JoinSet::new();
    for opener in 0..OPENERS {
        let share = (sessions + opener) / OPENERS;
        let target = target.clone();
        openers.spawn(async move {
            let mut connection = HttpConnection::open(target.addr).await?;
            let mut opened = 0;
            while opened < share && Instant::now() < until {
                Session::open(&target, Dialect::Streamable, &mut connection).await?;
                opened += 1;
            }
            Ok::<usize, Failure>(opened)
        });
    }
    let joined = async {
        let mut opened = 0;
        while let Some(share) = openers.join_next().await {
            opened += share.map_err(std::io::Error::other)??;
        }
        Ok(opened)
    };
    timeout(OPENING_LIMIT * 2, joined).await?
}
