//! A client's connection with time limits for each phase, and counters of its bytes.
//!
//! hyper has one timer for a request head and the wait before it. Here the head has its own, which
//! runs from its first byte (on a new connection from the start) until the request is served.
//!
//! A client that closes its sending side after a request still gets its answer. Whether it closed
//! the whole connection shows only when something is sent, so an event stream sends it a comment.

use std::{
    future::{Future, poll_fn},
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use super::{
    backlog::{Backlog, Debt, Debtor},
    head::{Head, Length},
    overload::HEAD_TOO_SLOW,
    response::{Response, ResponseBody},
};
use crate::{codec::event_stream::KEEP_ALIVE, metrics::Metrics};

const HEAD: u8 = 0;
const SERVING: u8 = 1;
const IDLE: u8 = 2;

/// Most bytes that are read ahead while a request is served, to detect the end of the client's
/// side.
const MOST_AHEAD: usize = 512;
/// When a comment is first sent to a client that has closed its sending side.
const FIRST_PROBE: Duration = Duration::from_millis(10);
/// Longest pause between two such comments.
const LAST_PROBE: Duration = Duration::from_secs(15);

/// How long a custom route may be silent if the client has closed its sending side.
const ROUTE_SILENCE: Duration = Duration::from_secs(2);

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

    fn says(&self, length: Length) {
        self.0.length.store(length as u8, Ordering::Relaxed);
    }

    /// A part of an answer was given to hyper.
    fn sends(&self, bytes: usize) {
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
    fn sent(&self, bytes: usize) {
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

    fn has_ended(&self) -> bool {
        self.0.has_ended.load(Ordering::Relaxed)
    }

    fn now(&self) -> u8 {
        self.0.now.load(Ordering::Relaxed)
    }

    fn set(&self, phase: u8) {
        self.0.now.store(phase, Ordering::Relaxed);
    }
}

/// A request that is being served, until its answer is sent.
#[derive(Debug)]
pub(super) struct Served(Phase);

impl Served {
    /// Lives as long as the body of the answer.
    pub(super) fn with(self, mut response: Response) -> http::Response<Answer> {
        let is_standing = response.extensions_mut().remove::<Standing>().is_some();
        response.map(|body| Answer { body, probe: None, is_standing, served: self })
    }
}

/// Marks a stream that answers no call.
#[derive(Clone, Copy)]
struct Standing;

/// Marks a response as a stream that answers no call, so it ends when the client closes its sending
/// side.
pub(super) fn standing(mut response: Response) -> Response {
    response.extensions_mut().insert(Standing);
    response
}

/// Whether a response is marked so.
pub(super) fn is_standing(response: &Response) -> bool {
    response.extensions().get::<Standing>().is_some()
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    body: ResponseBody,
    probe: Option<Probe>,
    is_standing: bool,
    served: Served,
}

/// The time of the next comment for a client that has closed its sending side.
#[derive(Debug)]
struct Probe {
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Answer {
    /// A client that has only closed its sending side ignores the comment. If it has disconnected,
    /// the connection is reset, and the next comment fails.
    fn poll_probe(&mut self, context: &mut Context<'_>) -> Poll<Frame<Bytes>> {
        match &mut self.probe {
            None => {
                let pause = FIRST_PROBE;
                self.probe = Some(Probe { pause, sleep: Box::pin(sleep(pause)) });
            }
            Some(Probe { pause, sleep }) => {
                ready!(sleep.as_mut().poll(context));
                *pause = (*pause * 2).min(LAST_PROBE);
                sleep.as_mut().reset(Instant::now() + *pause);
            }
        }
        Poll::Ready(Frame::data(Bytes::from_static(KEEP_ALIVE)))
    }
}

impl Answer {
    /// Waits until a route has been silent for so long that its client counts as gone.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let pause = ROUTE_SILENCE;
        let begin = || Probe { pause, sleep: Box::pin(sleep(pause)) };
        self.probe.get_or_insert_with(begin).sleep.as_mut().poll(context)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            self.served.0.sends(bytes.len());
        }
        match &self.body {
            ResponseBody::Other(_) if polled.is_ready() => {
                self.probe = None;
                polled
            }
            _ if polled.is_ready() || !self.served.0.has_ended() => polled,
            _ if self.is_standing => Poll::Ready(Some(Err(gone()))),
            ResponseBody::Events(_) => self.poll_probe(context).map(|comment| Some(Ok(comment))),
            ResponseBody::HandedBack(body) if body.is_between_events() => {
                self.poll_probe(context).map(|comment| Some(Ok(comment)))
            }
            ResponseBody::Other(_) => self.poll_silence(context).map(|()| Some(Err(gone()))),
            ResponseBody::Whole(_) | ResponseBody::HandedBack(_) => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn gone() -> axum::Error {
    axum::Error::new(io::Error::from(io::ErrorKind::ConnectionAborted))
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.set(IDLE);
    }
}

/// Time limits for a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For a request head.
    pub(crate) head: Duration,
    /// Between two requests.
    pub(crate) idle: Duration,
    /// Until it takes more bytes of an answer.
    pub(crate) write: Option<Duration>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    phase: Phase,
    patience: Patience,
    clock: Option<Clock>,
    metrics: Option<Arc<Metrics>>,
    /// Bytes that were read while a request was served.
    ahead: BytesMut,
    /// The head that is arriving.
    head: Head,
    /// Runs while the client takes no bytes.
    stall: Option<Pin<Box<Sleep>>>,
}

/// The time that is left for a phase.
#[derive(Debug)]
struct Clock {
    phase: u8,
    sleep: Pin<Box<Sleep>>,
}

impl<S> Guarded<S> {
    pub(super) fn new(
        stream: S,
        phase: Phase,
        patience: Patience,
        metrics: Option<Arc<Metrics>>,
    ) -> Self {
        let (ahead, head) = (BytesMut::new(), Head::default());
        Self { stream, phase, patience, clock: None, metrics, ahead, head, stall: None }
    }

    /// The same; also keeps the header names as the client spells them.
    pub(super) fn spelling(mut self) -> Self {
        self.head = Head::spelling();
        self
    }

    /// The first bytes of a request end the wait for it.
    fn begins(&mut self, received: usize) {
        if received > 0 && self.phase.now() == IDLE {
            self.phase.set(HEAD);
            self.head = self.head.next();
            if let Some(clock) = &mut self.clock {
                // The next time limit starts now.
                clock.phase = SERVING;
            }
        }
    }

    /// Scans bytes that hyper gets, if they belong to a head.
    fn look_at(&mut self, bytes: &[u8]) {
        if self.phase.now() == HEAD
            && let Some(length) = self.head.take(bytes)
        {
            self.phase.says(length);
            if let Some(names) = self.head.names() {
                let spelled = &self.phase.0.spelled;
                *spelled.lock().unwrap_or_else(PoisonError::into_inner) = Some(names);
            }
        }
    }

    /// The client takes no bytes at the moment: ends the connection after a time limit, or if too
    /// much waits for all clients.
    fn poll_stall<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.phase.0.writer.register(context.waker());
        if self.phase.0.is_shed.load(Ordering::Acquire) {
            return Poll::Ready(Err(self.cut("too many bytes wait for clients")));
        }
        let Some(limit) = self.patience.write else { return Poll::Pending };
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(self.cut("the client reads nothing")))
    }

    fn cut(&self, why: &'static str) -> io::Error {
        if let Some(metrics) = &self.metrics {
            metrics.cut_slow_reader();
        }
        tracing::warn!(why, "ending a connection whose client does not read");
        io::Error::new(io::ErrorKind::TimedOut, why)
    }

    fn count_received(&self, received: usize) {
        if let Some(metrics) = &self.metrics {
            metrics.received(received);
        }
    }

    fn count_sent(&mut self, sent: usize) {
        if sent > 0 {
            self.stall = None;
            self.phase.sent(sent);
        }
        if let Some(metrics) = &self.metrics {
            metrics.sent(sent);
        }
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// Ends the connection after its time limit; without an answer if it is between two requests.
    fn poll_clock(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.now();
        let limit = match phase {
            HEAD => self.patience.head,
            IDLE => self.patience.idle,
            _ => return Poll::Pending,
        };
        let clock =
            self.clock.get_or_insert_with(|| Clock { phase, sleep: Box::pin(sleep(limit)) });
        if clock.phase != phase {
            clock.phase = phase;
            clock.sleep.as_mut().reset(Instant::now() + limit);
        }
        ready!(clock.sleep.as_mut().poll(context));
        if phase == IDLE {
            return Poll::Ready(Ok(()));
        }
        if let Some(metrics) = &self.metrics {
            metrics.rejected("head_too_slow");
        }
        // Nothing else is being sent while a head is awaited. A client that does not take this
        // answer sees the connection end.
        if Pin::new(&mut self.stream).poll_write(context, HEAD_TOO_SLOW).is_pending()
            || Pin::new(&mut self.stream).poll_flush(context).is_pending()
        {
            tracing::debug!("a client that was too slow still does not read");
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head did not arrive")))
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    /// Reads a little while a request is served and hyper does not read, to notice a client that
    /// resets the connection or closes its sending side.
    fn look_ahead(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.phase.now() == SERVING
            && !self.phase.has_ended()
            && self.ahead.len() < MOST_AHEAD
        {
            let mut space = [MaybeUninit::uninit(); MOST_AHEAD];
            let mut buffer = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Pending => break,
                Poll::Ready(read) => read?,
            }
            self.count_received(buffer.filled().len());
            if buffer.filled().is_empty() {
                self.phase.0.has_ended.store(true, Ordering::Relaxed);
            }
            self.ahead.extend_from_slice(buffer.filled());
            // The future that waits for that is polled with the connection.
            context.waker().wake_by_ref();
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            let ahead = self.ahead.split_to(count);
            buffer.put_slice(&ahead);
            self.begins(count);
            self.look_at(&ahead);
            return Poll::Ready(Ok(()));
        }
        if self.phase.has_ended() {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            return self.poll_clock(context);
        }
        let received = buffer.filled().len() - before;
        self.begins(received);
        self.look_at(buffer.filled().get(before..).unwrap_or_default());
        self.count_received(received);
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(sent) = Pin::new(&mut self.stream).poll_write(context, bytes) else {
            return self.poll_stall(context);
        };
        let sent = sent?;
        self.count_sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        runs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, runs);
        let Poll::Ready(sent) = written else { return self.poll_stall(context) };
        let sent = sent?;
        self.count_sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look_ahead(context)?;
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => self.poll_stall(context),
            flushed @ Poll::Ready(_) => flushed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
