//! The other replicas, and their shared secret.

use std::time::Duration;

use mcp_proxy_core::config::{ClusterConfig, DEFAULT_STORE_PREFIX, MIN_PEER_SECRET, StoreConfig};

use super::{events::event_store, remote};
use crate::args::{UsageError, Values, flags};

/// `None` unless a flag configures other replicas.
pub(super) fn cluster(values: &Values) -> Result<Option<ClusterConfig>, UsageError> {
    let port = values.of(&flags::PEER_PORT)?;
    let (peers, store) = (peers(values)?, store(values)?);
    if peers.is_empty() && store.is_none() && !values.has(&flags::PEER_PORT) {
        return Ok(None);
    }
    Ok(Some(ClusterConfig {
        peers,
        port: u16::try_from(port).unwrap_or(u16::MAX),
        host: values.of(&flags::PEER_HOST)?,
        address: values
            .of(&flags::PEER_ADDRESS)?
            .map(|it| address("--peerAddress", it))
            .transpose()?,
        secret: secret(values)?,
        store,
    }))
}

fn peers(values: &Values) -> Result<Vec<String>, UsageError> {
    let given = values.of(&flags::PEERS)?;
    let words = given.iter().flat_map(|peers| peers.split(',')).map(str::trim);
    let words = words.filter(|word| !word.is_empty());
    words.map(|word| address("--peers", word.to_owned())).collect()
}

fn store(values: &Values) -> Result<Option<StoreConfig>, UsageError> {
    let given = values.of(&flags::STORE)?;
    let file = values.of(&flags::STORE_FILE)?.filter(|_| given.is_none());
    let url = match (given, &file) {
        (Some(url), _) => url,
        (None, Some(path)) => remote::read(path, "--storeFile")?,
        (None, None) => return Ok(None),
    };
    let url = url.trim().to_owned();
    if !StoreConfig::is_url(&url) {
        return Err(UsageError::StoreUrl);
    }
    let idle = values.of(&flags::SESSION_IDLE_TIMEOUT)?;
    Ok(Some(StoreConfig {
        url,
        prefix: values.of(&flags::STORE_PREFIX)?.unwrap_or_else(|| DEFAULT_STORE_PREFIX.to_owned()),
        ca: values.of(&flags::STORE_CA)?,
        kept: Duration::from_millis(idle),
        events: event_store(values)?.unwrap_or_default(),
        durability: values.of(&flags::STORE_DURABILITY)?,
    }))
}

/// A host and a port.
fn address(flag: &'static str, text: String) -> Result<String, UsageError> {
    if ClusterConfig::is_address(&text) {
        Ok(text)
    } else {
        Err(UsageError::PeerAddress { flag, given: text })
    }
}

fn secret(values: &Values) -> Result<String, UsageError> {
    let given = values.of(&flags::PEER_SECRET)?;
    let file = values.of(&flags::PEER_SECRET_FILE)?.filter(|_| given.is_none());
    let secret = match (given, &file) {
        (Some(secret), _) => secret,
        (None, Some(path)) => remote::read(path, "--peerSecretFile")?,
        (None, None) => return Err(UsageError::NoPeerSecret),
    };
    let mut lines = secret.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    if lines.peek().is_some() && lines.all(|line| line.len() >= MIN_PEER_SECRET) {
        return Ok(secret);
    }
    Err(match file {
        Some(path) => UsageError::SecretFile {
            flag: "--peerSecretFile",
            path: path.display().to_string(),
            problem: format!("every secret needs at least {MIN_PEER_SECRET} bytes"),
        },
        None => UsageError::ShortPeerSecret,
    })
}

/// Flags without effect.
pub(super) fn warnings(values: &Values) -> Option<String> {
    let alone = [
        ("--peerHost", values.has(&flags::PEER_HOST)),
        ("--peerAddress", values.has(&flags::PEER_ADDRESS)),
        ("--peerSecret", values.has(&flags::PEER_SECRET)),
        ("--peerSecretFile", values.has(&flags::PEER_SECRET_FILE)),
        ("--storePrefix", values.has(&flags::STORE_PREFIX)),
        ("--storeCa", values.has(&flags::STORE_CA)),
        ("--storeDurability", values.has(&flags::STORE_DURABILITY)),
    ];
    let is_on = [values.has(&flags::PEERS), values.has(&flags::PEER_PORT)].contains(&true)
        || values.has(&flags::STORE)
        || values.has(&flags::STORE_FILE);
    if is_on {
        return None;
    }
    let (flag, _) = alone.into_iter().find(|(_, given)| *given)?;
    Some(format!("{flag} has no effect without --peers, --peerPort or --store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_host_and_a_port() {
        for good in ["a:1", "10.0.0.1:8079", "[::1]:8079", "proxy.default.svc:65535"] {
            assert_eq!(address("--peers", good.to_owned()).as_deref(), Ok(good));
        }
        for bad in ["a", "a:", ":1", "::1:8079", "a:0", "a:65536", "http://a:1"] {
            assert!(address("--peers", bad.to_owned()).is_err(), "{bad}");
        }
    }
}
