//! Stops reading from a server while its only reader is too slow.
//!
//! The server's output then fills its pipe, and in the end the server itself waits. This must never
//! delay other messages for a client, so there is no pause while a call will be answered on another
//! stream. And a reader that takes nothing at all is waited for only a limited time; then its
//! stream is filled up and cut, as that of a shared server would be.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::private::Private;
use crate::relay::{PAUSE_ABOVE, RESUME_BELOW, Sink};

/// How long a reader may take nothing before its server is read again.
const PATIENCE: Duration = Duration::from_secs(30);

impl Private {
    /// Notes a reader that has fallen behind with the message just written to it.
    pub(super) fn look_after(&self, reader: &Arc<dyn Sink>) {
        if reader.backlog() <= PAUSE_ABOVE {
            self.is_impatient.store(false, Ordering::Relaxed);
        } else if !self.is_impatient.load(Ordering::Relaxed) {
            self.lock().behind = Some(Arc::clone(reader));
            self.is_behind.store(true, Ordering::Relaxed);
        }
    }

    /// What must happen before the next message of the server is read.
    pub(crate) fn pause(&self) -> Option<BoxFuture<'_, ()>> {
        if !self.is_behind.swap(false, Ordering::Relaxed) {
            return None;
        }
        let reader = self.lock().behind.take()?;
        Some(Box::pin(self.until_read(reader)))
    }

    async fn until_read(&self, reader: Arc<dyn Sink>) {
        let mut least = reader.backlog();
        let mut deadline = Instant::now() + PATIENCE;
        loop {
            // Both are registered before the check, so that no event is missed between the check
            // and the wait.
            let (drained, called) = (reader.drained(), self.called.notified());
            let backlog = reader.backlog();
            if backlog <= RESUME_BELOW || self.lock().exchanges.go_past(&reader) {
                return;
            }
            if backlog < least {
                least = backlog;
                deadline = Instant::now() + PATIENCE;
            }
            tokio::select! {
                () = drained => {}
                () = called => {}
                () = sleep_until(deadline) => {
                    return self.is_impatient.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}
