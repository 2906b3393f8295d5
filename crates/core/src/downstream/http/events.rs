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
    downstream::http::session::{Reading, Step},
    identity::Expiry,
    metrics::Metrics,
};

/// Longest silence on an open stream; proxies and load balancers cut streams that are silent for
/// longer.
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(15);

/// The last bytes of a stream whose reader's credentials have expired.
const EXPIRED: &[u8] = b": the access token has expired; open this stream again with a new one\n\n";

/// The timer's length while credentials have no expiry.
const LONG: Duration = Duration::from_hours(24);

/// Streams messages into a response. Dropping it ends the reading and releases its guard.
pub(crate) struct Events {
    reading: Reading,
    keep_alive: Option<Pin<Box<Sleep>>>,
    metrics: Option<Arc<Metrics>>,
    /// When the stream ends, even if messages are waiting.
    limit: Option<Limit>,
    /// Lives as long as the response.
    _guard: Box<dyn Send + Sync>,
}

/// The expiry of the reader's credentials.
struct Limit {
    expiry: Arc<Expiry>,
    timer: Pin<Box<Sleep>>,
    over: bool,
}

impl Limit {
    /// Ready once they have expired.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            match self.expiry.left() {
                Some(Duration::ZERO) => return Poll::Ready(()),
                // The client has presented newer credentials since.
                left => self.timer.as_mut().reset(Instant::now() + left.unwrap_or(LONG)),
            }
        }
        Poll::Pending
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("reading", &self.reading).finish_non_exhaustive()
    }
}

impl Events {
    pub(super) fn new(
        reading: Reading,
        metrics: Option<&Arc<Metrics>>,
        guard: impl Send + Sync + 'static,
    ) -> Self {
        let metrics = metrics.map(Arc::clone);
        if let Some(metrics) = &metrics {
            metrics.stream_opened();
        }
        Self { reading, keep_alive: None, metrics, limit: None, _guard: Box::new(guard) }
    }

    /// The same, but ends when these credentials expire.
    pub(super) fn until(mut self, expiry: Arc<Expiry>) -> Self {
        self.limit =
            expiry.left().map(|left| Limit { expiry, timer: Box::pin(sleep(left)), over: false });
        self
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(limit) = &mut self.limit
            && (limit.over || limit.poll(context).is_ready())
        {
            let last = !std::mem::replace(&mut limit.over, true);
            return Poll::Ready(last.then(|| Ok(Frame::data(Bytes::from_static(EXPIRED)))));
        }
        match self.reading.poll_next(context) {
            Poll::Ready(Step::Bytes(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Poll::Ready(Step::End) => Poll::Ready(None),
            Poll::Ready(Step::Cut) => {
                if let Some(metrics) = &self.metrics {
                    metrics.cut_slow_reader();
                }
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
        // The timer registers the task when the response polls again.
        timer.as_mut().reset(Instant::now() + KEEP_ALIVE_PERIOD);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(KEEP_ALIVE)))))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if let Some(metrics) = &self.metrics {
            metrics.stream_closed();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::{
        downstream::http::session::Stream,
        identity::{Claims, Identity},
        relay::{Outgoing, Sink as _},
    };

    fn opened() -> (Arc<Stream>, Events) {
        let (stream, reading) = Stream::standalone(None).attached();
        (stream, Events::new(reading, None, ()))
    }

    async fn next(events: &mut Events) -> Option<Bytes> {
        let frame = poll_fn(|context| events.poll_frame(context)).await?;
        frame.unwrap().into_data().ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_is_kept_alive_by_comments() {
        let (_stream, mut events) = opened();
        let started = Instant::now();
        for count in 1..4 {
            assert_eq!(next(&mut events).await.unwrap(), KEEP_ALIVE);
            let late = started.elapsed().saturating_sub(KEEP_ALIVE_PERIOD * count);
            assert!(late < Duration::from_millis(5), "{late:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_client_waits_longer_for_a_sign_of_life_when_messages_come() {
        let (stream, mut events) = opened();
        let mut last = Instant::now();
        for round in 0..20 {
            if round % 3 == 0 {
                sleep(KEEP_ALIVE_PERIOD / 2).await;
                let source = Bytes::from_static(b"{}");
                stream.write(Outgoing::new(&source, &[], false));
            }
            next(&mut events).await.unwrap();
            assert!(last.elapsed() < KEEP_ALIVE_PERIOD + Duration::from_millis(5));
            last = Instant::now();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_the_credentials_of_its_reader_and_says_so() {
        let until = |expires| Identity::from(Claims { expires, ..Claims::new("i", "s") });
        let past = Arc::new(Expiry::of(&until(Some(0))));
        let (stream, events) = opened();
        let mut events = events.until(past);
        stream.write(Outgoing::new(&Bytes::from_static(b"{}"), &[], false));
        assert_eq!(next(&mut events).await.unwrap(), EXPIRED);
        assert_eq!(next(&mut events).await, None);
        let (_stream, events) = opened();
        let mut endless = events.until(Arc::new(Expiry::of(&until(None))));
        assert_eq!(next(&mut endless).await.unwrap(), KEEP_ALIVE);
        // Newer credentials postpone the end before it comes.
        let expiry = Arc::new(Expiry::of(&until(Some(crate::identity::now()))));
        let (_stream, events) = opened();
        let mut events = events.until(Arc::clone(&expiry));
        expiry.extend(&until(None));
        for _ in 0..10 {
            assert_eq!(next(&mut events).await.unwrap(), KEEP_ALIVE);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_stream_ends_the_response() {
        let (stream, mut events) = opened();
        stream.end();
        assert_eq!(next(&mut events).await, None);
    }
}
