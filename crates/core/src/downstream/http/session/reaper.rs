//! Closes the sessions of clients that left without ending them.

use std::{sync::Arc, time::Duration};

use super::Registry;
use crate::telemetry::console;

/// Longest pause between two checks.
const MAX_PERIOD: Duration = Duration::from_mins(1);

/// Closes idle sessions; runs until its task is aborted.
#[expect(clippy::infinite_loop, reason = "it ends with the task that runs it")]
pub(crate) async fn reap(registry: Arc<Registry>, timeout: Duration) {
    let period = timeout.clamp(Duration::from_millis(1), MAX_PERIOD);
    loop {
        tokio::time::sleep(period).await;
        for session in registry.remove_idle(timeout) {
            console!(
                "[mcp-proxy] closing session {}, idle for over {}ms",
                session.id(),
                timeout.as_millis()
            );
            session.close();
        }
    }
}
