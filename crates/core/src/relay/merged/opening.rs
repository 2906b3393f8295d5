//! Opens connections to servers that may still be starting.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::server::Server;
use crate::{
    jsonrpc::{Code, ErrorBody},
    relay::{Client, Connection, OpenError},
};

/// First pause before a starting server is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A connection that is closed when dropped, unless the caller keeps it.
pub(super) struct Opened(Option<Arc<dyn Connection>>);

impl Opened {
    pub(super) fn connection(&self) -> Option<&Arc<dyn Connection>> {
        self.0.as_ref()
    }

    /// Returns the connection; the caller must close it.
    pub(super) fn keep(&mut self) -> Option<Arc<dyn Connection>> {
        self.0.take()
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.close();
        }
    }
}

/// Opens a connection to a server; waits for a first start, at most until then.
pub(super) async fn open(
    server: &Server,
    until: Instant,
    client: impl Fn() -> Client + Send,
) -> Result<Opened, ErrorBody> {
    server.uses();
    let mut pause = FIRST_PAUSE;
    loop {
        match server.backend.open(client()).await {
            Ok(connection) => return Ok(Opened(Some(connection))),
            Err(OpenError::Upstream(error)) if error.code != Code::Unavailable => {
                return Err(unavailable(server, &error.message));
            }
            Err(OpenError::Upstream(error)) if Instant::now() + pause > until => {
                return Err(unavailable(server, &error.message));
            }
            Err(OpenError::Upstream(_)) => sleep(pause).await,
            Err(OpenError::Refused(_)) => return Err(unavailable(server, "the client is refused")),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The error for a name whose server cannot be reached.
pub(super) fn unavailable(server: &Server, reason: &str) -> ErrorBody {
    let text = format!("the server {:?} is not available: {reason}", server.name);
    ErrorBody::new(Code::InvalidParams, text)
}
