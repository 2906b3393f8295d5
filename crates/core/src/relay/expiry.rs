//! Time limits of calls: an overdue call fails, and the upstream is told.

use std::{sync::Arc, time::Duration};

use super::{
    Shared,
    exchange::{Limits, Purpose},
    owed::Owed,
    state::State,
};
use crate::{
    era::modern_server::Ending,
    jsonrpc::{Code, ErrorBody},
};

impl Shared {
    /// Starts watching the time limits of running exchanges, if that is not done yet.
    pub(super) fn watch(&self, state: &mut State) {
        if !state.sweeping && self.limits().shortest().is_some() {
            state.sweeping = true;
            self.busy.notify_one();
        }
    }

    /// Watches the time limits; ends with the task that runs it.
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

    /// Fails overdue exchanges; `false` if none are left to watch.
    pub(super) fn sweep(&self, limits: Limits) -> bool {
        let mut state = self.lock();
        let mut unheard = false;
        for (id, exchange, limit) in state.exchanges.remove_overdue(limits) {
            state.withdraw(id, &exchange, "Request timed out");
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

/// How often to check.
pub(crate) fn period(shortest: Duration) -> Duration {
    (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
}

/// The error for the client of an overdue call.
pub(crate) fn timed_out(limit: Duration) -> ErrorBody {
    let mut error = ErrorBody::new(Code::Internal, "Request timed out");
    error.data = Some(format!("{{\"timeout\":{}}}", limit.as_millis()));
    error
}
