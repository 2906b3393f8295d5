//! The servers of a file behind one port, with changes of the file.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use mcp_proxy_cli::Servers;
use mcp_proxy_core::{
    Error, Fleet, Guard,
    config::FleetConfig,
    host::Host,
    tunnel::{self, Tunnel},
};
use tokio::sync::oneshot;

use crate::options::{Options, Place};

/// A fleet that follows its file.
pub(crate) struct Followed {
    fleet: Arc<Fleet>,
    /// Dropping it ends that.
    following: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    /// The tunnel that the file configures.
    tunnel: Option<tunnel::Config>,
}

impl Followed {
    /// Opens the port and begins to start the servers.
    pub(crate) async fn start(
        options: Options,
        guard: Option<Guard>,
        host: Option<Arc<dyn Host>>,
    ) -> Result<Self, Error> {
        let (servers, config) = read(&options).map_err(Error::Server)?;
        let fleet = Fleet::start(options.over(config), guard, host)?;
        if let Err(error) = fleet.check_store().await {
            fleet.close().await;
            return Err(error);
        }
        let fleet = Arc::new(fleet);
        let tunnel = options.or_tunnel(servers.tunnel());
        let (following, ended) = oneshot::channel();
        let task = tokio::spawn(follow(Arc::clone(&fleet), servers, options, ended));
        Ok(Self { fleet, following, task, tunnel })
    }

    /// The configured tunnel.
    pub(crate) fn tunnel(&self) -> Option<tunnel::Config> {
        self.tunnel.clone()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        self.fleet.address().unwrap_or(nowhere)
    }

    pub(crate) async fn open_tunnel(
        &self,
        config: tunnel::Config,
    ) -> Result<Tunnel, tunnel::Error> {
        self.fleet.open_tunnel(config).await
    }

    pub(crate) async fn close(self) {
        drop(self.following);
        drop(self.task.await);
        if let Some(fleet) = Arc::into_inner(self.fleet) {
            fleet.close().await;
        }
    }
}

fn read(options: &Options) -> Result<(Servers, FleetConfig), String> {
    match options.fleet.as_ref().map(|fleet| fleet.place.clone()) {
        Some(Place::File(file)) => Servers::of_file(&file),
        Some(Place::Text(text)) => Servers::of_text(text),
        None => Err("no servers are configured".to_owned()),
    }
}

async fn follow(
    fleet: Arc<Fleet>,
    mut servers: Servers,
    options: Options,
    mut ended: oneshot::Receiver<()>,
) {
    loop {
        let changed = tokio::select! {
            changed = servers.changed() => changed,
            _ = &mut ended => return,
        };
        match changed {
            Ok(config) => match fleet.reload(options.over(config)) {
                Ok(reloaded) => tracing::debug!(?reloaded, "the configuration has changed"),
                Err(error) => tracing::warn!("the configuration cannot be used: {error}"),
            },
            Err(problem) => {
                tracing::warn!(
                    "the configuration cannot be used, so the servers go on as before: {problem}"
                );
                fleet.reload_failed(problem);
            }
        }
    }
}
