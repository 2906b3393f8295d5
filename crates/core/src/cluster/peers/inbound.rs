//! The body of a request or a response that another replica sends.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::Error as BodyError;
use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};

/// See the module. Dropping it before its end cancels the stream.
#[derive(Debug)]
pub(crate) struct Inbound {
    stream: RecvStream,
    /// Bytes that are still to come, if their number is known.
    left: Option<u64>,
}

impl Inbound {
    /// The body that follows this head.
    pub(super) fn new(head: &HeaderMap, stream: RecvStream) -> Self {
        let length = head.get(header::CONTENT_LENGTH);
        let left = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Self { stream, left }
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(match ready!(self.stream.poll_data(context)) {
            None => None,
            Some(Ok(data)) => {
                // What was read makes room for more; a stream that has ended needs none.
                drop(self.stream.flow_control().release_capacity(data.len()));
                self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                Some(Ok(Frame::data(data)))
            }
            // The other end needs no more of this stream.
            Some(Err(error)) if error.reason() == Some(Reason::NO_ERROR) => None,
            Some(Err(error)) => Some(Err(BodyError::new(error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ended = self.is_end_stream().then_some(0);
        ended.or(self.left).map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
