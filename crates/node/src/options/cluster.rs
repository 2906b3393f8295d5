//! Other replicas, and their store.

use std::time::Duration;

use mcp_proxy_core::config::{
    ClusterConfig, DEFAULT_PEER_PORT, DEFAULT_SESSION_IDLE_TIMEOUT, DEFAULT_STORE_PREFIX,
    Durability, MIN_PEER_SECRET, StoreConfig,
};

use super::{
    events::event_store,
    given::{Either, Filled, Given, Words, Wrong},
    number::milliseconds,
    upstream::word,
};

impl Words for Durability {
    const ALL: &'static [(&'static str, Self)] = &[("async", Self::Async), ("sync", Self::Sync)];
}

/// `None` unless an option configures other replicas.
pub(super) fn cluster(given: &Given) -> Result<Option<ClusterConfig>, Wrong> {
    let (peers, store) = (peers(given)?, store(given)?);
    let port = given.take::<u16>("peerPort")?;
    let secret = secret(given)?;
    if peers.is_empty() && store.is_none() && port.is_none() {
        return match secret {
            None => Ok(None),
            Some(_) => {
                Err("option \"peerSecret\" needs \"peers\", \"peerPort\" or \"store\"".to_owned())
            }
        };
    }
    let secret = secret.ok_or_else(|| {
        "option \"peerSecret\" must be given: all replicas need the same secret, of at least 16 bytes"
            .to_owned()
    })?;
    let address = given.take::<String>("peerAddress")?;
    let address = address.map(|address| checked("peerAddress", address)).transpose()?;
    Ok(Some(ClusterConfig {
        peers,
        port: port.unwrap_or(DEFAULT_PEER_PORT),
        host: given.take("peerHost")?.map(|Filled(host)| host),
        address,
        secret,
        store,
    }))
}

fn peers(given: &Given) -> Result<Vec<String>, Wrong> {
    let peers = match given.take::<Either<String, Vec<String>>>("peers")? {
        None => Vec::new(),
        Some(Either::This(one)) => one.split(',').map(|peer| peer.trim().to_owned()).collect(),
        Some(Either::That(all)) => all,
    };
    let peers = peers.into_iter().filter(|peer| !peer.is_empty());
    peers.map(|peer| checked("peers", peer)).collect()
}

fn checked(name: &str, address: String) -> Result<String, Wrong> {
    if ClusterConfig::is_address(&address) {
        return Ok(address);
    }
    Err(format!("option \"{name}\" must be host:port, not {address:?}"))
}

/// One secret, or several; the first one signs.
fn secret(given: &Given) -> Result<Option<String>, Wrong> {
    let secrets = match given.take::<Either<String, Vec<String>>>("peerSecret")? {
        None => return Ok(None),
        Some(Either::This(one)) => vec![one],
        Some(Either::That(all)) => all,
    };
    let secrets = secrets.join("\n");
    let mut lines = secrets.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    if lines.peek().is_none() || lines.any(|line| line.len() < MIN_PEER_SECRET) {
        return Err(format!("option \"peerSecret\" needs at least {MIN_PEER_SECRET} bytes"));
    }
    Ok(Some(secrets))
}

fn store(given: &Given) -> Result<Option<StoreConfig>, Wrong> {
    let store = match given.take::<Either<Filled, Given>>("store")? {
        None => return Ok(None),
        Some(Either::This(Filled(url))) => (url, Given::default()),
        Some(Either::That(store)) => {
            let store = store.named("store.");
            (store.need::<Filled>("url")?.0, store)
        }
    };
    let (url, store) = store;
    if !StoreConfig::is_url(&url) {
        // No part of it is shown, as it may contain a password.
        return Err(
            "option \"store\" must be a URL that begins with redis:// or rediss://, or with \
             redis+unix://, redis+sentinel:// or redis+cluster://"
                .to_owned(),
        );
    }
    let idle = milliseconds(given, "sessionIdleTimeout")?;
    let idle = idle.filter(|idle| *idle > Duration::ZERO).unwrap_or(DEFAULT_SESSION_IDLE_TIMEOUT);
    Ok(Some(StoreConfig {
        url,
        prefix: store
            .take("prefix")?
            .map_or_else(|| DEFAULT_STORE_PREFIX.to_owned(), |Filled(prefix)| prefix),
        ca: store.take("ca")?.map(|Filled(path)| path.into()),
        kept: idle,
        events: event_store(given)?.unwrap_or_default(),
        durability: word(&store, "durability", Durability::Async)?,
    }))
}
