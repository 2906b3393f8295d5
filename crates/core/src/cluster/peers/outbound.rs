//! The body of a request that may be forwarded.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::Error as BodyError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::inbound::Inbound;

/// What has been read of a body, then the rest of it.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    read: Option<Result<Bytes, BodyError>>,
    rest: Rest,
    has_trailers: bool,
}

/// Who sends the rest of a body.
#[derive(Debug, Default)]
enum Rest {
    #[default]
    Nobody,
    Client(Incoming),
    Replica(Inbound),
}

impl From<Incoming> for Outbound {
    fn from(body: Incoming) -> Self {
        Self { rest: Rest::Client(body), ..Self::default() }
    }
}

impl From<Inbound> for Outbound {
    fn from(body: Inbound) -> Self {
        Self { rest: Rest::Replica(body), ..Self::default() }
    }
}

impl From<Bytes> for Outbound {
    fn from(whole: Bytes) -> Self {
        let read = (!whole.is_empty()).then_some(Ok(whole));
        Self { read, ..Self::default() }
    }
}

impl Outbound {
    /// Whether trailer fields were left out, as far as it was read.
    pub(crate) fn has_trailers(&self) -> bool {
        self.has_trailers
    }

    /// Reads the first piece if it has arrived with the head, so that both are sent together. Waits
    /// for nothing.
    pub(crate) async fn look_ahead(&mut self) {
        let mut asked = false;
        poll_fn(|context| {
            if self.read.is_some() {
                return Poll::Ready(());
            }
            match self.poll_rest(context) {
                Poll::Ready(piece) => self.read = piece,
                // A connection hands a body out only after it was asked for it.
                Poll::Pending if !std::mem::replace(&mut asked, true) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => {}
            }
            Poll::Ready(())
        })
        .await;
    }

    /// The next piece; trailers are left out.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match ready!(self.rest.poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Poll::Ready(Some(Ok(piece)));
                    }
                    self.has_trailers = true;
                }
            }
        }
    }
}

impl Rest {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Nobody => Poll::Ready(None),
            Self::Client(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(BodyError::new))),
            Self::Replica(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nobody => true,
            Self::Client(body) => body.is_end_stream(),
            Self::Replica(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nobody => SizeHint::with_exact(0),
            Self::Client(body) => body.size_hint(),
            Self::Replica(body) => body.size_hint(),
        }
    }
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let piece = match self.read.take() {
            Some(read) => Some(read),
            None => ready!(self.poll_rest(context)),
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.as_ref().and_then(|read| read.as_ref().ok());
        let read = read.map_or(0, |read| read.len() as u64);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_that_was_read_is_sent_once() {
        let mut body = Outbound::from(Bytes::from_static(b"all"));
        body.look_ahead().await;
        assert!(!body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "all");
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
        assert!(Outbound::from(Bytes::new()).is_end_stream());
    }
}
