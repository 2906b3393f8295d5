//! What the socket of a connection and its requests know of each other.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

use super::{
    backlog::{Backlog, Debt, Debtor},
    head::Length,
};

/// A head is awaited, or arrives.
pub(super) const HEAD: u8 = 0;
pub(super) const SERVING: u8 = 1;
pub(super) const IDLE: u8 = 2;

/// The phase of a connection; shared by its socket and its requests.
#[derive(Clone, Debug)]
pub(super) struct Phase(Arc<State>);

#[derive(Debug)]
struct State {
    now: AtomicU8,
    /// The client has closed its sending side.
    has_ended: AtomicBool,
    /// Whether the head of the next request gives a length.
    length: AtomicU8,
    /// The names of its header fields as the client spelled them, if they are wanted.
    spelled: Mutex<Option<Vec<u8>>>,
    /// Bytes of answers that the socket has not taken yet.
    unsent: Mutex<Unsent>,
    /// The connection must end, because too much waits for its client.
    is_shed: AtomicBool,
    /// The task that waits for the socket.
    writer: AtomicWaker,
}

#[derive(Debug)]
struct Unsent {
    bytes: usize,
    debt: Debt,
}

impl Debtor for State {
    fn waiting(&self) -> usize {
        self.unsent().bytes
    }

    fn shed(&self) {
        self.unsent().debt.is_shed();
        self.is_shed.store(true, Ordering::Release);
        self.writer.wake();
    }
}

impl State {
    fn unsent(&self) -> MutexGuard<'_, Unsent> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Phase {
    /// The phase of a new connection; its answers are counted there.
    pub(super) fn new(backlog: &Arc<Backlog>) -> Self {
        Self(Arc::new(State {
            now: AtomicU8::new(HEAD),
            has_ended: AtomicBool::new(false),
            length: AtomicU8::default(),
            spelled: Mutex::default(),
            unsent: Mutex::new(Unsent { bytes: 0, debt: Debt::new(Arc::clone(backlog)) }),
            is_shed: AtomicBool::new(false),
            writer: AtomicWaker::new(),
        }))
    }

    /// Whether the head of the current request gives a length.
    pub(super) fn length(&self) -> Length {
        Length::of(self.0.length.swap(Length::default() as u8, Ordering::Relaxed))
    }

    /// The names of its header fields as the client spelled them, if they were wanted.
    pub(super) fn spelled(&self) -> Option<Vec<u8>> {
        self.0.spelled.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn says(&self, length: Length) {
        self.0.length.store(length as u8, Ordering::Relaxed);
    }

    /// A part of an answer was given to hyper.
    pub(super) fn sends(&self, bytes: usize) {
        let mut unsent = self.0.unsent();
        unsent.bytes += bytes;
        let waiting = unsent.bytes;
        let me = || {
            let me: Weak<dyn Debtor> = Arc::<State>::downgrade(&self.0);
            Some(me)
        };
        let over = unsent.debt.is(waiting, me);
        drop(unsent);
        if let Some(backlog) = over {
            backlog.shed();
        }
    }

    /// The socket has taken this many bytes. Heads and chunk framing are not counted.
    pub(super) fn sent(&self, bytes: usize) {
        let mut unsent = self.0.unsent();
        if unsent.bytes > 0 {
            unsent.bytes = unsent.bytes.saturating_sub(bytes);
            let waiting = unsent.bytes;
            unsent.debt.is(waiting, || None);
        }
    }

    /// A head is complete; no timer runs here until its answer is sent.
    pub(super) fn serve(&self) -> Served {
        self.set(SERVING);
        Served(self.clone())
    }

    /// Waits until the client closes its sending side. Only for futures of the connection's own
    /// task.
    pub(super) async fn ended(&self) {
        poll_fn(|_| if self.has_ended() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.has_ended.load(Ordering::Relaxed)
    }

    /// The client has closed its sending side.
    pub(super) fn end(&self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
    }

    /// Keeps the names of the header fields as the client spelled them.
    pub(super) fn spells(&self, names: Vec<u8>) {
        *self.0.spelled.lock().unwrap_or_else(PoisonError::into_inner) = Some(names);
    }

    /// Whether the connection must end because too much waits for its client; else the task is
    /// woken then.
    pub(super) fn is_shed(&self, context: &Context<'_>) -> bool {
        self.0.writer.register(context.waker());
        self.0.is_shed.load(Ordering::Acquire)
    }

    pub(super) fn now(&self) -> u8 {
        self.0.now.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, phase: u8) {
        self.0.now.store(phase, Ordering::Relaxed);
    }
}

/// A request that is being served, until its answer is sent.
#[derive(Debug)]
pub(super) struct Served(Phase);

impl Served {
    /// The connection.
    pub(super) fn phase(&self) -> &Phase {
        &self.0
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.set(IDLE);
    }
}
