//! Finds out which era a server speaks, at no cost for the server's clients.
//!
//! A request of the newer era ends some older servers, or makes them silent. So if anything goes
//! wrong after that request, the server is started once more and asked in the older way. The result
//! is used for later starts until one of them fails.

use std::time::Duration;

use super::child::{Child, Opening};
use crate::{
    config::{UpstreamConfig, UpstreamProtocol},
    era::Era,
    error::Error,
    relay::InitializeResult,
};

/// How long a server may take to answer the newer request before the older one is sent, too: long
/// enough for most servers to start, short for those that ignore what they do not know.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server with a finished handshake.
pub(super) type Connected = (Child, InitializeResult);

/// What is known about a server's era.
#[derive(Clone, Copy, Debug)]
pub(super) struct Negotiation {
    agreed: Option<Era>,
    patience: Duration,
}

impl Default for Negotiation {
    fn default() -> Self {
        Self::with_patience(PATIENCE)
    }
}

impl Negotiation {
    /// How long a server may take to answer the newer request before the older one is sent, too.
    pub(super) fn with_patience(patience: Duration) -> Self {
        Self { agreed: None, patience }
    }

    /// Starts the server and finds out its era.
    pub(super) async fn connect(
        &mut self,
        config: &UpstreamConfig,
        spawn: impl Fn() -> Result<Child, Error>,
    ) -> Result<Connected, Error> {
        let limit = config.connection_timeout;
        let opening = self.opening(config.protocol, limit);
        let mut outcome = spawn()?.greet(opening, limit).await;
        if let (Opening::Probe(_), Err(failed)) = (opening, &outcome)
            && !failed.is_final
        {
            tracing::warn!("{}; starting it again with initialize instead", failed.error);
            outcome = spawn()?.greet(Opening::Initialize, limit).await;
        }
        self.agreed = outcome.as_ref().ok().map(|(_, introduction)| introduction.era());
        outcome.map_err(|failed| failed.error)
    }

    fn opening(self, protocol: UpstreamProtocol, limit: Duration) -> Opening {
        match (protocol, self.agreed) {
            (UpstreamProtocol::Legacy, _) | (UpstreamProtocol::Auto, Some(Era::Legacy)) => {
                Opening::Initialize
            }
            (UpstreamProtocol::Modern, _) | (UpstreamProtocol::Auto, Some(Era::Modern)) => {
                Opening::Discover
            }
            (UpstreamProtocol::Auto, None) => Opening::Probe(self.patience.min(limit / 2)),
        }
    }
}
