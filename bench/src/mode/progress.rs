//! Progress notifications sent at once through one call: their rate, and whether all arrive.

use std::time::Instant;

use tokio::time::timeout;

use crate::{
    bench::Effort,
    failure::Failure,
    lane::Lane,
    metric::{Metric, Values},
    proxy::Proxy,
    request::{Dialect, Tool},
};

const PER_CALL: u64 = 20_000;
const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

pub(super) async fn measure(effort: &Effort, proxy: &Proxy) -> Result<Values, Failure> {
    let tool = Tool::Progress(PER_CALL);
    let (mut lane, _) = Lane::open(&proxy.target, Dialect::Streamable, &tool, 0).await?;
    timeout(LIMIT, lane.call_with_progress()).await??;
    let before = proxy.usage();
    let started = Instant::now();
    let (mut calls, mut received) = (0_u32, 0);
    while calls == 0 || started.elapsed() < effort.span {
        received += timeout(LIMIT, lane.call_with_progress()).await??;
        calls += 1;
    }
    let elapsed = started.elapsed();
    let used = proxy.usage().since(before);
    #[expect(clippy::cast_precision_loss, reason = "far less than 2^52 notifications")]
    let (sent, received) = ((u64::from(calls) * PER_CALL) as f64, received as f64);
    let mut values = Values::from([
        (Metric::NotificationsPerSecond, received / elapsed.as_secs_f64()),
        (Metric::NotificationsLost, (sent - received) / f64::from(calls)),
        (Metric::ForeignCpu, used.foreign(elapsed)),
    ]);
    // Dropping them is cheap, which must not count as fast.
    if received > 0.0 {
        let cpu = used.proxy.as_secs_f64() * 1e6 / received;
        values.insert(Metric::CpuPerThousandNotifications, cpu);
    }
    Ok(values)
}
