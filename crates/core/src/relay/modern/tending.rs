//! Timed work: reopens streams, repeats calls, and stops waiting for clients that do not answer.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::bridge::Paused;
use crate::{
    era::Era,
    relay::{Shared, member::Member},
};

impl Shared {
    /// Does what is due, and sleeps in between; ends with the task that runs it.
    pub(crate) async fn tend(self: Arc<Self>) {
        loop {
            let changed = self.due.notified();
            match self.next_due() {
                Some(due) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(due) => self.act(),
                },
                None => changed.await,
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let bridge = &self.lock().bridge;
        let paused = bridge.paused.iter().map(|paused| paused.due).min();
        let listen = bridge.listen.due().map(|due| bridge.epoch + due);
        paused.into_iter().chain(listen).chain(bridge.asked.due()).min()
    }

    fn act(self: &Arc<Self>) {
        let now = Instant::now();
        let mut state = self.lock();
        let elapsed = state.bridge.now();
        let effects = state.bridge.listen.retry(elapsed);
        state.listen(effects);
        self.watch(&mut state);
        let unanswered = state.bridge.asked.overdue(now);
        let paused: Vec<Paused> =
            state.bridge.paused.extract_if(.., |paused| paused.due <= now).collect();
        drop(state);
        for (member, reply, round) in unanswered {
            self.give_up(member, reply, round.expire());
        }
        for Paused { member, reply, call, .. } in paused {
            let member = Member::new(member, Era::Legacy, Arc::clone(self));
            if let Some(sending) = member.dispatch(call, reply, None) {
                // The server is away or busy, which must not delay the rest.
                tokio::spawn(sending);
            }
        }
    }
}
