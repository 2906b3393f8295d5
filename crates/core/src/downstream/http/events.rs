//! The body of an event stream.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep};

use crate::{
    codec::event_stream::KEEP_ALIVE,
    session::{Step, Stream},
};

/// Longest silence on an open stream; proxies and load balancers cut what is silent for longer.
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(15);

/// Reads a stream into a response. Dropping it detaches the stream and releases its guard.
pub(crate) struct Events {
    stream: Arc<Stream>,
    keep_alive: Option<Pin<Box<Sleep>>>,
    /// What lives as long as the response does.
    _guard: Box<dyn Send + Sync>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Events {
    /// The caller has attached the stream.
    pub(super) fn new(stream: Arc<Stream>, guard: impl Send + Sync + 'static) -> Box<Self> {
        Box::new(Self { stream, keep_alive: None, _guard: Box::new(guard) })
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.stream.poll_next(context) {
            Poll::Ready(Step::Bytes(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Poll::Ready(Step::End) => Poll::Ready(None),
            Poll::Ready(Step::Cut) => {
                Poll::Ready(Some(Err(axum::Error::new("the client reads too slowly"))))
            }
            Poll::Pending => self.poll_keep_alive(context),
        }
    }

    fn poll_keep_alive(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let timer = self.keep_alive.get_or_insert_with(|| Box::pin(sleep(KEEP_ALIVE_PERIOD)));
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        timer.as_mut().reset(Instant::now() + KEEP_ALIVE_PERIOD);
        // Registers the new deadline with the task.
        let _: Poll<()> = timer.as_mut().poll(context);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(KEEP_ALIVE)))))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.stream.detach();
    }
}
