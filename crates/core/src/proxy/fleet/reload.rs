//! Changes a running fleet into a new configuration, step by step.

use std::sync::{Arc, PoisonError};

use super::{Fleet, asking, roster::Roster, running::Running, shared::Shared, watch};
use crate::{
    config::{FleetConfig, HttpConfig, ServerConfig},
    error::Error,
    fleet::{Step, difference},
    proxy::ports::Ports,
};

/// What a reload has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// Servers that are new, by name, in the order of the file.
    pub added: Vec<String>,
    /// Servers that were removed or switched off.
    pub removed: Vec<String>,
    /// Servers that were replaced, with the same name.
    pub replaced: Vec<String>,
    /// Servers that continue with other rules.
    pub retuned: Vec<String>,
    /// Whether settings of the port, or groups, have changed and apply from now on.
    pub settings: bool,
    /// Settings that have changed and need a restart, by their names.
    pub needs_restart: Vec<&'static str>,
}

impl Reloaded {
    /// Whether nothing has changed.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Fleet {
    /// Applies this configuration; everything that is unchanged continues. Does not wait for
    /// servers that start or stop.
    ///
    /// # Errors
    /// Authentication cannot be configured like this; nothing is changed, and `/readyz` reports it.
    pub fn reload(&self, config: FleetConfig) -> Result<Reloaded, Error> {
        let reloaded = self.shared.reload(self.ports.as_ref(), config);
        self.shared.note_reload(reloaded.as_ref().err().map(ToString::to_string));
        reloaded
    }

    /// The current file cannot be used, for this reason, which contains no secrets; the previous
    /// configuration stays. `/readyz` reports it until the next reload.
    pub fn reload_failed(&self, reason: String) {
        self.shared.note_reload(Some(reason));
    }
}

impl Shared {
    fn reload(
        self: &Arc<Self>,
        ports: Option<&Ports>,
        config: FleetConfig,
    ) -> Result<Reloaded, Error> {
        let _one = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, config) = (self.roster(), asking(config));
        let difference = difference(&before.config, &config);
        // Settings that cannot change at runtime keep their values.
        let (http, metrics) = (kept(&before.config, &config), before.config.metrics.clone());
        let config = FleetConfig { http, metrics, ..config };
        if config.metrics.on_front && !config.http.asks_who_calls() {
            return Err(Error::OpenMetrics);
        }
        if let Some(ports) = ports {
            ports.adopt(&before.config.http, &config.http)?;
        }
        let mut reloaded =
            Reloaded { needs_restart: difference.needs_restart, ..Reloaded::default() };
        reloaded.settings = before.config.groups != config.groups
            || before.config.http != kept(&before.config, &config);
        for step in difference.steps {
            let (list, name) = match step {
                Step::Add(server) => (&mut reloaded.added, server.name),
                Step::Remove(name) => (&mut reloaded.removed, name),
                Step::Replace(server) => (&mut reloaded.replaced, server.name),
                Step::Retune(name, _) => (&mut reloaded.retuned, name),
            };
            list.push(name);
        }
        self.apply(&before, config, &reloaded);
        Ok(reloaded)
    }

    fn apply(self: &Arc<Self>, before: &Roster, config: FleetConfig, reloaded: &Reloaded) {
        let (keyed, grace) = (config.http.asks_who_calls(), config.graceful_shutdown_timeout);
        let mut begun = Vec::new();
        let enabled: Vec<ServerConfig> = config.enabled().cloned().collect();
        let servers = enabled.into_iter().map(|server| {
            let known = before.servers.iter().find(|known| known.name() == server.name);
            let is_replaced = reloaded.replaced.contains(&server.name);
            match known {
                Some(known) if is_replaced => {
                    let other = known.replaced(&self.means, server, (keyed, grace));
                    begun.push(Arc::clone(&other));
                    other
                }
                Some(known) if known.is(&server, keyed) => Arc::clone(known),
                Some(known) => known.retuned(&self.means, server, keyed),
                None => {
                    let new = Running::new(&self.means, &config, server);
                    begun.push(Arc::clone(&new));
                    new
                }
            }
        });
        let servers = servers.collect();
        let roster = Arc::new(Roster::after(before, &self.means, config, servers));
        self.serve(Arc::clone(&roster));
        if let Some(port) = self.port() {
            port.exchange(self.routes(&roster));
        }
        for server in
            before.servers.iter().filter(|it| reloaded.removed.iter().any(|name| name == it.name()))
        {
            let shared = Arc::downgrade(self);
            server.leave(&self.means, grace, move |server| {
                if let Some(shared) = shared.upgrade() {
                    shared.roster().forget(server);
                }
            });
        }
        before.retire_groups(&roster);
        for server in begun {
            watch::begin(self, &server);
        }
    }
}

/// The settings of an open port: those that cannot change at runtime keep their values.
fn kept(before: &FleetConfig, after: &FleetConfig) -> HttpConfig {
    let before = before.http.clone();
    HttpConfig {
        host: before.host,
        port: before.port,
        tls: before.tls,
        stream_endpoint: before.stream_endpoint,
        sse_endpoint: before.sse_endpoint,
        max_connections: before.max_connections,
        header_timeout: before.header_timeout,
        keep_alive_timeout: before.keep_alive_timeout,
        trusted_proxies: before.trusted_proxies,
        write_timeout: before.write_timeout,
        max_buffered: before.max_buffered,
        cluster: before.cluster,
        messages_endpoint: before.messages_endpoint,
        stateless: before.stateless,
        enable_json_response: before.enable_json_response,
        modern: before.modern,
        event_store: before.event_store,
        ..after.http.clone()
    }
}
