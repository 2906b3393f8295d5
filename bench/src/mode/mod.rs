//! The table of modes. Loads run on the round's contestants; measurements of memory or start-up
//! start their own contestants, so that no measurement affects the next one.

mod calls;
mod fleet;
mod large;
mod progress;
mod remote;
mod sessions;
mod slow_reader;
mod start;

use crate::{
    bench::Bench,
    contestant::{Contestant, Fleet, Setup},
    failure::Failure,
    load::Shape,
    metric::Values,
    pin::Pin,
    request::{Dialect, Tool},
    stable::Stable,
};

/// One row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Mode {
    /// The name on the command line and in `results.json`.
    pub(crate) name: &'static str,
    setup: Setup,
    /// Contestant, server and load generator share one CPU.
    pinned: bool,
    work: Work,
}

#[derive(Clone, Debug)]
enum Work {
    Calls(Shape),
    Progress,
    SlowReader,
    Sessions,
    Start,
    /// Small calls beside large ones.
    Large,
    /// This many calls under way, from stdio to a remote server.
    Remote(usize),
    /// Calls to one of several servers, alternating with calls to one alone.
    Beside(Fleet),
    /// Lists of several servers as one.
    Lists,
    /// Servers that nobody uses.
    Lazy,
    /// One of many servers changes.
    Reload,
}

/// Every mode, in the order of the table.
pub(crate) fn all() -> Vec<Mode> {
    let calls = |name, dialect, connections, tool| Mode {
        name,
        setup: match dialect {
            Dialect::Streamable | Dialect::Modern => Setup::Sessions,
            Dialect::Stateless => Setup::Stateless,
            Dialect::Sse => Setup::Sse,
        },
        pinned: false,
        work: Work::Calls(Shape { dialect, connections, sessions: connections.min(8), tool }),
    };
    let small = || Tool::Echo(32);
    let special = |name, work| Mode { name, setup: Setup::Sessions, pinned: false, work };
    let fleet = |name, work, fleet| Mode { setup: Setup::Fleet(fleet), ..special(name, work) };
    let node = |name, setup| Mode { setup, ..calls(name, Dialect::Streamable, 32, small()) };
    let node_v2 = |name, work| Mode { setup: Setup::NodeV2, ..special(name, work) };
    vec![
        special("start", Work::Start),
        calls("c1", Dialect::Streamable, 1, small()),
        Mode { pinned: true, ..calls("c1-pin", Dialect::Streamable, 1, small()) },
        calls("c32", Dialect::Streamable, 32, small()),
        calls("c32-4k", Dialect::Streamable, 32, Tool::Echo(4 << 10)),
        calls("c8-64k", Dialect::Streamable, 8, Tool::Echo(64 << 10)),
        calls("stateless", Dialect::Stateless, 32, small()),
        calls("modern", Dialect::Modern, 32, small()),
        calls("sse", Dialect::Sse, 32, small()),
        calls("blob-1m", Dialect::Streamable, 4, Tool::Blob(1 << 20)),
        special("progress", Work::Progress),
        special("slow-reader", Work::SlowReader),
        special("sessions", Work::Sessions),
        special("remote-c1", Work::Remote(1)),
        special("remote-c32", Work::Remote(32)),
        fleet("fleet-named", Work::Beside(Fleet::Named), Fleet::Named),
        fleet("fleet-merged", Work::Beside(Fleet::Merged), Fleet::Merged),
        fleet("fleet-list", Work::Lists, Fleet::Long),
        fleet("fleet-lazy", Work::Lazy, Fleet::Lazy),
        fleet("fleet-reload", Work::Reload, Fleet::Large),
        fleet("fleet-sessions", Work::Sessions, Fleet::Merged),
        node("node-v1", Setup::NodeV1),
        node("node-v2", Setup::NodeV2),
        Mode { setup: Setup::NodeV1, ..calls("node-v1-modern", Dialect::Modern, 32, small()) },
        node("node-upstream", Setup::NodeUpstream),
        node_v2("node-large", Work::Large),
        node_v2("node-sessions", Work::Sessions),
    ]
}

impl Mode {
    /// Measures one contestant once.
    pub(crate) async fn measure(
        &self,
        bench: &Bench,
        stable: &mut Stable,
        contestant: Contestant,
    ) -> Result<Values, Failure> {
        let measured = self.attempt(bench, stable, contestant).await;
        if measured.is_err() {
            stable.discard(contestant, self.setup);
        }
        measured
    }

    async fn attempt(
        &self,
        bench: &Bench,
        stable: &mut Stable,
        contestant: Contestant,
    ) -> Result<Values, Failure> {
        match &self.work {
            Work::Calls(shape) => {
                let proxy = stable.lead_out(bench, contestant, self.setup).await?;
                let _pinned = self.pinned.then(|| Pin::with(proxy.pid())).transpose()?;
                let measured = calls::measure(&bench.effort, proxy, shape).await;
                measured.map_err(|failure| unless_served(failure, shape.dialect))
            }
            Work::Progress => {
                let proxy = stable.lead_out(bench, contestant, self.setup).await?;
                progress::measure(&bench.effort, proxy).await
            }
            Work::SlowReader => slow_reader::measure(bench, contestant).await,
            Work::Sessions => sessions::measure(bench, contestant, self.setup).await,
            Work::Large => {
                let proxy = stable.lead_out(bench, contestant, self.setup).await?;
                large::measure(&bench.effort, proxy).await
            }
            Work::Remote(under_way) => remote::measure(bench, contestant, *under_way).await,
            Work::Start => start::measure(bench, contestant).await,
            Work::Beside(of) => fleet::beside(bench, stable, contestant, *of).await,
            Work::Lists => {
                let proxy = stable.lead_out(bench, contestant, self.setup).await?;
                fleet::lists(&bench.effort, proxy, Fleet::Long.all_tools()).await
            }
            Work::Lazy => fleet::lazy(bench, contestant).await,
            Work::Reload => fleet::reload(bench, contestant).await,
        }
    }
}

/// A refused revision means that it is not supported.
fn unless_served(failure: Failure, dialect: Dialect) -> Failure {
    match failure {
        Failure::Status { status: 400..500, .. } if dialect == Dialect::Modern => {
            Failure::NotServed("not served")
        }
        other => other,
    }
}
