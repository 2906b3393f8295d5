//! A server whose only reader is slow is not read on until that reader has caught up.
//!
//! Its output then waits in its own pipe, and in the end the server waits itself. This must never
//! keep from a client what it waits for elsewhere, so there is no pause while a call is to be
//! answered on another stream; and a reader that takes nothing at all is waited for only so long,
//! after which its stream is filled up and cut as that of a shared server would be.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::private::Private;
use crate::relay::{PAUSE_ABOVE, RESUME_BELOW, Sink};

/// How long a reader may take nothing before its server goes on without it.
const PATIENCE: Duration = Duration::from_secs(30);

impl Private {
    /// Takes note of a reader that has fallen behind with what was just written for it.
    pub(super) fn look_after(&self, reader: &Arc<dyn Sink>) {
        if reader.backlog() <= PAUSE_ABOVE {
            self.is_impatient.store(false, Ordering::Relaxed);
        } else if !self.is_impatient.load(Ordering::Relaxed) {
            self.lock().behind = Some(Arc::clone(reader));
            self.is_behind.store(true, Ordering::Relaxed);
        }
    }

    /// What has to happen before the next message of the server is read.
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
            // Both listen from here on, so that nothing is missed between the look and the wait.
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
