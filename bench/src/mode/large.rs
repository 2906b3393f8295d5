//! The effect of large calls on simultaneous small calls and on the event loop.

use crate::{
    bench::Effort,
    failure::Failure,
    http::HttpConnection,
    load::{Load, Shape},
    metric::{Metric, Values},
    proxy::Proxy,
    request::{Dialect, Target, Tool},
    session::{self, Session},
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
    event_loop_delay(&proxy.target).await?;
    let (others, _) = tokio::try_join!(small.run(effort.span), large.run(effort.span))?;
    let delay = event_loop_delay(&proxy.target).await?;
    large.close().await?;
    small.close().await?;
    Ok(Values::from([
        (Metric::CallsPerSecond, others.per_second()),
        (Metric::P50, others.percentile(50)),
        (Metric::P99, others.percentile(99)),
        (Metric::EventLoopDelay, delay),
    ]))
}

/// The delay since the last call of this, in ms.
async fn event_loop_delay(target: &Target) -> Result<f64, Failure> {
    let mut connection = HttpConnection::open(target.addr).await?;
    let opened = Session::open(target, Dialect::Streamable, &mut connection).await?;
    let text = session::ask(target, &opened.route, &mut connection, "event_loop_delay").await?;
    session::close(target, &opened.route, &mut connection).await?;
    text.parse().map_err(|_| Failure::wrong("event_loop_delay", text.as_bytes()))
}
