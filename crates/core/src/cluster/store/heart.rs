//! Signs of life, and what is written again after the store has missed some.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Entry, LEASE, Store, StoreError};

/// Time between two signs of life.
const BEAT: Duration = Duration::from_secs(3);
/// Pause if the queue is full.
const ROOM: Duration = Duration::from_millis(20);
/// Sessions are written again at least this often, so that the store does not forget them.
const SAID_AGAIN: Duration = Duration::from_mins(20);

impl Store {
    /// One sign of life; returns whether the store knew the one before.
    pub(super) async fn beat(&self) -> Result<bool, StoreError> {
        let beating = self.scripts.beat(&self.connection, &self.keys, self.own, &self.address);
        self.asked(beating).await
    }

    /// Gives signs of life until the store is closed. If the store has forgotten the last one or
    /// did not get it in time, everything that lives here is written again; an owner that was
    /// replaced learns of it.
    #[expect(clippy::infinite_loop, reason = "it ends with the task that runs it")]
    pub(super) async fn beat_on(self: Arc<Self>) {
        let (mut last, mut said) = (Instant::now(), Instant::now());
        loop {
            tokio::time::sleep(BEAT).await;
            let Ok(known) = self.beat().await else { continue };
            if !known || last.elapsed() > LEASE || said.elapsed() > SAID_AGAIN {
                self.say_again().await;
                said = Instant::now();
            }
            last = Instant::now();
        }
    }

    /// Writes everything that lives here once more; waits for room if it is much.
    async fn say_again(&self) {
        let ids: Vec<_> = self.lock().keys().copied().collect();
        for id in ids {
            loop {
                let known = self.lock().get(&id).map(|it| (it.epoch, it.founding.clone()));
                // It has ended meanwhile, or the queue is closed.
                let Some((epoch, founding)) = known.filter(|_| !self.is_closed()) else { break };
                if self.queue.push(Entry::founded(id, epoch, founding)) {
                    break;
                }
                tokio::time::sleep(ROOM).await;
            }
        }
    }
}
