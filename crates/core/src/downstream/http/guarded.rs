//! A client's connection under watch: how long it waits and for what, and how many bytes pass.
//!
//! hyper has one clock for a request head and for the wait before it. Here the head has its own,
//! which runs from its first byte (on a new connection from the start) until the request is served.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use super::{
    overload::HEAD_TOO_SLOW,
    response::{Response, ResponseBody},
};
use crate::metrics::Metrics;

const HEAD: u8 = 0;
const SERVING: u8 = 1;
const IDLE: u8 = 2;

/// What a connection is busy with; shared by its socket and its requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase(Arc<AtomicU8>);

impl Phase {
    /// A head is complete; until the answer is sent nothing is timed here.
    pub(super) fn serve(&self) -> Served {
        self.0.store(SERVING, Ordering::Relaxed);
        Served(self.clone())
    }

    fn now(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request being served, until its answer is sent.
#[derive(Debug)]
pub(super) struct Served(Phase);

impl Served {
    /// Lasts as long as the answer's body does.
    pub(super) fn with(self, response: Response) -> http::Response<Answer> {
        response.map(|body| Answer { body, _served: self })
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    body: ResponseBody,
    _served: Served,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.0.store(IDLE, Ordering::Relaxed);
    }
}

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For a request head.
    pub(crate) head: Duration,
    /// Between two requests.
    pub(crate) idle: Duration,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    phase: Phase,
    patience: Patience,
    clock: Option<Clock>,
    metrics: Option<Arc<Metrics>>,
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
        Self { stream, phase, patience, clock: None, metrics }
    }

    fn count_sent(&self, sent: usize) {
        if let Some(metrics) = &self.metrics {
            metrics.sent(sent);
        }
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// Ends the connection when it has waited for too long: quietly between two requests.
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
        // Nothing else is being sent while a head is awaited; a client that takes none of this
        // learns from the end of the connection.
        if Pin::new(&mut self.stream).poll_write(context, HEAD_TOO_SLOW).is_pending()
            || Pin::new(&mut self.stream).poll_flush(context).is_pending()
        {
            tracing::debug!("a client that was too slow does not read either");
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head did not arrive")))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            return self.poll_clock(context);
        }
        let received = buffer.filled().len() - before;
        if received > 0 && self.phase.now() == IDLE {
            self.phase.0.store(HEAD, Ordering::Relaxed);
            if let Some(clock) = &mut self.clock {
                // Whatever is timed next is timed anew.
                clock.phase = SERVING;
            }
        }
        if let Some(metrics) = &self.metrics {
            metrics.received(received);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.count_sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        runs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, runs))?;
        self.count_sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
