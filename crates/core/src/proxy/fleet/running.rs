//! One server of a fleet, from its start to what its clients connect to.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared as SharedFuture, ready},
};

use tokio::sync::Notify;

use super::{arrivals::Arrived, means::Means};
use crate::{
    config::{
        FleetConfig, Isolation, RemoteTransport, RestartConfig, RestartWhen, ServerConfig,
        Upstream, segment,
    },
    downstream::http::{Mount, Paths},
    error::Error,
    fleet::printable,
    relay::{
        Backend, Entitled, Exchange, Leaving, Readiness as _, Replaceable, Unready,
        merged::{Guarded, Server},
    },
    upstream::{Late, start},
};

/// See the module. A reload that changes it creates another one, of the same parts.
pub(super) struct Running {
    pub(super) config: ServerConfig,
    pub(super) late: Late,
    pub(super) replaceable: Arc<Replaceable>,
    pub(super) guarded: Arc<Guarded>,
    /// As it is merged with others.
    pub(super) merged: Arc<Server>,
    /// Its own endpoint; `None` without a port.
    pub(super) mount: Option<Arc<Mount>>,
    pub(super) known: Arc<Known>,
    /// Whether its callers are known.
    keyed: bool,
    /// Exchanges with other replicas how much its callers have used.
    exchange: Option<Arc<dyn Exchange>>,
}

/// What was found out about a server.
#[derive(Debug, Default)]
pub(super) struct Known {
    outcome: Mutex<Option<Result<Arrived, String>>>,
    changed: Notify,
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, Option<Result<Arrived, String>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known may be outdated.
    pub(super) fn is_old(&self) {
        self.changed.notify_one();
    }

    /// Waits until that is so.
    pub(super) async fn grows_old(&self) {
        self.changed.notified().await;
    }

    /// Stores this; returns what was known before.
    pub(super) fn replace(
        &self,
        outcome: Result<Arrived, String>,
    ) -> Option<Result<Arrived, String>> {
        self.lock().replace(outcome)
    }

    pub(super) fn get(&self) -> Option<Result<Arrived, String>> {
        self.lock().clone()
    }
}

/// What must happen before a server is started.
pub(super) type Turn = SharedFuture<BoxFuture<'static, ()>>;

/// Nothing.
pub(super) fn at_once() -> Turn {
    ready(()).boxed().shared()
}

impl Running {
    /// A server that was not started yet.
    pub(super) fn new(means: &Means, fleet: &FleetConfig, config: ServerConfig) -> Arc<Self> {
        let late = late(means, &config, at_once());
        let keyed = fleet.http.asks_who_calls();
        let exchange = means.common().and_then(|common| common.exchange(&config.name));
        let replaceable = Replaceable::new(served(&late, &config, keyed, exchange.as_ref()));
        let guarded = Guarded::new(Arc::clone(&replaceable) as Arc<dyn Backend>, &config.rules);
        let backend = || Arc::clone(&guarded) as Arc<dyn Backend>;
        let merged = Server::new(config.name.clone(), backend(), config.lazy);
        let paths = Paths::below(&format!("/servers/{}", segment(&config.name)), &fleet.http);
        let mount = means.common().map(|common| {
            let whose = common.whose(&printable(&config.name));
            Mount::counted(&fleet.http, paths, backend(), common, whose)
        });
        let known = Arc::default();
        Arc::new(Self { config, late, replaceable, guarded, merged, mount, known, keyed, exchange })
    }

    /// The replaceable part.
    pub(super) fn backend(&self) -> Arc<dyn Backend> {
        served(&self.late, &self.config, self.keyed, self.exchange.as_ref())
    }

    /// The same server with other settings.
    pub(super) fn retuned(&self, means: &Means, config: ServerConfig, keyed: bool) -> Arc<Self> {
        if self.config.rules != config.rules {
            self.guarded.retune(&config.rules);
            self.known.is_old();
        }
        let readmits = self.keyed != keyed || self.config.policy != config.policy;
        let other = self.with(config, self.late.clone(), keyed);
        if readmits {
            let leaving = self.replaceable.replace(other.backend());
            self.replaceable.tell_changes();
            means.leaving.spawn(async move { leaving.close_when_answered().await }.boxed());
        }
        Arc::new(other)
    }

    /// Whether it continues unchanged.
    pub(super) fn is(&self, config: &ServerConfig, keyed: bool) -> bool {
        self.config == *config && self.keyed == keyed
    }

    /// Another server with the same name, for the same clients. It is started after the previous
    /// one has answered its calls and has ended.
    pub(super) fn replaced(
        &self,
        means: &Means,
        config: ServerConfig,
        (keyed, grace): (bool, Duration),
    ) -> Arc<Self> {
        let (before, leaving) = (self.late.clone(), Arc::new(Mutex::new(None::<Leaving>)));
        let left = Arc::clone(&leaving);
        let gone: Turn = async move {
            let leaving = left.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(leaving) = &leaving {
                leaving.answered(grace).await;
            }
            before.end(grace).await;
            if let Some(leaving) = leaving {
                leaving.close();
            }
        }
        .boxed()
        .shared();
        let late = late(means, &config, gone.clone());
        *leaving.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(self.replaceable.replace(served(&late, &config, keyed, self.exchange.as_ref())));
        means.leaving.spawn(gone);
        self.merged.renew(config.lazy);
        self.guarded.retune(&config.rules);
        let other = self.with(config, late, keyed);
        Arc::new(Self { known: Arc::default(), ..other })
    }

    fn with(&self, config: ServerConfig, late: Late, keyed: bool) -> Self {
        Self {
            config,
            late,
            replaceable: Arc::clone(&self.replaceable),
            guarded: Arc::clone(&self.guarded),
            merged: Arc::clone(&self.merged),
            mount: self.mount.clone(),
            known: Arc::clone(&self.known),
            keyed,
            exchange: self.exchange.clone(),
        }
    }

    /// Lets it finish its calls, then ends it; `forget` is called at the end.
    pub(super) fn leave(
        self: &Arc<Self>,
        means: &Means,
        grace: Duration,
        forget: impl FnOnce(&Self) + Send + 'static,
    ) {
        if let Some(mount) = &self.mount {
            mount.retire();
        }
        let (server, late) = (Arc::clone(self), self.late.clone());
        let leaving = self.replaceable.replace(Arc::new(late.clone()));
        means.leaving.spawn(
            async move {
                leaving.answered(grace).await;
                late.end(grace).await;
                leaving.close();
                forget(&server);
            }
            .boxed(),
        );
    }

    /// Its name in the file.
    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    /// The same, for metrics and logs.
    pub(super) fn label(&self) -> String {
        printable(self.name())
    }

    /// Why it cannot take a call; `None` while it can.
    pub(super) fn unready(&self) -> Option<Unready> {
        self.late.unready().or_else(|| {
            let failed = self.known.get().is_some_and(|known| known.is_err());
            let reason = "it could not be reached".to_owned();
            failed.then_some(Unready { state: "failing", reason, retry_after: None })
        })
    }

    /// How it is spoken to, in one word; empty if that is not known.
    pub(super) fn transport(&self) -> &'static str {
        match &self.config.upstream {
            Ok(Upstream::Remote(remote)) if remote.transport == RemoteTransport::Sse => "sse",
            Ok(Upstream::Remote(_)) => "http",
            Ok(Upstream::Command(_)) => "stdio",
            Err(_) => "",
        }
    }

    /// Whether asking it is free of side effects: no process of its own, no sign-in.
    pub(super) fn may_be_asked(&self) -> bool {
        match &self.config.upstream {
            Ok(Upstream::Command(command)) => command.isolation == Isolation::Shared,
            Ok(Upstream::Remote(_)) => true,
            Err(_) => false,
        }
    }
}

/// The server behind the policy for its callers.
fn served(
    late: &Late,
    config: &ServerConfig,
    keyed: bool,
    exchange: Option<&Arc<dyn Exchange>>,
) -> Arc<dyn Backend> {
    let late: Arc<dyn Backend> = Arc::new(late.clone());
    // If callers are known, a client's own claim about its identity is removed.
    if keyed || !config.policy.is_empty() {
        Entitled::around(late, config.policy.clone(), exchange.map(Arc::clone))
    } else {
        late
    }
}

/// Starts this server when it is its turn.
fn late(means: &Means, config: &ServerConfig, turn: Turn) -> Late {
    let prepared = |upstream| prepared(upstream, &config.name);
    let upstream = Arc::new(config.upstream.clone().map(prepared));
    let restart = match &*upstream {
        Ok(Upstream::Command(command)) => Some(command.restart),
        Ok(Upstream::Remote(_)) => None,
        Err(_) => Some(RestartConfig { when: RestartWhen::Never, ..RestartConfig::default() }),
    };
    let guard = means.guard.clone();
    let launch = move || {
        let (upstream, guard, turn) = (Arc::clone(&upstream), guard.clone(), turn.clone());
        async move {
            turn.await;
            match &*upstream {
                Ok(upstream) => start(upstream, guard).await,
                Err(reason) => Err(Error::Server(reason.clone())),
            }
        }
        .boxed()
    };
    Late::resting(Box::new(launch), restart, Some(printable(&config.name)))
}

/// The port is open anyway: clients wait for the handshake.
fn prepared(mut upstream: Upstream, name: &str) -> Upstream {
    match &mut upstream {
        Upstream::Command(command) => {
            command.listen_early = false;
            command.command.name = Some(printable(name));
        }
        Upstream::Remote(remote) => remote.name = Some(printable(name)),
    }
    upstream
}
