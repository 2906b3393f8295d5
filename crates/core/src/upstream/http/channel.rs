//! One client and its session with a remote server: the messages in both directions.
//!
//! Everything passes unchanged in both directions, including ids: the server has no other client in
//! this session. Messages leave in the order of arrival, as far as HTTP allows that: a message that
//! is not a request is acknowledged before the next one is sent.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use http::HeaderValue;
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    auth::Occasion,
    fault::Fault,
    session::Session,
    site::{Farewell, Site},
};
use crate::{
    config::RemoteTransport,
    host::Caller,
    jsonrpc::{Code, ErrorBody, IdKey, Kind, Message},
    protocol::Notification,
    relay::{
        Connection, Continuation, Departure, Memory, Outgoing, PAUSE_ABOVE, RESUME_BELOW, Reply,
        Sink,
    },
    telemetry::traffic,
};

/// Most messages of one client that wait to be sent.
const QUEUE: usize = 64;
/// Most requests of one client on the wire.
const MAX_ON_THE_WIRE: usize = 128;
/// Most calls of one client, on the wire or waiting.
const MAX_CALLS: usize = 16 * 1024;

/// See the module.
pub(super) struct Channel {
    me: Weak<Self>,
    pub(super) remote: Arc<Site>,
    pub(super) unsolicited: Option<Arc<dyn Sink>>,
    queue: mpsc::Sender<Message>,
    /// Only one handshake at a time.
    pub(super) gate: Semaphore,
    pub(super) wire: Semaphore,
    /// Seats for refusals that do not fit into the queue.
    refusals: Arc<Semaphore>,
    pub(super) busy: Notify,
    pub(super) closed: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) calls: HashMap<IdKey, Call>,
    pub(super) memory: Memory,
    /// `None` before the first handshake.
    pub(super) session: Option<Arc<Session>>,
    /// Whether the client has sent `notifications/initialized`.
    pub(super) listens: bool,
    /// The last failed attempt to reopen the session.
    pub(super) failed: Option<Failed>,
}

/// A failed attempt to reopen the session.
pub(super) struct Failed {
    pub(super) when: Instant,
    pub(super) fault: Fault,
    pub(super) occasion: Occasion,
}

/// A call without an answer so far.
pub(super) struct Call {
    pub(super) reply: Reply,
    pub(super) started: Instant,
    pub(super) last_sign: Instant,
    /// Dropped with the call, which notifies the task that works on it.
    #[expect(dead_code, reason = "it is there to be dropped")]
    over: oneshot::Sender<Infallible>,
    /// The other end, until a task works on the call.
    ended: Option<oneshot::Receiver<Infallible>>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// A call that was noted and is not queued yet. Dropping this removes the call.
struct Unsent {
    channel: Weak<Channel>,
    key: Option<IdKey>,
}

impl Unsent {
    fn queued(mut self) {
        self.key = None;
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        if let (Some(channel), Some(key)) = (self.channel.upgrade(), &self.key) {
            let call = channel.lock().calls.remove(key);
            drop(call);
        }
    }
}

impl Connection for Channel {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        _: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let reply = match reply {
            Some(reply) => match self.remote.endpoint.answer_meanwhile(&message, reply) {
                Some(reply) => Some(reply),
                None => return None,
            },
            None => None,
        };
        let key = reply.as_ref().and_then(|_| message.id()).map(IdKey::of);
        if let Some(reply) = reply
            && let Err(reply) = self.note(&message, reply)
        {
            let text = format!("too many calls are under way ({MAX_CALLS})");
            reply.error(&ErrorBody::new(Code::Unavailable, text));
            return None;
        }
        let message = match self.queue.try_send(message) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return None,
            Err(mpsc::error::TrySendError::Full(message)) => message,
        };
        let (queue, closed) = (self.queue.clone(), self.closed.clone());
        let unsent = Unsent { channel: Weak::clone(&self.me), key };
        Some(Box::pin(async move {
            tokio::select! {
                // If it cannot be queued any more, its client has disconnected.
                sent = queue.send(message) => drop(sent),
                () = closed.cancelled() => {}
            }
            unsent.queued();
        }))
    }

    fn is_over(&self) -> bool {
        self.closed.is_cancelled()
    }

    fn continuation(&self, known: u64) -> Option<Continuation> {
        let session = self.session().filter(|session| session.generation() != known)?;
        // Over HTTP+SSE a session ends with its stream.
        let id = session.id().filter(|_| session.messages_url().is_none())?;
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let version = session.version().and_then(text);
        Some(Continuation { number: session.generation(), id: text(id)?, version })
    }

    fn go_on(&self, with: &Continuation, memory: &Memory, listens: bool) -> bool {
        let Ok(id) = HeaderValue::from_str(&with.id) else { return false };
        let session = Session::nascent(with.number).agreed(Some(id), with.version.as_deref());
        if listens {
            session.introduced();
        }
        let mut state = self.lock();
        (state.memory, state.listens) = (memory.clone(), listens);
        state.session = Some(Arc::new(session));
        drop(state);
        self.remote.found(RemoteTransport::Stream);
        if listens {
            self.listen();
        }
        true
    }

    fn depart(&self, how: Departure) {
        let (session, open) = self.end();
        if let (Some(session), Departure::Gone) = (session, how) {
            self.remote.leave(session, Farewell { open, ..Farewell::default() });
        }
    }

    /// They are not queued: the queue ends with the client.
    fn close_with(&self, last: Vec<Message>) {
        let (session, mut open) = self.end();
        let is_cancelled = |id: &Vec<u8>| {
            let ids = last.iter().filter_map(|one| one.cancelled_id().map(|span| one.text(span)));
            ids.into_iter().any(|cancelled| cancelled == id)
        };
        open.retain(|id| !is_cancelled(id));
        if let Some(session) = session {
            let last = last.iter().map(|message| message.bytes().clone()).collect();
            self.remote.leave(session, Farewell { open, last });
        }
    }
}

impl Channel {
    /// Ends it here; returns its session, and the raw ids of the running calls.
    fn end(&self) -> (Option<Arc<Session>>, Vec<Vec<u8>>) {
        self.closed.cancel();
        let mut state = self.lock();
        let calls = std::mem::take(&mut state.calls);
        let session = state.session.take();
        drop(state);
        let open = calls.values().map(|call| call.reply.id().to_vec()).collect();
        for call in calls.into_values() {
            call.reply.forget();
        }
        if let Some(session) = &session {
            session.ended().cancel();
        }
        (session, open)
    }

    /// Opens a channel; a task of its own sends its messages until it is closed.
    pub(super) fn open(remote: &Arc<Site>, unsolicited: Option<Arc<dyn Sink>>) -> Arc<Self> {
        let (queue, queued) = mpsc::channel(QUEUE);
        let channel = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            remote: Arc::clone(remote),
            unsolicited,
            queue,
            gate: Semaphore::new(1),
            wire: Semaphore::new(MAX_ON_THE_WIRE),
            refusals: Arc::new(Semaphore::new(MAX_ON_THE_WIRE)),
            busy: Notify::new(),
            closed: remote.stop.child_token(),
            state: Mutex::default(),
        });
        remote.tasks.spawn(Arc::clone(&channel).run(queued).boxed());
        channel
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current session, if there was a handshake.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.lock().session.clone()
    }

    /// Runs a future beside the queue while the channel is open.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.remote.spawn(self.closed.clone(), task);
    }

    pub(super) fn strong(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// Notes a call; returns its reply if there are too many.
    #[expect(clippy::result_large_err, reason = "a reply is moved on at once")]
    fn note(&self, request: &Message, reply: Reply) -> Result<(), Reply> {
        let Some(id) = request.id() else { return Ok(()) };
        let (over, ended) = oneshot::channel();
        let now = Instant::now();
        let call = Call { reply, started: now, last_sign: now, over, ended: Some(ended) };
        let mut state = self.lock();
        if self.closed.is_cancelled() {
            return Ok(());
        }
        if state.calls.len() >= MAX_CALLS {
            return Err(call.reply);
        }
        // A repeated id replaces the first request, which gets an error.
        let displaced = state.calls.insert(IdKey::of(id), call);
        drop(state);
        drop(displaced);
        self.busy.notify_one();
        Ok(())
    }

    /// Starts working on a call: resolves when the call has ended. `None` if it has ended already.
    pub(super) fn take_up(&self, key: &IdKey) -> Option<oneshot::Receiver<Infallible>> {
        self.lock().calls.get_mut(key)?.ended.take()
    }

    pub(super) fn fail(&self, key: &IdKey, fault: &Fault) {
        let Some(Call { reply, .. }) = self.lock().calls.remove(key) else { return };
        let reply = if fault.astray {
            self.remote.doubt();
            reply.astray()
        } else {
            Some(reply)
        };
        let Some(reply) = reply else { return };
        match &fault.error {
            Some(error) if fault.kind != super::fault::Kind::Unauthorized => answer(reply, error),
            _ => reply.error(&fault.body()),
        }
    }

    /// Passes on what the server sent on the stream of the request `related`, or on another one.
    /// Waits while the client is behind with reading.
    pub(super) async fn pass_on(&self, message: Message, related: Option<&IdKey>) {
        let sink = match message.kind() {
            Kind::Result | Kind::Error => self.pass_on_response(&message, related),
            Kind::Notification | Kind::Request => self.pass_on_other(&message, related),
        };
        catch_up(sink).await;
    }

    fn pass_on_response(
        &self,
        response: &Message,
        related: Option<&IdKey>,
    ) -> Option<Arc<dyn Sink>> {
        let own = response.id().filter(|id| *id != b"null").map(IdKey::of);
        let key = own.as_ref().or(related)?;
        let mut state = self.lock();
        let exact = state.calls.remove(key);
        let call = exact.or_else(|| state.calls.remove(&key.other_spelling()?));
        drop(state);
        let Some(call) = call else {
            tracing::debug!("the server answered a request that is not under way");
            return None;
        };
        let sink = call.reply.sink();
        answer(call.reply, response);
        sink
    }

    fn pass_on_other(&self, message: &Message, related: Option<&IdKey>) -> Option<Arc<dyn Sink>> {
        traffic!("<-", message.bytes());
        let mut state = self.lock();
        let token = message.reported_token().map(|span| message.text(span));
        let by_token = |call: &Call| token.is_some() && call.reply.token() == token;
        let call = match related {
            Some(key) => state.calls.get_mut(key),
            None if Notification::of(&message.method()) == Notification::Progress => {
                state.calls.values_mut().find(|call| by_token(call))
            }
            None => None,
        };
        let related = call.and_then(|call| {
            call.last_sign = Instant::now();
            call.reply.sink()
        });
        drop(state);
        let heard = |sink: &Arc<dyn Sink>| sink.is_heard();
        let sink = related
            .clone()
            .filter(heard)
            .or_else(|| self.unsolicited.clone().filter(heard))
            .or(related.filter(|_| message.kind() == Kind::Notification))
            .or_else(|| self.unsolicited.clone());
        match &sink {
            Some(sink) if self.unsolicited.is_some() || message.kind() == Kind::Notification => {
                sink.write(Outgoing::of(message, &[], false));
            }
            // A client without a stream of its own cannot answer.
            _ => self.refuse(message),
        }
        sink
    }

    /// Tells the server that it cannot ask this.
    fn refuse(&self, request: &Message) {
        let Some(id) = request.id() else { return };
        let refusal = crate::relay::refusal(request, id);
        let Ok(refusal) = Message::parse(refusal) else { return };
        let Err(mpsc::error::TrySendError::Full(refusal)) = self.queue.try_send(refusal) else {
            return;
        };
        // The server waits for it, even if the client has much queued. Only a limited number waits
        // beside the queue.
        let (Ok(seat), Some(channel)) =
            (Arc::clone(&self.refusals).try_acquire_owned(), self.strong())
        else {
            tracing::warn!("a remote server asks too much; one of its requests is not answered");
            return;
        };
        self.spawn(async move {
            channel.tell(&refusal).await;
            drop(seat);
        });
    }
}

/// Waits while this client is behind with reading.
pub(super) async fn catch_up(sink: Option<Arc<dyn Sink>>) {
    let Some(sink) = sink.filter(|sink| sink.backlog() > PAUSE_ABOVE) else { return };
    loop {
        let drained = sink.drained();
        if sink.backlog() <= RESUME_BELOW {
            return;
        }
        drained.await;
    }
}

/// Answers a call; an error may have no id, or another one.
pub(super) fn answer(reply: Reply, response: &Message) {
    if response.id_span().is_some() {
        return reply.response(response);
    }
    let error = response.error().map(|span| response.text(span)).unwrap_or_default();
    let text = [br#"{"jsonrpc":"2.0","id":null,"error":"#, error, b"}"].concat();
    match Message::parse(text.into()) {
        Ok(response) => reply.response(&response),
        Err(_) => drop(reply),
    }
}
