//! A backend that another one may take the place of, while its clients go on.
//!
//! What is under way stays with the backend that it went to, which may be waited for (`Leaving`).
//! A session opens a connection of the new one with the next thing that its client sends, and
//! settles there what was settled before (`Lasting`). Requests that stand for themselves have one
//! backend only (`Tracked`).

mod lasting;
mod tracked;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::timeout;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use self::{
    lasting::{Lasting, Visitor},
    tracked::Tracked,
};
use super::{Backend, Client, Connection, LISTEN, OpenError};
use crate::{config::Policy, era::Era};

/// See the module.
pub(crate) struct Replaceable {
    me: Weak<Self>,
    state: Mutex<State>,
}

struct State {
    turn: Arc<Turn>,
    /// Sessions, as long as there are any.
    sessions: Vec<Weak<Lasting>>,
}

/// The time of one backend.
pub(super) struct Turn {
    backend: Arc<dyn Backend>,
    over: AtomicBool,
    /// Calls that the backend has to answer.
    calls: TaskTracker,
}

impl Turn {
    fn new(backend: Arc<dyn Backend>) -> Arc<Self> {
        Arc::new(Self { backend, over: AtomicBool::new(false), calls: TaskTracker::new() })
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Held for as long as a call is under way.
    fn call(&self) -> TaskTrackerToken {
        self.calls.token()
    }
}

impl fmt::Debug for Replaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replaceable").finish_non_exhaustive()
    }
}

impl Replaceable {
    /// Begins with this backend.
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Arc<Self> {
        let state = State { turn: Turn::new(backend), sessions: Vec::new() };
        Arc::new_cyclic(|me| Self { me: Weak::clone(me), state: Mutex::new(state) })
    }

    /// Gives everything that comes from now on to this backend.
    pub(crate) fn replace(&self, backend: Arc<dyn Backend>) -> Leaving {
        let mut state = self.lock();
        let turn = std::mem::replace(&mut state.turn, Turn::new(backend));
        turn.over.store(true, Ordering::Release);
        state.sessions.retain(|session| session.strong_count() > 0);
        let sessions: Vec<_> = state.sessions.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        // Whoever has read that the turn goes on has counted its call before this lock is got.
        for session in &sessions {
            session.leave();
        }
        turn.calls.close();
        turn.backend.end_subscriptions();
        Leaving { turn, sessions: sessions.iter().map(Arc::downgrade).collect() }
    }

    /// Tells every session that its lists are other ones.
    pub(crate) fn tell_changes(&self) {
        let sessions: Vec<_> = self.lock().sessions.iter().filter_map(Weak::upgrade).collect();
        for session in sessions {
            session.tell_changes();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> Arc<Turn> {
        Arc::clone(&self.lock().turn)
    }

    /// The turn, and a call of it that is under way from now on.
    fn counted(&self) -> (Arc<Turn>, TaskTrackerToken) {
        let state = self.lock();
        (Arc::clone(&state.turn), state.turn.call())
    }

    fn remember(&self, session: &Arc<Lasting>) {
        let mut state = self.lock();
        if state.sessions.len() == state.sessions.capacity() {
            state.sessions.retain(|session| session.strong_count() > 0);
        }
        state.sessions.push(Arc::downgrade(session));
    }

    /// The connection of a client that comes back.
    async fn open_lasting(
        self: Arc<Self>,
        client: Client,
    ) -> Result<Arc<dyn Connection>, OpenError> {
        let (visitor, turn) = (Visitor::of(&client), self.turn());
        let connection = turn.backend.open(client).await?;
        let session = Lasting::new(Arc::clone(&self), visitor, (turn, connection));
        self.remember(&session);
        Ok(session)
    }

    /// The connection of a client that has one thing to say.
    async fn open_tracked(&self, client: Client) -> Result<Arc<dyn Connection>, OpenError> {
        let listens = client.request.as_ref().is_some_and(|request| request.method() == LISTEN);
        let (turn, call) = self.counted();
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
}

/// A backend that another one has taken the place of.
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
    /// Waits until it has answered its calls, or so long; whether it has.
    pub(crate) async fn answered(&self, patience: Duration) -> bool {
        timeout(patience, self.turn.calls.wait()).await.is_ok()
    }

    /// The same once it has answered its calls, however long that takes.
    pub(crate) async fn close_when_answered(self) {
        self.turn.calls.wait().await;
        self.close();
    }

    /// Closes what its clients had opened of it. What it has not answered gets no answer any more.
    pub(crate) fn close(self) {
        for session in self.sessions.iter().filter_map(Weak::upgrade) {
            session.forget_before(&self.turn);
        }
    }
}

#[cfg(test)]
mod tests;
