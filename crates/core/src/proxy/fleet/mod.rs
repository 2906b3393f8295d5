//! Many servers behind one port: each under its name, all of them merged, and groups of them.
//!
//! A server is a chain of backends (`running`): one that starts it (`Late`), one that makes it
//! replaceable (`Replaceable`), and its rules (`Guarded`). The endpoints use the last of these, so
//! a change behind it applies to all of them (`roster`, `whole`). One task watches each server
//! (`watch`) and reports its state (`arrivals`).

mod arrivals;
mod means;
mod page;
mod readiness;
mod reload;
mod roster;
mod running;
mod shared;
mod streams;
mod survey;
mod watch;
mod whole;

pub use arrivals::{Arrival, Arrivals, Arrived};
pub use reload::Reloaded;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;

use self::{means::Means, readiness::FleetReadiness, roster::Roster, shared::Shared};
use crate::{
    cluster::Secrets,
    config::{ClusterConfig, FleetConfig},
    downstream::http::{Common, Meter, Routes},
    error::Error,
    host::Host,
    inspect::{Inspection, Inspector},
    proxy::{
        asked::keep_claims,
        ports::{CONNECTION_GRACE, Ports, Served},
    },
    relay::merged::Seal,
    tunnel::{self, Tunnel},
    upstream::Guard,
};

/// Most servers that start at a time; servers that a client needs do not wait for the others.
const STARTING_AT_A_TIME: usize = 8;

/// A running fleet. It does not end by itself, even if all its servers end.
#[derive(Debug)]
pub struct Fleet {
    shared: Arc<Shared>,
    ports: Option<Ports>,
    arrivals: Option<Arrivals>,
}

impl Fleet {
    /// Opens the port and begins to start the servers; does not wait for them. Needs a runtime.
    ///
    /// # Errors
    /// The port cannot be opened, or not with this configuration. Failures of servers are reported
    /// by [`Self::arrivals`].
    pub fn start(
        config: FleetConfig,
        guard: Option<Guard>,
        host: Option<Arc<dyn Host>>,
    ) -> Result<Self, Error> {
        if config.metrics.on_front && !config.http.asks_who_calls() {
            return Err(Error::OpenMetrics);
        }
        let config = asking(config);
        let (http, metrics) = (config.http.clone(), config.metrics.clone());
        let mut fleet = Self::resting(guard, http.cluster.as_ref())?;
        let shared = Arc::clone(&fleet.shared);
        let routes = move |_: &_, common: &Arc<Common>| {
            let common = shared.means.common.get_or_init(|| Arc::clone(common));
            tracing::trace!(?common, "endpoints are made with this");
            shared.begin(config)
        };
        let served = Served {
            routes: Box::new(routes),
            readiness: Arc::new(FleetReadiness(Arc::clone(&fleet.shared))),
            host,
        };
        let ports = Ports::open(&http, &metrics, served)?;
        fleet.shared.port.get_or_init(|| Arc::downgrade(ports.port()));
        fleet.ports = Some(ports);
        Ok(fleet)
    }

    /// The same without a port, for [`Self::run_on_standard_streams`].
    pub fn start_without_port(config: FleetConfig, guard: Option<Guard>) -> Result<Self, Error> {
        let fleet = Self::resting(guard, None)?;
        drop(fleet.shared.begin(asking(config)));
        Ok(fleet)
    }

    fn resting(guard: Option<Guard>, cluster: Option<&ClusterConfig>) -> Result<Self, Error> {
        let no_numbers = || Error::Server("the system provides no random numbers".to_owned());
        let (arrived, arrivals) = arrivals::channel();
        let seal = cluster.and_then(common_seal).or_else(Seal::random);
        let seal = Arc::new(seal.ok_or_else(no_numbers)?);
        let shared = Arc::new(Shared::new(Means {
            guard,
            seal,
            arrived,
            starting: Arc::new(Semaphore::new(STARTING_AT_A_TIME)),
            leaving: TaskTracker::new(),
            common: OnceLock::new(),
        }));
        Ok(Self { shared, ports: None, arrivals: Some(arrivals) })
    }

    /// Waits for the store that replicas share, if there is one.
    ///
    /// # Errors
    /// The store cannot be used; the text says why.
    pub fn check_store(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            match &self.ports {
                Some(ports) => ports.check_store().await,
                None => Ok(()),
            }
        })
    }

    /// The address on which it listens, if there is a port.
    pub fn address(&self) -> Option<SocketAddr> {
        Some(self.ports.as_ref()?.address())
    }

    /// Reads everything that is counted, if there is a port.
    pub fn meter(&self) -> Option<Meter> {
        Some(self.ports.as_ref()?.meter())
    }

    /// The address of the metrics' own port, if they have one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.ports.as_ref()?.metrics_address()
    }

    /// The start of each server; nothing is missed. For a single reader: another one gets nothing.
    pub fn arrivals(&mut self) -> Arrivals {
        self.arrivals.take().unwrap_or_else(|| arrivals::channel().1)
    }

    /// Gives the port a public URL; see [`Proxy::open_tunnel`](crate::Proxy::open_tunnel).
    pub fn open_tunnel(
        &self,
        config: tunnel::Config,
    ) -> BoxFuture<'_, Result<Tunnel, tunnel::Error>> {
        Box::pin(async move {
            match &self.ports {
                Some(ports) => ports.open_tunnel(config).await,
                None => Err(tunnel::Error::Client("no port is open".to_owned())),
            }
        })
    }

    /// Opens the inspection page, with a console for all servers as one.
    pub fn inspect(&self, inspection: Inspection) -> Result<Inspector, Error> {
        let whole = Arc::clone(&self.shared.roster().all.whole);
        inspection.open_with(Some(whole))
    }

    /// Ends everything: sessions, connections, the servers and everything that they have started.
    pub fn close(self) -> BoxFuture<'static, ()> {
        let budget = self.shared.roster().config.graceful_shutdown_timeout;
        let grace = CONNECTION_GRACE.min(budget / 2);
        Box::pin(async move {
            let begun = Instant::now();
            if let Some(ports) = self.ports {
                ports.hand_over(budget / 2).await;
                ports.close(grace).await;
            }
            self.shared.stop(budget.saturating_sub(begun.elapsed().max(grace))).await;
        })
    }
}

/// The seals of all replicas. Secrets that cannot be used are refused when the port is opened.
fn common_seal(cluster: &ClusterConfig) -> Option<Seal> {
    let secrets = Secrets::parse(&cluster.secret).ok()?;
    Seal::of(&secrets.derive(b"mcp-proxy seals of a fleet"))
}

impl Shared {
    async fn stop(&self, budget: Duration) {
        let roster = self.roster();
        let stopping = join_all(roster.servers.iter().map(|server| server.late.end(budget)));
        let leaving = &self.means.leaving;
        leaving.close();
        drop(timeout(budget, futures_util::future::join(stopping, leaving.wait())).await);
    }

    /// Begins with this configuration.
    fn begin(self: &Arc<Self>, config: FleetConfig) -> Routes {
        let roster = Arc::new(Roster::begin(&self.means, config));
        self.serve(Arc::clone(&roster));
        for server in &roster.servers {
            watch::begin(self, server);
        }
        self.routes(&roster)
    }
}

/// The configuration; callers are asked for the claims that its servers use.
fn asking(mut config: FleetConfig) -> FleetConfig {
    let FleetConfig { http, servers, .. } = &mut config;
    let enabled = servers.iter().filter(|server| server.enabled);
    keep_claims(&mut http.auth, enabled.map(|it| (it.upstream.as_ref().ok(), &it.policy)));
    config
}
