//! A backend that can be replaced while its clients stay connected.
//!
//! Running calls stay with their backend, which can be waited for (`Leaving`). A session connects
//! to the new backend with its client's next message, and repeats there what the client had set
//! before (`Lasting`). Independent requests use one backend only (`Tracked`).

mod lasting;
mod opened;
mod tracked;
mod turn;
mod visitor;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use self::{
    lasting::Lasting,
    tracked::Tracked,
    turn::{Current, Turn},
    visitor::Visitor,
};
use super::{Backend, Client, Connection, LISTEN, Objection, OpenError};
use crate::{config::Policy, era::Era, identity::Claims, jsonrpc::Message};

/// See the module.
pub(crate) struct Replaceable {
    me: Weak<Self>,
    current: Arc<Current>,
    /// Sessions, as long as there are any.
    sessions: Mutex<Vec<Weak<Lasting>>>,
}

impl fmt::Debug for Replaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replaceable").finish_non_exhaustive()
    }
}

impl Replaceable {
    /// Starts with this backend.
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Arc<Self> {
        let current = Current::of(backend);
        Arc::new_cyclic(|me| Self { me: Weak::clone(me), current, sessions: Mutex::default() })
    }

    /// Sends everything that comes from now on to this backend.
    pub(crate) fn replace(&self, backend: Arc<dyn Backend>) -> Leaving {
        let turn = self.current.replace(backend);
        let mut sessions = self.sessions();
        sessions.retain(|session| session.strong_count() > 0);
        let known: Vec<_> = sessions.iter().filter_map(Weak::upgrade).collect();
        drop(sessions);
        let sessions = known;
        // A thread that has seen the turn as current has counted its call before the turn was
        // replaced.
        for session in &sessions {
            session.leave();
        }
        turn.calls.close();
        turn.backend.end_subscriptions();
        Leaving { turn, sessions: sessions.iter().map(Arc::downgrade).collect() }
    }

    /// Tells every session that its lists have changed.
    pub(crate) fn tell_changes(&self) {
        let sessions: Vec<_> = self.sessions().iter().filter_map(Weak::upgrade).collect();
        for session in sessions {
            session.tell_changes();
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Weak<Lasting>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> Arc<Turn> {
        self.current.turn()
    }

    fn remember(&self, session: &Arc<Lasting>) {
        let mut sessions = self.sessions();
        if sessions.len() == sessions.capacity() {
            sessions.retain(|session| session.strong_count() > 0);
        }
        sessions.push(Arc::downgrade(session));
    }

    /// The connection of a client with a session.
    async fn open_lasting(
        self: Arc<Self>,
        client: Client,
    ) -> Result<Arc<dyn Connection>, OpenError> {
        let (visitor, turn) = (Visitor::of(&client), self.turn());
        let connection = turn.backend.open(client).await?;
        let session = Lasting::new(Arc::clone(&self.current), visitor, (turn, connection));
        self.remember(&session);
        Ok(session)
    }

    /// The connection of a client with a single request.
    async fn open_tracked(&self, client: Client) -> Result<Arc<dyn Connection>, OpenError> {
        let listens = client.request.as_ref().is_some_and(|request| request.method() == LISTEN);
        let (turn, call) = self.current.counted();
        let connection = turn.backend.open(client).await?;
        Ok(Arc::new(Tracked { connection, _call: (!listens).then_some(call) }))
    }
}

impl Backend for Replaceable {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            match self.me.upgrade() {
                Some(me) if client.era == Era::Legacy && client.unsolicited.is_some() => {
                    me.open_lasting(client).await
                }
                _ => self.open_tracked(client).await,
            }
        })
    }

    fn serves_modern(&self) -> bool {
        self.turn().backend.serves_modern()
    }

    fn end_subscriptions(&self) {
        self.turn().backend.end_subscriptions();
    }

    fn policy(&self) -> Option<Arc<Policy>> {
        self.turn().backend.policy()
    }

    fn objection(&self, request: &Message, claims: Option<&Claims>) -> Option<Objection> {
        self.turn().backend.objection(request, claims)
    }

    fn lists_differ(&self) -> bool {
        self.turn().backend.lists_differ()
    }
}

/// A backend that was replaced.
pub(crate) struct Leaving {
    turn: Arc<Turn>,
    sessions: Vec<Weak<Lasting>>,
}

impl fmt::Debug for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaving").finish_non_exhaustive()
    }
}

impl Leaving {
    /// Waits until it has answered its calls, for a limited time; returns whether it has.
    pub(crate) async fn answered(&self, patience: Duration) -> bool {
        timeout(patience, self.turn.calls.wait()).await.is_ok()
    }

    /// Waits without a limit until it has answered its calls, then closes its clients' connections.
    pub(crate) async fn close_when_answered(self) {
        self.turn.calls.wait().await;
        self.close();
    }

    /// Closes its clients' connections. Unanswered calls get no answer from it any more.
    pub(crate) fn close(self) {
        for session in self.sessions.iter().filter_map(Weak::upgrade) {
            session.forget_before(&self.turn);
        }
    }
}

#[cfg(test)]
mod tests;
