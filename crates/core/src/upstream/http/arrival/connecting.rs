//! Finds out which era the server speaks, and connects in it.

use std::sync::Arc;

use super::{
    super::{
        channel::answer,
        fault::{self, Fault},
        remote::Way,
    },
    Arrival, is_handshake,
};
use crate::{
    era::Era,
    jsonrpc::{Code, ErrorBody, Kind, Message},
    protocol::INITIALIZED,
    relay::{Connection, OpenError, Reply, reply_to},
};

impl Arrival {
    /// Finds out which era the server speaks now, and repeats there what was set before.
    pub(super) async fn reconnect(&self) -> Result<Arc<dyn Connection>, ErrorBody> {
        self.remote.site().doubt();
        let way = self.remote.find_way(Era::Modern).await.map_err(|fault| fault.body())?;
        if self.visitor.era == Era::Modern {
            return self.remote.enter(way, &self.visitor).await.map_err(body);
        }
        let (memory, listens) = {
            let progress = self.lock();
            (progress.memory.clone(), progress.listens)
        };
        let connection: Arc<dyn Connection> = if matches!(way, Way::Shared(_)) {
            let connection = self.remote.enter(way, &self.visitor).await.map_err(body)?;
            let initialized = Message::parse(INITIALIZED.into()).ok().filter(|_| listens);
            for message in memory.greeting().into_iter().chain(initialized).chain(memory.settled())
            {
                say(&*connection, message).await;
            }
            connection
        } else {
            let channel = self.remote.session(&self.visitor);
            if let Err(fault) = channel.take_over(memory, listens).await {
                channel.close();
                return Err(fault.body());
            }
            channel
        };
        tracing::info!("the client goes on in the era that the server speaks now");
        Ok(connection)
    }

    /// Finds the server, and sends what the client has sent first.
    pub(super) async fn connect(&self) -> Result<Arc<dyn Connection>, ErrorBody> {
        if self.remote.takes_own_era_first(self.visitor.era) {
            return match self.next() {
                Some((request, Some(reply))) if is_handshake(&request) => {
                    self.shake_hands(request, reply).await
                }
                // If a client opens no session, one is opened for it.
                first => {
                    if let Some(first) = first {
                        self.put_back(first);
                    }
                    self.remote.enter(Way::Session, &self.visitor).await.map_err(body)
                }
            };
        }
        let way = self.remote.find_way(self.visitor.era).await.map_err(|fault| fault.body())?;
        self.remote.enter(way, &self.visitor).await.map_err(body)
    }

    /// Tries the client's own handshake; a server that refuses it may speak 2026-07-28.
    async fn shake_hands(
        &self,
        request: Message,
        reply: Reply,
    ) -> Result<Arc<dyn Connection>, ErrorBody> {
        let channel = self.remote.session(&self.visitor);
        let refusal = match channel.greet(&request).await {
            Ok(response) if response.error().is_none() => {
                reply.response(&response);
                return Ok(channel);
            }
            Ok(response) => Fault::refused(String::new(), response),
            Err(fault) => fault,
        };
        // A client that was not let in is not tried in another way.
        let refused = refusal.kind != fault::Kind::Unauthorized;
        if refused && (refusal.error.is_some() || refusal.is_of_another_protocol()) {
            match self.remote.find_way(Era::Modern).await {
                Ok(way @ Way::Shared(_)) => {
                    channel.close();
                    self.put_back((request, Some(reply)));
                    return self.remote.enter(way, &self.visitor).await.map_err(body);
                }
                Ok(_) => {}
                Err(fault) => tracing::debug!("{}", fault.sentence()),
            }
        }
        self.remote.site().not_found(refusal.sentence());
        match refusal.response(reply.id()) {
            Some(response) => answer(reply, &response),
            None => drop(reply),
        }
        Ok(channel)
    }
}

/// Sends a request on behalf of the client, which has got the answer before.
async fn say(connection: &dyn Connection, message: Message) {
    let asks = message.kind() == Kind::Request;
    let reply = asks.then(|| reply_to(&message, drop));
    if let Some(sending) = connection.send(message, reply, None) {
        sending.await;
    }
}

fn body(error: OpenError) -> ErrorBody {
    match error {
        OpenError::Upstream(error) => error,
        OpenError::Refused(_) => ErrorBody::new(Code::Internal, "the client was refused"),
    }
}
