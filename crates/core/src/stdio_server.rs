//! A remote server served over standard input and output.

use std::{sync::Arc, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    config::RemoteConfig,
    downstream::stdio::{self, Ended},
    error::Error,
    upstream::Remote,
};

/// Time that the end of the session with the server may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// One client over a pair of streams, and the server that it uses.
#[derive(Debug)]
pub struct StdioServer {
    remote: Remote,
    max_line_size: usize,
}

/// Why a [`StdioServer`] has ended before its client was done.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Interrupted(String);

impl StdioServer {
    /// Nothing is sent to the server before the client sends something.
    pub fn new(config: &RemoteConfig) -> Result<Self, Error> {
        Ok(Self { remote: Remote::new(config)?, max_line_size: config.max_message_size })
    }

    /// Serves the client until its input ends, its output is closed, or `stop` resolves. An error
    /// if the server could not be reached, or the client not be served any longer.
    pub async fn run(
        self,
        streams: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
        stop: impl Future<Output = ()>,
    ) -> Result<(), Interrupted> {
        let Self { remote, max_line_size } = self;
        let ended = stdio::serve(Arc::new(remote.clone()), max_line_size, streams, stop).await;
        let failure = remote.failure();
        remote.stop(FAREWELL).await;
        match (ended, failure) {
            (Ended::Failed(reason), _) => Err(Interrupted(reason)),
            (Ended::Cleanly, Some(failure)) => Err(Interrupted(failure)),
            (Ended::Cleanly, None) => Ok(()),
        }
    }
}
