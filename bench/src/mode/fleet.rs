//! Several servers on one port, against the same contestant with one of them.

use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::time::{sleep, timeout};

use super::calls;
use crate::{
    bench::{Bench, Effort},
    contestant::{Contestant, Fleet, Setup, several},
    failure::Failure,
    http::HttpConnection,
    load::{Load, PATIENCE, Shape},
    metric::{Metric, Values},
    procfs,
    proxy::Proxy,
    request::{Dialect, Target, Tool},
    session::{self, Session},
    stable::Stable,
};

/// Turns of each side.
const TURNS: u32 = 6;
/// Several servers are started side by side, and report it after the first answer.
const SETTLE: Duration = Duration::from_secs(1);
/// Changes in one measurement.
const CHANGES: usize = 5;

/// One of the two that are compared.
struct Side {
    pid: u32,
    load: Load,
    cpu: Duration,
    calls: f64,
    span: Duration,
}

impl Side {
    async fn open(proxy: &Proxy) -> Result<Self, Failure> {
        let load = Load::open(&proxy.target, &shape(32)).await?;
        let (cpu, span) = (Duration::ZERO, Duration::ZERO);
        Ok(Self { pid: proxy.pid(), load, cpu, calls: 0.0, span })
    }

    async fn turn(&mut self, span: Duration) -> Result<(), Failure> {
        let before = procfs::cpu(self.pid);
        let tally = self.load.run(span).await?;
        self.cpu += procfs::cpu(self.pid).saturating_sub(before);
        self.calls += tally.calls();
        self.span += tally.elapsed;
        Ok(())
    }

    fn per_call(&self) -> f64 {
        self.cpu.as_secs_f64() / self.calls
    }
}

/// Calls to one of several servers, alternating with calls to the only server of another process.
pub(super) async fn beside(
    bench: &Bench,
    stable: &mut Stable,
    contestant: Contestant,
    fleet: Fleet,
) -> Result<Values, Failure> {
    let several = stable.lead_out(bench, contestant, Setup::Fleet(fleet)).await?;
    let mut several = Side::open(several).await?;
    let mut single = Side::open(stable.lead_out(bench, contestant, Setup::Sessions).await?).await?;
    for side in [&mut single, &mut several] {
        side.load.run(bench.effort.warm_up).await?;
    }
    for _ in 0..TURNS {
        single.turn(bench.effort.span / 2).await?;
        several.turn(bench.effort.span / 2).await?;
    }
    let values = Values::from([
        (Metric::CpuOverSingle, several.per_call() / single.per_call()),
        (Metric::CpuPerThousand, several.per_call() * 1e6),
        (Metric::CallsPerSecond, several.calls / several.span.as_secs_f64()),
    ]);
    single.load.close().await?;
    several.load.close().await?;
    Ok(values)
}

/// Lists of several servers as one, one after the other.
pub(super) async fn lists(effort: &Effort, proxy: &Proxy, tools: usize) -> Result<Values, Failure> {
    let mut lister = Lister::open(&proxy.target).await?;
    let warm = Instant::now() + effort.warm_up;
    while Instant::now() < warm {
        expect(lister.list().await?, tools)?;
    }
    let (before, until, mut made) = (proxy.usage(), Instant::now() + effort.span, 0.0);
    while Instant::now() < until {
        expect(lister.list().await?, tools)?;
        made += 1.0;
    }
    let used = proxy.usage().since(before);
    lister.close().await?;
    Ok(Values::from([(Metric::CpuPerList, used.proxy.as_secs_f64() * 1e3 / made)]))
}

/// The cost of servers that nobody uses; the proxy's guard process is not counted as one.
pub(super) async fn lazy(bench: &Bench, contestant: Contestant) -> Result<Values, Failure> {
    let proxy = bench.start(contestant, Setup::Fleet(Fleet::Lazy)).await?;
    sleep(SETTLE).await;
    let echo = bench.places.echo();
    let is_server = |pid: &u32| procfs::program(*pid).is_some_and(|program| program == echo);
    let children = procfs::descendants(proxy.pid()).into_iter().filter(is_server).count();
    let resident = procfs::rss(proxy.pid());
    proxy.stop().await?;
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let children = children as f64;
    Ok(Values::from([(Metric::FreshRss, calls::megabytes(resident)), (Metric::Children, children)]))
}

/// One of many servers changes while others are called; every call must be answered.
pub(super) async fn reload(bench: &Bench, contestant: Contestant) -> Result<Values, Failure> {
    let setup = Setup::Fleet(Fleet::Large);
    let proxy = bench.start(contestant, setup).await?;
    sleep(SETTLE).await;
    let mut lister = Lister::open(&proxy.target).await?;
    let other =
        |stream_path, tool_prefix| Target { stream_path, tool_prefix, ..proxy.target.clone() };
    let mut named = Load::open(&other("/servers/s1/mcp", ""), &shape(1)).await?;
    let mut merged = Load::open(&other("/mcp", "s2__"), &shape(1)).await?;
    let changing = async {
        let mut taken = Vec::new();
        for change in 0..CHANGES {
            sleep(SETTLE / 10).await;
            taken.push(
                change_first(bench, &proxy, &mut lister, Fleet::Large.tools() + 1 + change).await?,
            );
        }
        Ok::<_, Failure>(taken)
    };
    let span = SETTLE * 2;
    let (mut taken, _, _) = tokio::try_join!(changing, named.run(span), merged.run(span))?;
    lister.close().await?;
    named.close().await?;
    merged.close().await?;
    proxy.stop().await?;
    taken.sort_unstable();
    Ok(Values::from([(Metric::Reload, taken[taken.len() / 2].as_secs_f64() * 1e3)]))
}

/// The first server gets this many tools; returns the time until its clients see them.
async fn change_first(
    bench: &Bench,
    proxy: &Proxy,
    lister: &mut Lister,
    tools: usize,
) -> Result<Duration, Failure> {
    let file = several::file(&bench.places, proxy.target.addr.port());
    several::write(&bench.places, &file, Fleet::Large, tools)?;
    let changed = Instant::now();
    proxy.reload()?;
    timeout(PATIENCE, async {
        while lister.list().await? != tools {}
        Ok(changed.elapsed())
    })
    .await?
}

fn expect(listed: usize, tools: usize) -> Result<(), Failure> {
    if listed == tools {
        return Ok(());
    }
    Err(Failure::wrong(&format!("{listed} of {tools} tools"), b""))
}

fn shape(connections: u64) -> Shape {
    let sessions = connections.min(8);
    Shape { dialect: Dialect::Streamable, connections, sessions, tool: Tool::Echo(32) }
}

/// A session that lists tools.
struct Lister {
    target: Target,
    connection: HttpConnection,
    session: Session,
}

impl Lister {
    async fn open(target: &Target) -> Result<Self, Failure> {
        let mut connection = HttpConnection::open(target.addr).await?;
        let session = Session::open(target, Dialect::Streamable, &mut connection).await?;
        Ok(Self { target: target.clone(), connection, session })
    }

    /// The number of tools.
    async fn list(&mut self) -> Result<usize, Failure> {
        let answer = session::list(&self.target, &self.session.route, &mut self.connection);
        let message = timeout(PATIENCE, answer).await??;
        Ok(memmem::find_iter(&message, b"\"inputSchema\"").count())
    }

    async fn close(mut self) -> Result<(), Failure> {
        session::close(&self.target, &self.session.route, &mut self.connection).await
    }
}
