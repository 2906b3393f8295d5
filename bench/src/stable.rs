//! The contestants that run in a round: started and warmed up once, then measured mode by mode.
//! Idle ones cost nothing worth speaking of.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::{Duration, Instant},
};

use crate::{
    bench::Bench,
    contestant::{Contestant, Setup},
    failure::Failure,
    load::{Load, Shape},
    proxy::Proxy,
    request::{Dialect, Tool},
};

/// Calls after which compilers have compiled what is hot.
pub(crate) const WARM_CALLS: f64 = 2_000.0;
pub(crate) const WARM_LIMIT: Duration = Duration::from_secs(4);
pub(crate) const WARM_STEP: Duration = Duration::from_millis(100);

/// Running contestants.
#[derive(Debug, Default)]
pub(crate) struct Stable {
    running: BTreeMap<(Contestant, Setup), Proxy>,
}

impl Stable {
    /// A warm contestant, started if need be.
    pub(crate) async fn lead_out(
        &mut self,
        bench: &Bench,
        contestant: Contestant,
        setup: Setup,
    ) -> Result<&Proxy, Failure> {
        match self.running.entry((contestant, setup)) {
            Entry::Occupied(running) => Ok(running.into_mut()),
            Entry::Vacant(stall) => Ok(stall.insert(start_warm(bench, contestant, setup).await?)),
        }
    }

    /// Ends a contestant that failed; the next mode gets a fresh one.
    pub(crate) fn discard(&mut self, contestant: Contestant, setup: Setup) {
        self.running.remove(&(contestant, setup));
    }

    /// Ends them all.
    pub(crate) async fn clear(&mut self) -> Result<(), Failure> {
        while let Some((_, proxy)) = self.running.pop_first() {
            proxy.stop().await?;
        }
        Ok(())
    }
}

/// Starts a contestant and calls it until it is warm.
pub(crate) async fn start_warm(
    bench: &Bench,
    contestant: Contestant,
    setup: Setup,
) -> Result<Proxy, Failure> {
    let proxy = bench.start(contestant, setup).await?;
    let dialect = match setup {
        Setup::Stateless => Dialect::Stateless,
        Setup::Sse => Dialect::Sse,
        _ => Dialect::Streamable,
    };
    let shape = Shape { dialect, connections: 8, sessions: 8, tool: Tool::Echo(32) };
    let mut load = Load::open(&proxy.target, &shape).await?;
    warm_up(&mut load).await?;
    load.close().await?;
    Ok(proxy)
}

/// Calls until compilers have compiled what is hot.
pub(crate) async fn warm_up(load: &mut Load) -> Result<(), Failure> {
    let (started, mut calls) = (Instant::now(), 0.0);
    while calls < WARM_CALLS && started.elapsed() < WARM_LIMIT {
        calls += load.run(WARM_STEP).await?.calls();
    }
    Ok(())
}
