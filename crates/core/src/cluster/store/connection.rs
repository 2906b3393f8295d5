//! The way to Redis or Valkey, and what is wrong with it, in words.

use std::time::Duration;

use redis::{
    Client, ErrorKind, IntoConnectionInfo as _, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use crate::config::StoreConfig;

/// Time for an answer, and for a connection.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest pause before the connection is made again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The oldest version whose commands suffice.
const OLDEST: (u32, u32) = (6, 2);

/// A connection that is made when it is needed.
pub(super) fn open(config: &StoreConfig) -> Result<ConnectionManager, String> {
    let client = client(config)?;
    let manager = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
        .set_max_delay(LONGEST_PAUSE)
        .set_number_of_retries(1);
    ConnectionManager::new_lazy_with_config(client, manager).map_err(|error| explain(&error))
}

/// Looks whether the store will do.
pub(super) async fn check(connection: &ConnectionManager) -> Result<(), String> {
    let mut connection = connection.clone();
    let info = redis::cmd("INFO").query_async::<String>(&mut connection).await;
    judge(&info.map_err(|error| explain(&error))?)
}

fn client(config: &StoreConfig) -> Result<Client, String> {
    let address = config.url.as_str().into_connection_info();
    let address = address.map_err(|_| "its URL is not redis://, rediss:// or redis+unix://")?;
    let made = match &config.ca {
        None => Client::open(address),
        Some(path) => {
            let pem = std::fs::read(path);
            let pem = pem.map_err(|error| format!("--storeCa {}: {error}", path.display()))?;
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
            Client::build_with_tls(address, certificates)
        }
    };
    made.map_err(|error| explain(&error))
}

/// Whether a server that says this of itself will do.
fn judge(info: &str) -> Result<(), String> {
    let value = |name: &str| {
        let mut lines = info.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
    };
    if let Some(version) = value("redis_version") {
        let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let known = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if known < OLDEST {
            return Err(format!("it is version {version}; Redis 6.2 or Valkey 7 is the oldest"));
        }
    }
    if value("role").is_some_and(|role| role == "slave") {
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

/// What happened and what may help. Nothing of the URL is in it, which may hold a password.
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
        _ if error.is_timeout() => format!("no answer within {} ms", PATIENCE.as_millis()),
        _ if error.is_connection_refusal() => "nobody listens there".to_owned(),
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
        assert_eq!(judge(&info("6.2.0", "master")), Ok(()));
        assert_eq!(judge(&info("7.2.4", "master")), Ok(()));
        assert!(judge(&info("6.0.16", "master")).unwrap_err().contains("6.0.16"));
        assert!(judge(&info("7.0.0", "slave")).unwrap_err().contains("read-only"));
    }
}
