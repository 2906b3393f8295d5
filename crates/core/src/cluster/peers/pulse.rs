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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use h2::{client, server};
    use tokio::{
        io::{DuplexStream, duplex},
        time::Instant,
    };

    use super::*;

    /// The pings of a connection, and its other end, which answers while it is polled.
    async fn connected() -> (Option<PingPong>, server::Connection<DuplexStream, Bytes>) {
        let (near, far) = duplex(64 * 1024);
        let (near, far) = tokio::join!(client::handshake(near), server::handshake(far));
        let ((sender, mut connection), far) = (near.unwrap(), far.unwrap());
        let pings = connection.ping_pong();
        tokio::spawn(async move {
            let _kept = sender;
            drop(connection.await);
        });
        (pings, far)
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_answers_no_more_is_noticed() {
        let (pings, mut far) = connected().await;
        let began = Instant::now();
        let answering = timeout(SIGN_OF_LIFE * 10, far.accept());
        let lost = lost(pings);
        tokio::pin!(lost);
        tokio::select! {
            () = &mut lost => panic!("lost after {:?}, although it answers", began.elapsed()),
            ended = answering => assert!(ended.is_err(), "{ended:?}"),
        }
        timeout(SIGN_OF_LIFE * 2, lost).await.unwrap();
    }
}
