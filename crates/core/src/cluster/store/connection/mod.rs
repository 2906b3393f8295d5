//! The connection to Redis or Valkey, and its errors as sentences.

mod address;
mod away;
mod sentinels;

pub(super) use self::away::{PATIENCE, is_away};

use std::time::Duration;

use redis::{
    Client, Cmd, ErrorKind, Pipeline, RedisFuture, TlsCertificates, Value,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
    cluster::{ClusterClientBuilder, ClusterConfig},
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
};

use self::{address::Address, sentinels::Primary};
use crate::config::StoreConfig;

/// Longest pause before reconnecting.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The oldest version that has all commands that are used.
const OLDEST: (u32, u32) = (6, 2);

/// A connection that is opened when it is needed, and reopened when it is lost.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    One(ConnectionManager),
    /// To the server that sentinels name as the primary.
    Primary(Primary),
    /// To the nodes of a cluster.
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) fn open(config: &StoreConfig) -> Result<Self, String> {
        let ca = config.ca.as_ref().map(|path| {
            let pem = std::fs::read(path);
            pem.map_err(|error| format!("--storeCa {}: {error}", path.display()))
        });
        let tls =
            ca.transpose()?.map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem) });
        let opened = match Address::parse(&config.url)? {
            Address::One(server) => one(*server, tls),
            Address::Sentinels { nodes, service } => {
                Primary::new(nodes, service, tls).map(Self::Primary)
            }
            Address::Cluster(nodes) => cluster(nodes, tls),
        };
        opened.map_err(|error| explain(&error))
    }

    /// Checks that the store can be used.
    pub(super) async fn check(&self) -> Result<(), String> {
        let info = redis::cmd("INFO");
        let said: redis::RedisResult<String> = match self.clone() {
            Self::Cluster(mut nodes) => {
                let anyone = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
                let said = nodes.route_command(info, anyone).await;
                said.and_then(|said| Ok(redis::from_redis_value(said)?))
            }
            mut one => info.query_async(&mut one).await,
        };
        judge(&said.map_err(|error| explain(&error))?, !matches!(self, Self::Cluster(_)))
    }
}

fn one(
    server: redis::ConnectionInfo,
    tls: Option<TlsCertificates>,
) -> redis::RedisResult<Connection> {
    let client = match tls {
        None => Client::open(server)?,
        Some(tls) => Client::build_with_tls(server, tls)?,
    };
    let manager = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
        .set_max_delay(LONGEST_PAUSE)
        .set_number_of_retries(1);
    ConnectionManager::new_lazy_with_config(client, manager).map(Connection::One)
}

fn cluster(
    nodes: Vec<redis::ConnectionInfo>,
    tls: Option<TlsCertificates>,
) -> redis::RedisResult<Connection> {
    let builder =
        ClusterClientBuilder::new(nodes).retries(1).overall_response_timeout(Some(PATIENCE));
    let builder = match tls {
        None => builder,
        Some(tls) => builder.certs(tls),
    };
    let config =
        ClusterConfig::new().set_connection_timeout(PATIENCE).set_response_timeout(PATIENCE);
    Ok(Connection::Cluster(builder.build()?.get_pending_async_connection_with_config(config)))
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(server) => server.req_packed_command(command),
            Self::Primary(primary) => primary.req_packed_command(command),
            Self::Cluster(nodes) => nodes.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(server) => server.req_packed_commands(pipeline, offset, count),
            Self::Primary(primary) => primary.req_packed_commands(pipeline, offset, count),
            Self::Cluster(nodes) => nodes.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(server) => server.get_db(),
            Self::Primary(_) | Self::Cluster(_) => 0,
        }
    }
}

/// Whether a server that reports this about itself can be used; a node of a cluster may be a
/// replica.
fn judge(info: &str, is_primary: bool) -> Result<(), String> {
    let value = |name: &str| {
        let mut lines = info.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
    };
    if let Some(version) = value("redis_version") {
        let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let known = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if known < OLDEST {
            return Err(format!("it is version {version}; Redis 6.2 or Valkey 7 is required"));
        }
    }
    if is_primary && value("role").is_some_and(|role| role == "slave") {
        return Err("it is a read-only replica; name the primary".to_owned());
    }
    let policy = value("maxmemory_policy");
    if let Some(policy) = policy.filter(|policy| policy != "noeviction")
        && value("maxmemory").is_some_and(|most| most != "0")
    {
        tracing::warn!(
            "the store may evict live sessions: its maxmemory-policy is {policy}; use noeviction"
        );
    }
    Ok(())
}

/// What happened and what may help. Contains nothing of the URL, which may hold a password.
pub(super) fn explain(error: &redis::RedisError) -> String {
    let code = error.code().unwrap_or_default();
    match (error.kind(), code) {
        (ErrorKind::AuthenticationFailed, _) | (_, "WRONGPASS" | "NOAUTH") => {
            "it refuses the user or the password".to_owned()
        }
        (_, "NOPERM") => "its user may not run the commands that are needed".to_owned(),
        (_, "OOM") => "it is full (maxmemory)".to_owned(),
        (_, "READONLY") => "it is a read-only replica".to_owned(),
        (_, "MISCONF") => "it cannot save to its disk, and refuses writes".to_owned(),
        (_, "LOADING") => "it is loading its data".to_owned(),
        (_, "CLUSTERDOWN") => "the cluster is down, or some of its slots have no node".to_owned(),
        (_, "MOVED" | "CROSSSLOT") => {
            "it is a node of a cluster; use redis+cluster:// in place of redis://".to_owned()
        }
        (ErrorKind::MasterNameNotFoundBySentinel, _) => {
            "no sentinel knows a primary of this name, or none answers".to_owned()
        }
        (ErrorKind::ClusterConnectionNotFound, _) => "no node of the cluster answers".to_owned(),
        _ if error.is_timeout() => format!("no answer within {} ms", PATIENCE.as_millis()),
        _ if error.is_connection_refusal() => "nothing listens there".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_and_read_only_replicas_will_not_do() {
        let info = |version: &str, role: &str| {
            format!("# Server\r\nredis_version:{version}\r\nrole:{role}\r\n")
        };
        assert_eq!(judge(&info("6.2.0", "master"), true), Ok(()));
        assert_eq!(judge(&info("7.2.4", "master"), true), Ok(()));
        assert!(judge(&info("6.0.16", "master"), true).unwrap_err().contains("6.0.16"));
        assert!(judge(&info("7.0.0", "slave"), true).unwrap_err().contains("read-only"));
        assert_eq!(judge(&info("7.0.0", "slave"), false), Ok(()), "a node of a cluster");
    }
}
