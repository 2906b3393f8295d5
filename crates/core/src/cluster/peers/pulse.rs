//! Finds out that the other end of a connection is gone, although nobody has closed it.

use h2::{Ping, PingPong};
use tokio::time::{sleep, timeout};

use super::SIGN_OF_LIFE;

/// Asks for a sign of life again and again; resolves when none has come in time.
pub(super) async fn lost(pings: Option<PingPong>) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        sleep(SIGN_OF_LIFE).await;
        let Ok(Ok(_)) = timeout(SIGN_OF_LIFE, pings.ping(Ping::opaque())).await else { return };
    }
}
