//! The body of an answer on its way to hyper, and what a client gets that has closed its sending side.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    phase::Served,
    response::{Response, ResponseBody},
};
use crate::codec::event_stream::KEEP_ALIVE;

/// When a comment is first sent to a client that has closed its sending side.
const FIRST_PROBE: Duration = Duration::from_millis(10);
/// Longest pause between two such comments.
const LAST_PROBE: Duration = Duration::from_secs(15);

/// How long a custom route may be silent if the client has closed its sending side.
const ROUTE_SILENCE: Duration = Duration::from_secs(2);

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
            self.served.phase().sends(bytes.len());
        }
        match &self.body {
            ResponseBody::Other(_) if polled.is_ready() => {
                self.probe = None;
                polled
            }
            _ if polled.is_ready() || !self.served.phase().has_ended() => polled,
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
