//! Pings that keep an idle session with a server alive.

use tokio::time::{sleep, timeout};

use super::{
    auth::Occasion,
    channel::Channel,
    fault::{Fault, Kind},
    session::Session,
};
use crate::{config::PingConfig, jsonrpc::Message};

impl Channel {
    /// Pings the session while nothing else is running in it, for as long as the channel is open.
    pub(super) async fn keep_alive(&self) {
        let Some(PingConfig { interval, timeout: limit }) = self.remote.ping else {
            return std::future::pending().await;
        };
        for number in 1_u64.. {
            sleep(interval).await;
            let session = self.session().filter(|session| !session.ended().is_cancelled());
            let Some(session) = session.filter(|_| self.lock().calls.is_empty()) else { continue };
            match timeout(limit, self.ping(&session, number)).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => self.after_silence(&session, fault).await,
                Err(_) => tracing::warn!(
                    "{} did not answer a ping within {} ms (--pingTimeout)",
                    self.remote.endpoint.place(),
                    limit.as_millis()
                ),
            }
        }
    }

    async fn ping(&self, session: &Session, number: u64) -> Result<(), Fault> {
        let text = format!(r#"{{"jsonrpc":"2.0","id":"mcp-proxy-ping-{number}","method":"ping"}}"#);
        let ping = Message::parse(text.into()).map_err(|invalid| {
            Fault::new(Kind::Final, format!("no ping can be made: {invalid}"))
        })?;
        if session.messages_url().is_some() {
            // The answer comes on the session's stream; the end of that stream is noticed there.
            return self.tell_once(session, &ping).await;
        }
        self.ask(session, &ping).await.map(drop)
    }

    /// What a failed ping means; a refused one also keeps a session alive.
    async fn after_silence(&self, session: &Session, fault: Fault) {
        let fault = self.in_doubt(session, fault).await;
        let mended = match fault.kind {
            Kind::SessionLost => self.renew(session.generation(), Occasion::Background).await,
            Kind::Unauthorized => self.remote.endpoint.authorize(fault, Occasion::Background).await,
            _ => Err(fault),
        };
        if let Err(fault) = mended {
            tracing::warn!("a ping was not answered: {}", fault.sentence());
        }
    }
}
