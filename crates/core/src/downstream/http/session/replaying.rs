//! Reading a log: both of its ends are asked in the same way.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    log::EventLog,
    numbering::STANDALONE,
    reading::Reading,
    registry::Session,
    stream::{Stream, Unresumed},
};
use crate::{
    codec::event_stream::EventId,
    host::{Host, Replay, ServerId, Unreplayed},
    relay::Reader as _,
};

impl Session {
    /// Whether its events are logged, so that its streams can be resumed.
    pub(crate) fn is_logged(&self) -> bool {
        self.log().is_some()
    }

    /// Attaches a reader to the stream of this event again, which gets what came after it.
    pub(crate) async fn replay(self: &Arc<Self>, last: &str) -> Result<Reading, Unresumed> {
        match self.log() {
            Some(EventLog::Host(host)) => self.replay_hosted(&**host, last).await,
            Some(EventLog::Memory(_)) => {
                self.resume(EventId::parse(last).ok_or(Unresumed::Unknown)?)
            }
            None => Err(Unresumed::Unknown),
        }
    }

    async fn replay_hosted(
        self: &Arc<Self>,
        host: &dyn Host,
        last: &str,
    ) -> Result<Reading, Unresumed> {
        let server = self.server().ok_or(Unresumed::Unknown)?;
        let (told, reading) = oneshot::channel();
        let session = Arc::clone(self);
        let resume = move |replay: Result<Replay, Unreplayed>| {
            let resumed = match replay {
                Ok(Replay { stream, events }) => session.resume_with(stream, &events),
                Err(Unreplayed::Unknown) => Err(Unresumed::Unknown),
                Err(Unreplayed::Failed) => Err(Unresumed::Failed),
            };
            // If the client disconnects, it detaches from its stream.
            drop(told.send(resumed));
        };
        host.replay(server, last, Box::new(resume));
        reading.await.unwrap_or(Err(Unresumed::Failed))
    }

    /// Starts a logged stream with an event that carries only an id, unless it begins with a
    /// message. Nobody waits for a host's event: whatever its servers send later follows it.
    pub(crate) fn prime(&self, stream: &Arc<Stream>) {
        let Some(EventLog::Host(host)) = self.log() else { return stream.prime() };
        let Some(server) = self.server().filter(|_| !stream.has_backlog()) else { return };
        let number = stream.number().unwrap_or(STANDALONE);
        let stream = Arc::downgrade(stream);
        let begin = move |id: Option<String>| {
            if let Some((stream, id)) = stream.upgrade().zip(id) {
                stream.prime_as(&id);
            }
        };
        host.prime(server, number, Box::new(begin));
    }

    /// The host's server behind it.
    fn server(&self) -> Option<ServerId> {
        self.connection()?.server()
    }
}
