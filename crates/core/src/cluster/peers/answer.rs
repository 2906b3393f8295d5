//! The body of another replica's response.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::Error as BodyError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{inbound::Inbound, outbound::Outbound, sending::Sending};

/// See the module. Dropping it before its end cancels the request.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Inbound,
    /// What the other replica has not taken of the request; it is sent while the response is read.
    request: Option<Box<Sending<Outbound>>>,
}

impl Answer {
    pub(super) fn new(body: Inbound, request: Option<Sending<Outbound>>) -> Self {
        Self { body, request: request.map(Box::new) }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.request.as_mut().is_some_and(|request| request.poll(context).is_ready()) {
            self.request = None;
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
