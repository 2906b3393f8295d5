//! A body on its way to another replica.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::Error as BodyError;
use bytes::{Bytes, BytesMut};
use h2::{Reason, SendStream};
use http_body::Body;

/// Pieces that are there together travel in one frame up to this many bytes, the size of a frame.
const MERGED: usize = 16 * 1024;

/// Sends a body as the other end takes it. Dropping it before its end cancels the stream.
#[derive(Debug)]
pub(super) struct Sending<B> {
    stream: SendStream<Bytes>,
    body: B,
    /// Kept until it is known whether it is the last one, so that the end travels with it.
    piece: Piece,
    /// Whether a piece was sent. The first one waits for no room: a stream has none before it is
    /// opened, and so the piece is sent together with the head.
    has_begun: bool,
}

/// What is sent next.
#[derive(Debug, Default)]
enum Piece {
    #[default]
    Nothing,
    One(Bytes),
    Several(BytesMut),
}

impl Piece {
    /// Adds what follows; returns what must be sent before that.
    fn add(&mut self, data: Bytes) -> Option<Bytes> {
        match self {
            Self::One(first) if first.len() + data.len() <= MERGED => {
                let mut several = BytesMut::with_capacity(first.len() + data.len());
                several.extend_from_slice(first);
                several.extend_from_slice(&data);
                *self = Self::Several(several);
                None
            }
            Self::Several(several) if several.len() + data.len() <= MERGED => {
                several.extend_from_slice(&data);
                None
            }
            _ => std::mem::replace(self, Self::One(data)).take(),
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        match std::mem::take(self) {
            Self::Nothing => None,
            Self::One(bytes) => Some(bytes),
            Self::Several(bytes) => Some(bytes.freeze()),
        }
    }
}

/// The other end takes no more.
struct Refused;

impl<B: Body<Data = Bytes, Error = BodyError> + Unpin> Sending<B> {
    pub(super) fn new(stream: SendStream<Bytes>, body: B) -> Self {
        Self { stream, body, piece: Piece::Nothing, has_begun: false }
    }

    /// Sends what there is and what there is room for; ready at the end, however it comes.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Err(Refused) = ready!(self.poll_room(context)) {
                return Poll::Ready(());
            }
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => {
                    let last = self.piece.take();
                    self.send(last);
                    return Poll::Pending;
                }
                Poll::Ready(None) => return self.end(),
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailer fields are left out.
                    let before = frame.into_data().ok().and_then(|data| self.piece.add(data));
                    self.send(before);
                    if self.body.is_end_stream() {
                        return self.end();
                    }
                }
                Poll::Ready(Some(Err(_))) => {
                    let last = self.piece.take();
                    self.send(last);
                    self.stream.send_reset(Reason::INTERNAL_ERROR);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Waits until the other end takes some bytes. The next piece is then sent whole: there is never
    /// more than one of a stream that waits.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        if self.has_begun {
            self.stream.reserve_capacity(1);
            while self.stream.capacity() == 0 {
                let Some(Ok(_)) = ready!(self.stream.poll_capacity(context)) else {
                    return Poll::Ready(Err(Refused));
                };
            }
        }
        let is_reset = self.stream.poll_reset(context).is_ready();
        Poll::Ready(if is_reset { Err(Refused) } else { Ok(()) })
    }

    fn send(&mut self, piece: Option<Bytes>) {
        if let Some(piece) = piece {
            self.has_begun = true;
            // A stream that was reset is noticed when it is asked for room.
            drop(self.stream.send_data(piece, false));
        }
    }

    fn end(&mut self) -> Poll<()> {
        drop(self.stream.send_data(self.piece.take().unwrap_or_default(), true));
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io, time::Duration};

    use futures_util::stream;
    use h2::{RecvStream, client, server};
    use http::{Request, Response};
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tokio::{
        io::{AsyncReadExt as _, duplex},
        sync::mpsc,
        time::timeout,
    };

    use super::*;

    /// The other end's view of a response whose body are these pieces.
    async fn received(pieces: &'static [&'static str], breaks_off: bool) -> RecvStream {
        let (near, far) = duplex(1024);
        tokio::spawn(async move {
            let mut connection = server::handshake(far).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let stream = respond.send_response(Response::new(()), false).unwrap();
                let broken = breaks_off.then(|| Err(BodyError::new(io::Error::other("gone"))));
                let pieces = pieces.iter().map(|text| Ok(Frame::data(Bytes::from(*text))));
                let body = stream::iter(pieces.chain(broken));
                let mut sending = Sending::new(stream, StreamBody::new(body));
                tokio::spawn(async move { poll_fn(|context| sending.poll(context)).await });
            }
        });
        let (mut sender, connection) = client::handshake(near).await.unwrap();
        tokio::spawn(connection);
        let (answer, _) = sender.send_request(Request::new(()), true).unwrap();
        answer.await.unwrap().into_body()
    }

    #[tokio::test]
    async fn the_end_travels_with_the_last_piece() {
        let mut body = received(&["first, ", "second, ", "last"], false).await;
        assert_eq!(body.data().await.unwrap().unwrap(), "first, second, last");
        assert!(body.is_end_stream());
        assert!(received(&[], false).await.data().await.unwrap().unwrap().is_empty());
    }

    /// What a client writes at once of a request with this body.
    async fn sent_at_once(body: &'static str) -> Vec<u8> {
        let (near, mut far) = duplex(64 * 1024);
        let (mut sender, mut connection) = client::handshake(near).await.unwrap();
        let request = Request::post("http://replica/").body(()).unwrap();
        let (_answer, stream) = sender.send_request(request, false).unwrap();
        let pieces = stream::iter([Ok(Frame::data(Bytes::from(body)))]);
        let mut sending = Sending::new(stream, StreamBody::new(pieces));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(sending.poll(&mut context).is_ready());
        assert!(Pin::new(&mut connection).poll(&mut context).is_pending());
        let mut written = vec![0; 64 * 1024];
        let length = far.read(&mut written).await.unwrap();
        written.truncate(length);
        written
    }

    #[tokio::test]
    async fn a_body_travels_with_its_head() {
        let written = sent_at_once("all of it").await;
        assert!(written.ends_with(b"all of it"), "{}", written.escape_ascii());
    }

    #[tokio::test]
    async fn a_stream_that_is_cancelled_before_its_first_piece_ends() {
        let (near, far) = duplex(1024);
        let (begun, mut has_begun) = mpsc::channel(1);
        let serving = tokio::spawn(async move {
            let mut connection = server::handshake(far).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            let stream = respond.send_response(Response::new(()), false).unwrap();
            let mut sending = Sending::new(stream, StreamBody::new(stream::pending()));
            let polled = poll_fn(move |context| sending.poll(context));
            begun.send(()).await.unwrap();
            tokio::select! {
                () = polled => {}
                accepted = connection.accept() => panic!("{accepted:?}"),
            }
        });
        let (mut sender, connection) = client::handshake(near).await.unwrap();
        tokio::spawn(connection);
        let (answer, _) = sender.send_request(Request::new(()), true).unwrap();
        let answer = answer.await.unwrap();
        has_begun.recv().await.unwrap();
        drop(answer);
        timeout(Duration::from_secs(30), serving).await.unwrap().unwrap();
    }

    #[test]
    fn what_does_not_fit_into_one_frame_is_sent_in_several() {
        let mut piece = Piece::default();
        let half = || Bytes::from(vec![0; MERGED / 2]);
        assert_eq!(piece.add(half()), None);
        assert_eq!(piece.add(half()), None);
        assert_eq!(piece.add("more".into()).unwrap().len(), MERGED);
        assert_eq!(piece.add(vec![0; MERGED].into()).unwrap(), "more");
        assert_eq!(piece.take().unwrap().len(), MERGED);
        assert_eq!(piece.take(), None);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_does_not_end() {
        let mut body = received(&["first"], true).await;
        let mut outcome = body.data().await;
        if let Some(Ok(data)) = &outcome {
            assert_eq!(data, "first");
            outcome = body.data().await;
        }
        assert_eq!(outcome.unwrap().unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
    }
}
