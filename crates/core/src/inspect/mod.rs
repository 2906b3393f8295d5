//! The inspection page: shows the traffic live in a browser on this machine.
//!
//! It has a loopback port of its own. The page itself contains no data; every route with data
//! requires a token in a header, which other pages cannot send. The page gets it, once, for the
//! token in the fragment of the URL that is printed at the start; fragments appear in no log and no
//! `Referer`.

mod assets;
mod console;
mod events;
mod gate;
mod keys;
mod routes;
mod servers;
mod shown;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
};

use self::{console::Consoles, keys::Keys, shown::Shown};
use crate::{
    config::{AllowedHosts, InspectConfig},
    downstream::http::SidePort,
    error::Error,
    relay::Backend,
    watch::{Limits, Redaction, Scribe, TAP, Watcher},
};

/// The frames that are kept.
const LIMITS: Limits =
    Limits { frames: 50_000, bytes: 16 * 1024 * 1024, whole: 1024 * 1024, beginning: 64 * 1024 };

/// The frames for a page that will be opened.
pub struct Inspection {
    watcher: Watcher,
    config: InspectConfig,
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspection").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Inspection {
    /// Keeps all frames from now on.
    pub fn begin(config: &InspectConfig) -> Self {
        Self { watcher: TAP.watch(LIMITS), config: config.clone() }
    }

    /// Opens the page on a port of 127.0.0.1. It has no console, as there is no server to ask.
    /// Needs a Tokio runtime.
    pub fn open(self) -> Result<Inspector, Error> {
        self.open_with(None)
    }

    /// The same; its console is a client of this backend.
    pub(crate) fn open_with(self, backend: Option<Arc<dyn Backend>>) -> Result<Inspector, Error> {
        let Self { watcher, config } = self;
        let shown = Shown {
            watcher,
            scribe: Mutex::new(Scribe::new(Redaction::new(&config.redaction))),
            consoles: backend.map(Consoles::new),
            keys: Keys::new(),
            address: OnceLock::new(),
        };
        let shown = Arc::new(shown);
        let at = ("127.0.0.1", config.port);
        let routes = routes::routes(Arc::clone(&shown));
        let port = SidePort::open(at, "--inspectPort", routes, AllowedHosts::default())?;
        shown.address.get_or_init(|| port.address());
        Ok(Inspector { port, shown })
    }
}

/// The open page; closed when dropped.
pub struct Inspector {
    port: SidePort,
    shown: Arc<Shown>,
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector").field("address", &self.port.address()).finish_non_exhaustive()
    }
}

impl Inspector {
    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The URL to open in a browser. The first who opens it can see everything. Its token can be
    /// used once; after that, this returns another URL.
    pub fn url(&self) -> String {
        self.shown.keys.url(self.address())
    }
}
