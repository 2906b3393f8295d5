//! All servers of a fleet over standard input and output.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Fleet;
use crate::{
    config::DEFAULT_MAX_LINE_SIZE,
    downstream::stdio::{self, Ended},
    proxy::{standard_streams::standard_streams, stdio_server::Interrupted},
    relay::Backend,
};

impl Fleet {
    /// Serves the client on this process's standard input and output, as [`Self::run`] does.
    /// Sockets become non-blocking, also for other processes that share them; so do pipes, except
    /// on Linux.
    pub fn run_on_standard_streams<'a>(
        &'a self,
        stop: impl Future<Output = ()> + Send + 'a,
    ) -> BoxFuture<'a, Result<(), Interrupted>> {
        Box::pin(async move { self.run(standard_streams(), stop).await })
    }

    /// Serves one client with all servers merged, until its input ends, its output is closed, or
    /// `stop` resolves. Fails if the client cannot be served any longer.
    pub async fn run(
        &self,
        streams: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
        stop: impl Future<Output = ()>,
    ) -> Result<(), Interrupted> {
        let whole = Arc::clone(&self.shared.roster().all.whole);
        let backend: Arc<dyn Backend> = whole;
        match stdio::serve(backend, DEFAULT_MAX_LINE_SIZE, streams, stop).await {
            Ended::Cleanly => Ok(()),
            Ended::Failed(reason) => Err(Interrupted(reason)),
        }
    }
}
