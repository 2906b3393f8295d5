//! One timer for many waits of the same length.
//!
//! Setting a timer that is the next to fire wakes up the event loop, and most answers come long
//! before it would fire. Instead, waits count the ticks of one common timer, which runs only while
//! something waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::JoinHandle, time::sleep};

/// Ticks in a wait.
const PARTS: u32 = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Ticker {
    ticks: Arc<Ticks>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Ticks {
    tick: Notify,
    waiting: AtomicUsize,
    wanted: Notify,
}

/// One wait, for as long as this lives.
struct Waiting<'a>(&'a Ticks);

impl Ticker {
    /// A ticker for waits of this length; needs a runtime.
    pub(super) fn new(limit: Duration) -> Self {
        let ticks = Arc::<Ticks>::default();
        let task = crate::runtime::task::spawn(Arc::clone(&ticks).run(limit / PARTS));
        Self { ticks, task }
    }

    /// Waits for the future at least as long as the limit, and at most a quarter longer.
    pub(super) async fn limit<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.ticks.elapse() => None,
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ticks {
    #[expect(clippy::infinite_loop, reason = "the task that runs it is aborted")]
    async fn run(self: Arc<Self>, period: Duration) {
        loop {
            self.wanted.notified().await;
            while self.waiting.load(Ordering::Acquire) > 0 {
                sleep(period).await;
                self.tick.notify_waiters();
            }
        }
    }

    async fn elapse(&self) {
        let _waiting = Waiting::new(self);
        // The first tick may come at once.
        for _ in 0..=PARTS {
            self.tick.notified().await;
        }
    }
}

impl<'a> Waiting<'a> {
    fn new(ticks: &'a Ticks) -> Self {
        if ticks.waiting.fetch_add(1, Ordering::AcqRel) == 0 {
            ticks.wanted.notify_one();
        }
        Self(ticks)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);
    /// The resolution of the runtime's timers.
    const GRAIN: Duration = Duration::from_millis(2);

    #[tokio::test(start_paused = true)]
    async fn a_wait_lasts_for_the_limit_and_at_most_a_quarter_longer() {
        let ticker = Ticker::new(LIMIT);
        for offset in [0, 1, 13, 60] {
            let _other = tokio::join!(ticker.limit(sleep(Duration::from_millis(offset))), async {
                sleep(Duration::from_millis(offset)).await;
                let started = Instant::now();
                assert_eq!(ticker.limit(pending::<()>()).await, None);
                let waited = started.elapsed();
                assert!(waited >= LIMIT, "{waited:?}");
                assert!(waited <= LIMIT * 5 / 4 + 5 * GRAIN, "{waited:?}");
            });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_time_is_had() {
        let ticker = Ticker::new(LIMIT);
        assert_eq!(ticker.limit(ready(1)).await, Some(1));
        let late = ticker.limit(async {
            sleep(LIMIT / 2).await;
            2
        });
        assert_eq!(late.await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_ticks_while_nobody_waits() {
        let ticker = Ticker::new(LIMIT);
        assert_eq!(ticker.limit(sleep(LIMIT / 2)).await, Some(()));
        sleep(LIMIT).await;
        // A paused clock advances to the next timer: there is none before this one.
        let started = Instant::now();
        let waited = tokio::time::timeout(LIMIT * 100, ticker.ticks.tick.notified()).await;
        assert!(waited.is_err() && started.elapsed() >= LIMIT * 100);
    }
}
