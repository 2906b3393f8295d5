//! Responses of other replicas.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::cluster::Answer;

/// The body of another replica's response.
#[derive(Debug)]
pub(crate) struct HandedBack {
    body: Answer,
    events: bool,
    /// The bytes so far end with a complete event.
    between: bool,
}

impl HandedBack {
    /// Wraps this body; `events` says whether it is an event stream.
    pub(super) fn new(body: Answer, events: bool) -> Self {
        Self { body, events, between: true }
    }

    /// Whether a comment may be inserted now.
    pub(super) fn is_between_events(&self) -> bool {
        self.events && self.between
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context).map(|frame| {
            let frame = frame?;
            let data = frame.as_ref().ok().and_then(Frame::data_ref);
            if let Some(data) = data.filter(|data| !data.is_empty()) {
                self.between = data.ends_with(b"\n\n");
            }
            Some(frame)
        })
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
