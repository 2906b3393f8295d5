//! Whether a server still answers.

use std::future::pending;

use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::config::PingConfig;

/// Pings a server until an answer is overdue; returns then.
pub(super) async fn hang(
    ping: impl Fn() -> oneshot::Receiver<()>,
    config: Option<PingConfig>,
) -> String {
    let Some(PingConfig { interval, timeout: limit }) = config else { return pending().await };
    loop {
        sleep(interval).await;
        match timeout(limit, ping()).await {
            Ok(Ok(())) => {}
            // It is ending, which is noticed elsewhere.
            Ok(Err(_)) => return pending().await,
            Err(_) => return format!("did not answer a ping within {} ms", limit.as_millis()),
        }
    }
}
