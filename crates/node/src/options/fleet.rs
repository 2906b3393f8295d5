//! Servers from a file: the same as `--config` of the command line.

use std::path::PathBuf;

use super::given::{Either, Filled, Given, Wrong};

/// The source of the servers.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) place: Place,
    /// The program that ends them if this process is killed.
    pub(crate) guard: Option<PathBuf>,
    /// The options that take precedence over the file, by name.
    pub(super) given: Vec<&'static str>,
}

/// See [`Fleet`].
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A file, or a client that has one.
    File(String),
    /// A text in the format of such a file.
    Text(String),
}

/// The options that a file can set as well.
const NAMES: [&str; 24] = [
    "allowedHosts",
    "apiKey",
    "auth",
    "cors",
    "enableJsonResponse",
    "eventStore",
    "eventStoreMaxEvents",
    "host",
    "keepAliveTimeout",
    "maxBodySize",
    "maxBuffered",
    "modern",
    "peerPort",
    "peerSecret",
    "peers",
    "port",
    "sessionIdleTimeout",
    "sseEndpoint",
    "sslCert",
    "stateless",
    "store",
    "streamEndpoint",
    "tunnel",
    "writeTimeout",
];

pub(super) fn fleet(given: &Given) -> Result<Option<Fleet>, Wrong> {
    let place = match given.take::<Either<Filled, Given>>("config")? {
        None => return Ok(None),
        Some(Either::This(Filled(file))) => Place::File(file),
        Some(Either::That(object)) => Place::Text(object.named("config.").need("text")?),
    };
    let given_names = NAMES.into_iter().filter(|name| given.has(name) || given.is_null(name));
    Ok(Some(Fleet {
        place,
        guard: given.take::<String>("guard")?.map(Into::into),
        given: given_names.collect(),
    }))
}
