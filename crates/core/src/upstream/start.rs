//! Starts what is configured: the one place where the kind of backend is chosen.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};

use super::{
    Guard, Nursery, Remote, ServerPool, Supervisor, Upstream, claims,
    late::Late,
    program,
    shares::{Shared, Shares},
};
use crate::{
    config::{self, Isolation, UpstreamConfig, UpstreamProtocol},
    era::Era,
    error::Error,
    relay::{Backend, Dedicated, OnDemand, Readiness},
};

/// Starts what is configured. With `listen_early` this does not wait for a handshake; clients that
/// come earlier wait instead. The guard ends what was started if the proxy is killed.
pub(crate) async fn start(
    config: &config::Upstream,
    guard: Option<Guard>,
) -> Result<Box<dyn Upstream>, Error> {
    let config = match config {
        config::Upstream::Command(config) => config,
        config::Upstream::Remote(config) => return Ok(Box::new(Remote::new(config)?)),
    };
    claims::check(config)?;
    if config.isolation == Isolation::Identity {
        return Ok(Box::new(ServerPool::of_identities(config, guard).await?));
    }
    if config.isolation == Isolation::Shared {
        return Ok(Box::new(Supervisor::start(UpstreamConfig::clone(config), guard).await?));
    }
    if config.listen_early && config.protocol == UpstreamProtocol::Auto {
        return Ok(Box::new(late(UpstreamConfig::clone(config), guard)?));
    }
    unshared(config, guard).await
}

/// Servers that are not shared and whose era is unknown; one is started at once to find it out.
/// If the command cannot be started, this fails at once.
fn late(config: UpstreamConfig, guard: Option<Guard>) -> Result<Late, Error> {
    program::check(&config.command)?;
    let config = Arc::new(config);
    let launch = move || {
        let (config, guard) = (Arc::clone(&config), guard.clone());
        async move { unshared(&config, guard).await }.boxed()
    };
    let late = Late::resting(Box::new(launch), None, None);
    late.begin();
    Ok(late)
}

/// Servers of whichever era they speak.
async fn unshared(
    config: &UpstreamConfig,
    guard: Option<Guard>,
) -> Result<Box<dyn Upstream>, Error> {
    let nursery = Nursery::start(config, guard).await?;
    Ok(match nursery.era() {
        Era::Legacy => {
            let backend = nursery.backend(config);
            Box::new(Unshared { backend, nursery, shares: Shares::of(config) })
        }
        Era::Modern => Box::new(ServerPool::new(nursery, config)),
    })
}

impl Upstream for Supervisor {
    fn backend(&self) -> Arc<dyn Backend> {
        self.shared()
    }

    fn readiness(&self) -> Arc<dyn Readiness> {
        self.shared()
    }

    fn name(&self) -> Option<String> {
        self.shared().server_name()
    }

    fn ended(&self) -> BoxFuture<'static, String> {
        let shared = self.shared();
        Box::pin(async move { shared.ended().await.message })
    }

    fn stop(self: Box<Self>, budget: Duration) -> BoxFuture<'static, ()> {
        Box::pin((*self).stop(budget))
    }
}

/// Servers of the 2025 era, each with one client.
#[derive(Debug)]
struct Unshared {
    nursery: Nursery,
    backend: Arc<Dedicated>,
    shares: Arc<Shares>,
}

impl Upstream for Unshared {
    fn backend(&self) -> Arc<dyn Backend> {
        let (backend, shares) = (Arc::<Dedicated>::clone(&self.backend), Arc::clone(&self.shares));
        Arc::new(Shared { backend, shares })
    }

    fn readiness(&self) -> Arc<dyn Readiness> {
        Arc::new(self.nursery.clone())
    }

    fn stop(self: Box<Self>, budget: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.nursery.stop(budget))
    }
}

impl Upstream for ServerPool {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(Shared { backend: Arc::new(self.clone()), shares: self.shares() })
    }

    fn readiness(&self) -> Arc<dyn Readiness> {
        Arc::new(self.clone())
    }

    fn stop(self: Box<Self>, budget: Duration) -> BoxFuture<'static, ()> {
        Box::pin((*self).stop(budget))
    }
}

impl Upstream for Remote {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(self.clone())
    }

    fn readiness(&self) -> Arc<dyn Readiness> {
        Arc::new(OnDemand)
    }

    fn stop(self: Box<Self>, budget: Duration) -> BoxFuture<'static, ()> {
        Box::pin((*self).stop(budget))
    }
}
