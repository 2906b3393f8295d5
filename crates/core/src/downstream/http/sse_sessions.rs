//! The sessions of HTTP+SSE: one for each open stream.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::{
    downstream::http::session::{Name, Stream, lenient_id_in},
    identity::{Expiry, Identity},
    relay::Connection,
    runtime::seats::{Seat, Seats},
    watch::SessionTag,
};

/// Open streams by session id.
#[derive(Debug, Default)]
pub(super) struct SseSessions(Mutex<HashMap<Uuid, SseSession>>);

/// One session.
#[derive(Clone, Debug)]
pub(super) struct SseSession {
    pub(super) name: Name,
    /// The identity that opened it; only that one may use it.
    pub(super) owner: Identity,
    /// The expiry of the newest credentials that its owner has presented.
    pub(super) expiry: Arc<Expiry>,
    pub(super) stream: Arc<Stream>,
    pub(super) connection: Arc<dyn Connection>,
    pub(super) calls: Arc<Seats>,
    /// Its seat among all sessions.
    pub(super) _seat: Arc<Seat>,
    pub(super) _tag: Arc<SessionTag>,
}

impl SseSessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, SseSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session that the query names.
    pub(super) fn named(&self, query: Option<&str>) -> Option<SseSession> {
        let name = session_id(query)?;
        let known = self.lock().get(&lenient_id_in(&name)?).cloned()?;
        known.name.has_owner_of(&name).then_some(known)
    }

    /// Keeps a session in the map until its guard is dropped.
    pub(super) fn open(self: &Arc<Self>, id: Uuid, session: SseSession) -> Closing {
        self.lock().insert(id, session);
        Closing { sessions: Arc::clone(self), id }
    }

    /// How many there are, and the bytes that wait for their clients.
    pub(super) fn held(&self) -> (usize, usize) {
        let sessions = self.lock();
        (sessions.len(), sessions.values().map(|session| session.stream.queued_bytes()).sum())
    }

    pub(super) fn close_all(&self) {
        let sessions: Vec<_> = self.lock().drain().map(|(_, session)| session).collect();
        for session in sessions {
            session.connection.close();
            session.stream.end();
        }
    }

    /// Ends sessions without a running call.
    pub(super) fn close_idle(&self) {
        let idle: Vec<_> = {
            let sessions = self.lock();
            let idle = sessions.values().filter(|session| session.calls.taken() == 0);
            idle.map(|session| Arc::clone(&session.stream)).collect()
        };
        for stream in idle {
            stream.end();
        }
    }

    pub(super) fn close(&self, id: Uuid) {
        let session = self.lock().remove(&id);
        if let Some(session) = session {
            session.connection.close();
        }
    }
}

/// Ends a session with its stream.
#[derive(Debug)]
pub(super) struct Closing {
    sessions: Arc<SseSessions>,
    id: Uuid,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.sessions.close(self.id);
    }
}

/// The session that a query names.
pub(super) fn session_id(query: Option<&str>) -> Option<String> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let id = pairs.into_iter().find(|(name, _)| *name == "sessionId")?.1;
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_id_is_a_query_parameter() {
        assert_eq!(session_id(Some("x=1&sessionId=abc")), Some("abc".to_owned()));
        assert_eq!(session_id(Some("sessionId=")), None);
        assert_eq!(session_id(None), None);
    }
}
