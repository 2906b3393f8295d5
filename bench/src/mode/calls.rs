//! Calls from open connections, as fast as they are answered.

use crate::{
    bench::Effort,
    failure::Failure,
    load::{Load, Shape, Tally},
    metric::{Metric, Values},
    procfs,
    proxy::Proxy,
    request::{Dialect, Tool},
    usage::Usage,
};

pub(super) async fn measure(
    effort: &Effort,
    proxy: &Proxy,
    shape: &Shape,
) -> Result<Values, Failure> {
    let mut load = Load::open(&proxy.target, shape).await?;
    load.run(effort.warm_up).await?;
    procfs::forget_peak_rss(proxy.pid());
    let before = proxy.usage();
    let tally = load.run(effort.span).await?;
    let used = proxy.usage().since(before);
    let mut values = per_call(&tally, &used);
    values.insert(Metric::PeakRss, megabytes(procfs::peak_rss(proxy.pid())));
    if shape.dialect == Dialect::Sse {
        values.insert(Metric::Misdelivered, f64::from(tally.misdelivered) / tally.calls());
    }
    if let Tool::Blob(bytes) = shape.tool {
        #[expect(clippy::cast_precision_loss, reason = "a megabyte")]
        let megabytes = bytes as f64 / 1e6;
        values.insert(Metric::MegabytesPerSecond, tally.per_second() * megabytes);
    }
    load.close().await?;
    Ok(values)
}

/// The cost per call during a stretch of load.
pub(super) fn per_call(tally: &Tally, used: &Usage) -> Values {
    let per_1k = |cpu: std::time::Duration| cpu.as_secs_f64() * 1e6 / tally.calls();
    Values::from([
        (Metric::CallsPerSecond, tally.per_second()),
        (Metric::P50, tally.percentile(50)),
        (Metric::P99, tally.percentile(99)),
        (Metric::CpuPerThousand, per_1k(used.proxy)),
        (Metric::ChildCpuPerThousand, per_1k(used.children)),
        (Metric::LoadCpuPerThousand, per_1k(used.load)),
        (Metric::ForeignCpu, used.foreign(tally.elapsed)),
    ])
}

/// KiB of `/proc` as MB.
#[expect(clippy::cast_precision_loss, reason = "far less than 2^52 KiB")]
pub(super) fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}
