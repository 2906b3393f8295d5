//! The steps from the running configuration to another one.
//!
//! Values are compared, not texts: another order of members is not a change, another token in a
//! variable is.

use std::collections::BTreeMap;

use crate::config::{FleetConfig, HttpConfig, Policy, Rules, ServerConfig};

/// A step for one server.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It is new.
    Add(ServerConfig),
    /// It was removed, or switched off.
    Remove(String),
    /// It is another server now, with the same name.
    Replace(ServerConfig),
    /// It continues with other settings.
    Retune(String, Tuning),
}

/// Settings that may change while a server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Which of its tools, prompts and resources are served.
    pub rules: Rules,
    /// What its callers may do.
    pub policy: Policy,
    /// Whether the proxy is ready only while this server is up.
    pub required: bool,
}

impl Tuning {
    /// The settings of a server.
    pub fn of(server: &ServerConfig) -> Self {
        Self {
            rules: server.rules.clone(),
            policy: server.policy.clone(),
            required: server.required,
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// In the order of the new file; removals come first.
    pub steps: Vec<Step>,
    /// Names of settings that have changed and need a restart.
    pub needs_restart: Vec<&'static str>,
}

/// The steps from `old` to `new`.
pub fn difference(old: &FleetConfig, new: &FleetConfig) -> Difference {
    let by_name = |fleet| FleetConfig::enabled(fleet).map(|server| (server.name.as_str(), server));
    let before: BTreeMap<&str, &ServerConfig> = by_name(old).collect();
    let after: BTreeMap<&str, &ServerConfig> = by_name(new).collect();
    let gone = old.enabled().filter(|server| !after.contains_key(server.name.as_str()));
    let mut steps: Vec<Step> = gone.map(|server| Step::Remove(server.name.clone())).collect();
    let step = |server: &ServerConfig| match before.get(server.name.as_str()) {
        None => Some(Step::Add(server.clone())),
        Some(known) => change(known, server),
    };
    steps.extend(new.enabled().filter_map(step));
    Difference { steps, needs_restart: needs_restart(&old.http, &new.http, old, new) }
}

fn change(old: &ServerConfig, new: &ServerConfig) -> Option<Step> {
    if old.upstream != new.upstream || old.lazy != new.lazy {
        return Some(Step::Replace(new.clone()));
    }
    let tuning = Tuning::of(new);
    (Tuning::of(old) != tuning).then(|| Step::Retune(new.name.clone(), tuning))
}

/// Settings that an open socket cannot change.
fn needs_restart(
    old: &HttpConfig,
    new: &HttpConfig,
    before: &FleetConfig,
    after: &FleetConfig,
) -> Vec<&'static str> {
    let changed = [
        ("port", old.port != new.port),
        ("host", old.host != new.host),
        ("sslCert, sslKey or sslCa", old.tls != new.tls),
        ("streamEndpoint", old.stream_endpoint != new.stream_endpoint),
        ("sseEndpoint", old.sse_endpoint != new.sse_endpoint),
        ("maxConnections", old.max_connections != new.max_connections),
        ("headerTimeout", old.header_timeout != new.header_timeout),
        (
            "maxConnectionsPerIp, rateLimit, maxConnectionAge or maxConnectionRequests",
            (old.max_connections_per_ip, old.rate_limit)
                != (new.max_connections_per_ip, new.rate_limit)
                || (old.max_connection_age, old.max_connection_requests)
                    != (new.max_connection_age, new.max_connection_requests),
        ),
        ("writeTimeout", old.write_timeout != new.write_timeout),
        ("maxBuffered", old.max_buffered != new.max_buffered),
        ("keepAliveTimeout", old.keep_alive_timeout != new.keep_alive_timeout),
        ("stateless", old.stateless != new.stateless),
        ("jsonResponse", old.enable_json_response != new.enable_json_response),
        ("modern", old.modern != new.modern),
        ("eventStore", old.event_store != new.event_store),
        ("trustedProxies", old.trusted_proxies != new.trusted_proxies),
        ("writeTimeout", old.write_timeout != new.write_timeout),
        ("maxBuffered", old.max_buffered != new.max_buffered),
        ("peers, peerPort or peerSecret", old.cluster != new.cluster),
        ("messagesEndpoint", old.messages_endpoint != new.messages_endpoint),
        ("metrics, metricsPort or metricsHost", before.metrics != after.metrics),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{CommandConfig, Filter, MetricsConfig, Pattern, Upstream, UpstreamConfig};

    /// One of a few servers that differ in everything that matters.
    fn server() -> impl Strategy<Value = ServerConfig> {
        let parts = (0..4_u8, 0..2_u8, any::<[bool; 4]>());
        parts.prop_map(|(name, command, [enabled, required, lazy, filtered])| {
            let mut config = UpstreamConfig::new(CommandConfig::new("c"));
            config.command.env.insert("TOKEN".into(), command.to_string().into());
            let mut rules = Rules::default();
            if filtered {
                let deny = vec![Pattern::Glob("*".to_owned())];
                rules.prompts = Filter { deny, ..Filter::default() };
            }
            let upstream = Ok(Upstream::from(config));
            let (name, policy) = (format!("s{name}"), Policy::default());
            ServerConfig { name, upstream, enabled, rules, policy, required, lazy }
        })
    }

    fn fleet() -> impl Strategy<Value = FleetConfig> {
        let servers = proptest::collection::vec(server(), 0..5);
        (servers, 0..2_u16).prop_map(|(mut servers, port)| {
            let mut seen = Vec::new();
            servers.retain(|server| {
                let is_new = !seen.contains(&server.name);
                seen.push(server.name.clone());
                is_new
            });
            FleetConfig {
                http: HttpConfig { port, ..HttpConfig::default() },
                metrics: MetricsConfig::default(),
                graceful_shutdown_timeout: Duration::from_secs(5),
                servers,
                groups: Vec::new(),
            }
        })
    }

    fn running(fleet: &FleetConfig) -> BTreeMap<String, ServerConfig> {
        fleet.enabled().map(|server| (server.name.clone(), server.clone())).collect()
    }

    fn apply(
        mut running: BTreeMap<String, ServerConfig>,
        steps: Vec<Step>,
    ) -> BTreeMap<String, ServerConfig> {
        for step in steps {
            match step {
                Step::Add(server) => {
                    assert!(running.insert(server.name.clone(), server).is_none());
                }
                Step::Replace(server) => {
                    assert!(running.insert(server.name.clone(), server).is_some());
                }
                Step::Remove(name) => assert!(running.remove(&name).is_some()),
                Step::Retune(name, tuning) => {
                    let server = running.get_mut(&name).expect("a running server");
                    server.rules = tuning.rules;
                    server.policy = tuning.policy;
                    server.required = tuning.required;
                }
            }
        }
        running
    }

    proptest! {
        #[test]
        fn what_is_done_makes_the_one_the_other(old in fleet(), new in fleet()) {
            let difference = difference(&old, &new);
            prop_assert_eq!(apply(running(&old), difference.steps), running(&new));
            prop_assert_eq!(difference.needs_restart.is_empty(), old.http.port == new.http.port);
        }

        #[test]
        fn nothing_is_done_for_the_same(fleet in fleet()) {
            prop_assert_eq!(difference(&fleet, &fleet.clone()), Difference::default());
        }

        #[test]
        fn a_server_that_is_the_same_is_not_touched(old in fleet(), new in fleet()) {
            for step in difference(&old, &new).steps {
                let name = match &step {
                    Step::Add(server) | Step::Replace(server) => &server.name,
                    Step::Remove(name) | Step::Retune(name, _) => name,
                };
                let (before, after) = (running(&old), running(&new));
                prop_assert_ne!(before.get(name), after.get(name));
            }
        }
    }
}
