//! The time of calls: what has gone past its limit fails, and the upstream is told.

use std::{sync::Arc, time::Duration};

use super::{
    Shared,
    exchange::{Limits, Purpose},
    owed::Owed,
    shared::State,
};
use crate::{
    era::modern_server::Ending,
    jsonrpc::{Code, ErrorBody},
};

impl Shared {
    /// Makes sure that the time of running exchanges is watched.
    pub(super) fn watch(&self, state: &mut State) {
        if !state.sweeping && self.limits().shortest().is_some() {
            state.sweeping = true;
            self.busy.notify_one();
        }
    }

    /// Watches the time of the exchanges; ends with the task that runs it.
    #[expect(clippy::infinite_loop, reason = "the task that runs it is aborted")]
    pub(crate) async fn expire_calls(self: Arc<Self>) {
        let limits = self.limits();
        let Some(shortest) = limits.shortest() else { return };
        let period = period(shortest);
        loop {
            self.busy.notified().await;
            while self.sweep(limits) {
                tokio::time::sleep(period).await;
            }
        }
    }

    /// Fails what is overdue; `false` when nothing is left to watch.
    pub(super) fn sweep(&self, limits: Limits) -> bool {
        let mut state = self.lock();
        let mut unheard = false;
        for (id, exchange, limit) in state.exchanges.remove_overdue(limits) {
            state.cancel(id, "Request timed out");
            match exchange.purpose {
                Purpose::Call { member, reply, .. } => {
                    state.ended(member);
                    state.owe(Owed::Error(reply, timed_out(limit)));
                }
                Purpose::Subscription { uri } => {
                    for reply in state.answered(uri, false) {
                        state.owe(Owed::Error(reply, timed_out(limit)));
                    }
                }
                Purpose::Listen => {
                    state.unheard(id, Ending::Broken);
                    unheard = true;
                }
                _ => {}
            }
        }
        state.sweeping = !state.exchanges.is_unlimited();
        let sweeping = state.sweeping;
        drop(state);
        if unheard {
            self.due.notify_one();
        }
        sweeping
    }
}

/// How often to look.
pub(crate) fn period(shortest: Duration) -> Duration {
    (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
}

/// What the client of an overdue call is told.
pub(crate) fn timed_out(limit: Duration) -> ErrorBody {
    let mut error = ErrorBody::new(Code::Internal, "Request timed out");
    error.data = Some(format!("{{\"timeout\":{}}}", limit.as_millis()));
    error
}
