//! In which era a server is spoken to, and how that is found out without costing anybody the
//! server.
//!
//! A question from the newer era ends some older servers, or leaves them mute for good. So whatever
//! goes wrong after the question, the server is started once more and asked in the older way. What
//! was found out counts for later starts until one of them fails.

use std::time::Duration;

use super::child::{Child, Opening};
use crate::{
    config::{UpstreamConfig, UpstreamProtocol},
    era::Era,
    error::Error,
    relay::InitializeResult,
};

/// How long a server may take for the question before it is asked in the older way, too. Long
/// enough for most servers to start, short enough for those that ignore what they do not know.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that has just said who it is.
pub(super) type Connected = (Child, InitializeResult);

/// What is known of a server's era.
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
    /// A server may take so long for the question before it is asked in the older way, too.
    pub(super) fn with_patience(patience: Duration) -> Self {
        Self { agreed: None, patience }
    }

    /// Starts the server and agrees with it on an era.
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
            tracing::warn!("{}; it is started again and asked to initialize instead", failed.error);
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
