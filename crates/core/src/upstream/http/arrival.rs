//! A client that came before it was known in which era its server is spoken to.
//!
//! What it says waits until that is found out, which begins with its first message: in its own era
//! if the server speaks that, so that everything crosses as it is, else in the other one.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::{
    channel::answer,
    fault::Fault,
    remote::{Remote, Visitor, Way},
};
use crate::{
    host::Caller,
    jsonrpc::{Code, ErrorBody, Message},
    protocol::Method,
    relay::{Connection, OpenError, Reply},
};

/// Messages that may wait.
const QUEUE: usize = 1024;

/// See the module.
pub(super) struct Arrival {
    me: Weak<Self>,
    remote: Remote,
    visitor: Visitor,
    closed: CancellationToken,
    state: Mutex<State>,
}

type Queued = (Message, Option<Reply>);

enum State {
    /// Nobody works on it: nothing was said yet, or what was said has failed.
    Idle,
    Waiting(VecDeque<Queued>),
    Open(Arc<dyn Connection>),
    /// The client has gone.
    Closed,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival").field("remote", &self.remote).finish_non_exhaustive()
    }
}

impl Connection for Arrival {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let mut state = self.lock();
        match &mut *state {
            State::Open(connection) => {
                let connection = Arc::clone(connection);
                drop(state);
                return connection.send(message, reply, caller);
            }
            State::Waiting(queue) if queue.len() < QUEUE => queue.push_back((message, reply)),
            State::Waiting(_) => {
                drop(state);
                if let Some(reply) = reply {
                    let text = "too many messages wait for the server";
                    reply.error(&ErrorBody::new(Code::Unavailable, text));
                }
            }
            State::Idle => {
                *state = State::Waiting(VecDeque::from([(message, reply)]));
                drop(state);
                self.begin();
            }
            State::Closed => {}
        }
        None
    }

    fn close(&self) {
        self.closed.cancel();
        match mem::replace(&mut *self.lock(), State::Closed) {
            State::Open(connection) => connection.close(),
            State::Waiting(queue) => queue.into_iter().for_each(|(_, reply)| forget(reply)),
            State::Idle | State::Closed => {}
        }
    }
}

impl Arrival {
    pub(super) fn open(remote: Remote, visitor: Visitor) -> Arc<Self> {
        let closed = remote.shared().stop.child_token();
        let state = Mutex::new(State::Idle);
        Arc::new_cyclic(|me| Self { me: Weak::clone(me), remote, visitor, closed, state })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        let Some(arrival) = self.me.upgrade() else { return };
        self.remote.shared().spawn(self.closed.clone(), async move {
            match arrival.connect().await {
                Ok(connection) => arrival.hand_over(connection).await,
                Err(error) => arrival.refuse(&error),
            }
        });
    }

    /// Finds the server, and says what the client has said first.
    async fn connect(&self) -> Result<Arc<dyn Connection>, ErrorBody> {
        if self.remote.takes_own_era_first(self.visitor.era) {
            return match self.next() {
                Some((request, Some(reply))) if is_handshake(&request) => {
                    self.shake_hands(request, reply).await
                }
                // A client that opens no session has one opened for it.
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

    /// Tries the client's own handshake; a server that refuses it may be one of 2026-07-28.
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
        if refusal.error.is_some() || refusal.is_of_another_protocol() {
            match self.remote.find_way(crate::era::Era::Modern).await {
                Ok(way @ Way::Shared(_)) => {
                    channel.close();
                    self.put_back((request, Some(reply)));
                    return self.remote.enter(way, &self.visitor).await.map_err(body);
                }
                Ok(_) => {}
                Err(fault) => tracing::debug!("{}", fault.sentence()),
            }
        }
        self.remote.shared().not_found(refusal.sentence());
        match refusal.response(reply.id()) {
            Some(response) => answer(reply, &response),
            None => drop(reply),
        }
        Ok(channel)
    }

    /// Hands over what waits, and lets everything else go straight on.
    async fn hand_over(&self, connection: Arc<dyn Connection>) {
        while let Some((message, reply)) = self.next_or_open(&connection) {
            if let Some(sending) = connection.send(message, reply, None) {
                sending.await;
            }
        }
    }

    fn next_or_open(&self, connection: &Arc<dyn Connection>) -> Option<Queued> {
        let mut state = self.lock();
        let State::Waiting(queue) = &mut *state else {
            drop(state);
            connection.close();
            return None;
        };
        let next = queue.pop_front();
        if next.is_none() {
            *state = State::Open(Arc::clone(connection));
        }
        next
    }

    /// Answers what waits; the next message is another attempt.
    fn refuse(&self, error: &ErrorBody) {
        let mut state = self.lock();
        if matches!(*state, State::Closed) {
            return;
        }
        let State::Waiting(queue) = mem::replace(&mut *state, State::Idle) else { return };
        drop(state);
        for reply in queue.into_iter().filter_map(|(_, reply)| reply) {
            reply.error(error);
        }
    }

    fn next(&self) -> Option<Queued> {
        match &mut *self.lock() {
            State::Waiting(queue) => queue.pop_front(),
            _ => None,
        }
    }

    fn put_back(&self, first: Queued) {
        match &mut *self.lock() {
            State::Waiting(queue) => queue.push_front(first),
            _ => forget(first.1),
        }
    }
}

fn is_handshake(message: &Message) -> bool {
    Method::of(&message.method()) == Method::Initialize
}

fn forget(reply: Option<Reply>) {
    if let Some(reply) = reply {
        reply.forget();
    }
}

fn body(error: OpenError) -> ErrorBody {
    match error {
        OpenError::Upstream(error) => error,
        OpenError::Refused(_) => ErrorBody::new(Code::Internal, "the client was refused"),
    }
}
