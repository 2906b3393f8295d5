//! A client requests a flood of notifications and never reads them: measures the memory, and the
//! effect on other clients.

use super::calls;
use crate::{
    bench::Bench,
    contestant::{Contestant, Setup},
    failure::Failure,
    lane::Lane,
    load::{Load, Shape},
    metric::{Metric, Values},
    procfs,
    request::{Dialect, Tool},
    stable,
};

/// 64 MiB a second.
const NOTIFICATION_BYTES: usize = 16 << 10;
const NOTIFICATIONS_PER_SECOND: u128 = 4096;

pub(super) async fn measure(bench: &Bench, contestant: Contestant) -> Result<Values, Failure> {
    let proxy = stable::start_warm(bench, contestant, Setup::Sessions).await?;
    let others =
        Shape { dialect: Dialect::Streamable, connections: 4, sessions: 4, tool: Tool::Echo(32) };
    let mut others = Load::open(&proxy.target, &others).await?;
    others.run(bench.effort.warm_up).await?;
    let millis = bench.effort.span.as_millis();
    let flood = Tool::Drip {
        count: u64::try_from(NOTIFICATIONS_PER_SECOND * millis / 1000).unwrap_or(u64::MAX),
        bytes: NOTIFICATION_BYTES,
        millis,
    };
    // Far from the ids of the other lanes.
    let (mut stalled, _) = Lane::open(&proxy.target, Dialect::Streamable, &flood, 500).await?;
    let resident = procfs::rss(proxy.pid());
    let before = proxy.usage();
    stalled.send().await?;
    let tally = others.run(bench.effort.span).await?;
    let used = proxy.usage().since(before);
    let grown = procfs::peak_rss(proxy.pid()).saturating_sub(resident);
    drop(stalled);
    proxy.stop().await?;
    let mut values = calls::per_call(&tally, &used);
    values.insert(Metric::GrowthRss, calls::megabytes(grown));
    Ok(values)
}
