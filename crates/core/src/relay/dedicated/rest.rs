//! Pings to a server, and the time limits for its answers and its idleness.

use std::{future::pending, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::private::{Phase, Private, State, push_line};
use crate::relay::exchange::Purpose;

impl Private {
    /// Ends if the proxy's own handshake has not been answered for this long; otherwise never.
    pub(crate) async fn left_waiting(&self, limit: Duration) {
        sleep(limit).await;
        if !matches!(self.lock().phase, Phase::Greeting { .. }) {
            pending::<()>().await;
        }
    }

    /// Pings the server; the receiver gets the answer, or an error if the server ends. A server
    /// without a finished handshake is not pinged.
    pub(crate) fn ping(&self) -> oneshot::Receiver<()> {
        let (answered, answer) = oneshot::channel();
        let mut state = self.lock();
        let Phase::Open(server) = &state.phase else {
            if answered.send(()).is_err() {
                tracing::trace!("nobody waits for a sign of life");
            }
            return answer;
        };
        let id = state.exchanges.next_id();
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        push_line(&server.outbox, &text.into());
        state.exchanges.insert(Purpose::Ping(answered));
        answer
    }

    /// Stops the server after its client has not used it for this long, then ends. The client's
    /// next request starts another one.
    pub(crate) async fn rest(&self, limit: Option<Duration>) {
        let Some(limit) = limit else { return pending().await };
        let mut left = limit;
        while !left.is_zero() {
            sleep(left).await;
            let mut state = self.lock();
            left = limit.saturating_sub(state.idle());
            if left.is_zero() {
                // Dropping the server's handle ends it.
                state.phase = Phase::Resting;
            }
        }
    }
}

impl State {
    /// Time since the last message in either direction; `None` while something is running, or while
    /// the client is subscribed to changes that only the server notices.
    fn idle(&self) -> Duration {
        let is_open = matches!(self.phase, Phase::Open(_));
        if !is_open || !self.exchanges.is_empty() || self.memory.has_subscriptions() {
            return Duration::ZERO;
        }
        Instant::now().saturating_duration_since(self.last_used)
    }
}
