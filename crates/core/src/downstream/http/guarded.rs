//! A client's connection with time limits for each phase, and counters of its bytes.
//!
//! hyper has one timer for a request head and the wait before it. Here the head has its own, which
//! runs from its first byte (on a new connection from the start) until the request is served.
//!
//! A client that closes its sending side after a request still gets its answer. Whether it closed
//! the whole connection shows only when something is sent, so an event stream sends it a comment.

use std::{
    future::Future,
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use super::{
    head::Head,
    overload::HEAD_TOO_SLOW,
    phase::{HEAD, IDLE, Phase, SERVING},
};
use crate::metrics::Metrics;

/// Most bytes that are read ahead while a request is served, to detect the end of the client's
/// side.
const MOST_AHEAD: usize = 512;
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
                self.phase.spells(names);
            }
        }
    }

    /// The client takes no bytes at the moment: ends the connection after a time limit, or if too
    /// much waits for all clients.
    fn poll_stall<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.phase.is_shed(context) {
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
                self.phase.end();
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
