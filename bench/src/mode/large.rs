//! What small calls notice of large ones that go by at the same time.

use super::Effort;
use crate::{
    failure::Failure,
    load::{Load, Shape},
    metric::{Metric, Values},
    proxy::Proxy,
    request::{Dialect, Tool},
};

const LARGE: usize = 1 << 20;

pub(super) async fn measure(effort: &Effort, proxy: &Proxy) -> Result<Values, Failure> {
    let shape = |connections, tool| Shape {
        dialect: Dialect::Streamable,
        connections,
        sessions: connections,
        tool,
    };
    let mut large = Load::open(&proxy.target, &shape(2, Tool::Echo(LARGE))).await?;
    let mut small = Load::open(&proxy.target, &shape(4, Tool::Echo(32))).await?;
    large.run(effort.warm_up).await?;
    let (others, _) = tokio::try_join!(small.run(effort.span), large.run(effort.span))?;
    large.close().await?;
    small.close().await?;
    Ok(Values::from([
        (Metric::CallsPerSecond, others.per_second()),
        (Metric::P50, others.percentile(50)),
        (Metric::P99, others.percentile(99)),
    ]))
}
