//! The servers in the order of the file, and the endpoints that several of them share.

use std::{fmt, sync::Arc};

use futures_util::FutureExt as _;

use super::{
    means::Means,
    page::{self, Listed},
    running::Running,
    whole::Whole,
};
use crate::{
    config::{FleetConfig, GroupConfig, prefix, segment},
    downstream::http::{Access, Mount, Paths, Reserved, Routes},
    metrics::Whose,
    relay::{Backend, merged::Seal},
};

/// See the module.
pub(super) struct Roster {
    pub(super) config: FleetConfig,
    /// The servers that are switched on.
    pub(super) servers: Vec<Arc<Running>>,
    pub(super) all: Arc<Endpoint>,
    pub(super) groups: Vec<Arc<Endpoint>>,
}

/// An endpoint of several servers.
pub(super) struct Endpoint {
    /// The group's name; `None` for the endpoint of all servers.
    group: Option<String>,
    pub(super) whole: Arc<Whole>,
    mount: Option<Arc<Mount>>,
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.servers.iter().map(|server| server.name());
        f.debug_list().entries(names).finish()
    }
}

impl Endpoint {
    fn new(means: &Means, config: &FleetConfig, group: Option<&GroupConfig>) -> Arc<Self> {
        let group = group.map(|group| group.name.clone());
        let endpoint = group.as_ref().map_or_else(String::new, |group| format!("group {group}"));
        let paths = match &group {
            Some(group) => Paths::below(&format!("/groups/{}", segment(group)), &config.http),
            None => Paths::of(&config.http),
        };
        let whole = Whole::new(endpoint, Arc::clone(&means.seal));
        let backend = || Arc::clone(&whole) as Arc<dyn Backend>;
        let mount = means
            .common()
            .map(|common| Mount::counted(&config.http, paths, backend(), common, Whose::Prefixed));
        Arc::new(Self { group, whole, mount })
    }

    /// Its servers among these, in their order.
    fn follow(&self, means: &Means, config: &FleetConfig, servers: &[Arc<Running>]) {
        let group = config.groups.iter().find(|group| Some(&group.name) == self.group.as_ref());
        let is_in = |server: &&Arc<Running>| {
            self.group.is_none()
                || group.is_some_and(|group| group.servers.iter().any(|it| it == server.name()))
        };
        let mine: Vec<_> = servers.iter().filter(is_in).map(Arc::clone).collect();
        let Some(leaving) = self.whole.exchange(&mine, servers.len() > 1) else { return };
        let grace = config.graceful_shutdown_timeout;
        let closing = async move {
            leaving.answered(grace).await;
            leaving.close();
        };
        means.leaving.spawn(closing.boxed());
    }

    /// Ends streams that answer no call.
    fn retire(&self) {
        if let Some(mount) = &self.mount {
            mount.retire();
        }
    }
}

impl Roster {
    /// Before anything is served.
    pub(super) fn nothing(seal: &Arc<Seal>) -> Self {
        let whole = Whole::new(String::new(), Arc::clone(seal));
        let all = Arc::new(Endpoint { group: None, whole, mount: None });
        Self { config: FleetConfig::default(), servers: Vec::new(), all, groups: Vec::new() }
    }

    /// What this configuration serves at the beginning.
    pub(super) fn begin(means: &Means, config: FleetConfig) -> Self {
        let enabled: Vec<_> = config.enabled().cloned().collect();
        let servers = enabled.into_iter().map(|server| Running::new(means, &config, server));
        let servers: Vec<_> = servers.collect();
        let all = Endpoint::new(means, &config, None);
        let groups = config.groups.iter().map(|group| Endpoint::new(means, &config, Some(group)));
        let groups: Vec<_> = groups.collect();
        let roster = Self { config, servers, all, groups };
        roster.follow(means);
        roster
    }

    /// What is served after a reload, of these servers.
    pub(super) fn after(
        before: &Self,
        means: &Means,
        config: FleetConfig,
        servers: Vec<Arc<Running>>,
    ) -> Self {
        let known = |group: &GroupConfig| {
            let mut groups = before.groups.iter();
            groups.find(|known| known.group.as_ref() == Some(&group.name)).map(Arc::clone)
        };
        let endpoint = |group: &GroupConfig| {
            known(group).unwrap_or_else(|| Endpoint::new(means, &config, Some(group)))
        };
        let groups: Vec<_> = config.groups.iter().map(endpoint).collect();
        let roster = Self { config, servers, all: Arc::clone(&before.all), groups };
        roster.follow(means);
        roster
    }

    fn follow(&self, means: &Means) {
        if let Some(common) = means.common() {
            let named = |server: &Arc<Running>| (server.label(), prefix(server.name()));
            common.merge(&self.servers.iter().map(named).collect::<Vec<_>>());
        }
        for endpoint in std::iter::once(&self.all).chain(&self.groups) {
            endpoint.follow(means, &self.config, &self.servers);
        }
    }

    /// Closes the clients' connections to a removed server.
    pub(super) fn forget(&self, server: &Running) {
        for endpoint in std::iter::once(&self.all).chain(&self.groups) {
            endpoint.whole.forget(&server.merged);
        }
    }

    /// Ends the endpoints that `after` does not have.
    pub(super) fn retire_groups(&self, after: &Self) {
        let is_gone =
            |group: &&Arc<Endpoint>| !after.groups.iter().any(|it| Arc::ptr_eq(it, group));
        for group in self.groups.iter().filter(is_gone) {
            group.retire();
        }
    }

    /// The table of its routes, and the page that lists the servers.
    pub(super) fn routes(&self, listed: Listed) -> Routes {
        let endpoints = std::iter::once(&self.all).chain(&self.groups);
        let merged = endpoints.filter_map(|endpoint| endpoint.mount.clone());
        let named = self.servers.iter().filter_map(|server| server.mount.clone());
        let reserved = |prefix, router| Reserved { prefix, access: Access::Authenticated, router };
        Routes::new(merged.chain(named).collect())
            .with_reserved(reserved("/servers", page::router(listed)))
            .with_reserved(reserved("/groups", page::nothing()))
    }
}
