//! An HTTP/1.1 client connection with little overhead: one write per request, bodies as slices of
//! the read buffer, no state except for what keep-alive needs.

use std::{io, net::SocketAddr};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    failure::Failure,
    framing::{Framing, Step},
};

const MAX_HEADERS: usize = 48;
const READ_AT_LEAST: usize = 16 * 1024;
const READ_UP_TO: usize = 512 * 1024;

/// The type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    /// `application/json`.
    Json,
    /// `text/event-stream`.
    EventStream,
    /// Anything else, or no body.
    Other,
}

/// The head of a response, as far as a load generator needs it.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) content_type: ContentType,
    /// `Mcp-Session-Id`.
    pub(crate) session: Option<String>,
    /// The server closes the connection after this response.
    pub(crate) last: bool,
}

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    stream: TcpStream,
    input: BytesMut,
    framing: Framing,
}

impl HttpConnection {
    pub(crate) async fn open(addr: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: BytesMut::new(), framing: Framing::Length(0) })
    }

    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<(), Failure> {
        Ok(self.stream.write_all(request).await?)
    }

    /// Reads the next response head; the body of the previous response must have been read.
    pub(crate) async fn head(&mut self) -> Result<Head, Failure> {
        loop {
            if let Some((head, framing, length)) = parse_head(&self.input)? {
                self.input.advance(length);
                self.framing = framing;
                return Ok(head);
            }
            if !self.fill(READ_AT_LEAST).await? {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// The next piece of the body as it arrives; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.framing.advance(&mut self.input)? {
                Step::Piece(piece) => return Ok(Some(piece)),
                Step::End => return Ok(None),
                Step::NeedMore => {}
            }
            let room = match self.framing {
                Framing::Length(left) | Framing::Chunk(left) => {
                    left.clamp(READ_AT_LEAST, READ_UP_TO)
                }
                _ => READ_AT_LEAST,
            };
            if !self.fill(room).await? {
                return match self.framing {
                    Framing::UntilClose => Ok(None),
                    _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                };
            }
        }
    }

    /// The rest of the body in one piece.
    pub(crate) async fn body(&mut self) -> Result<Bytes, Failure> {
        if let Framing::Length(length) = self.framing {
            while self.input.len() < length {
                let missing = length - self.input.len();
                if !self.fill(missing.clamp(READ_AT_LEAST, READ_UP_TO)).await? {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
            self.framing = Framing::Length(0);
            return Ok(self.input.split_to(length).freeze());
        }
        let Some(first) = self.piece().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.piece().await? else { return Ok(first) };
        let mut whole = BytesMut::from(&first[..]);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.piece().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Reads once; false when the peer has closed.
    async fn fill(&mut self, room: usize) -> Result<bool, Failure> {
        self.input.reserve(room);
        Ok(self.stream.read_buf(&mut self.input).await? > 0)
    }
}

/// The head at the start of `input`, how its body is framed, and the head's length.
fn parse_head(input: &[u8]) -> Result<Option<(Head, Framing, usize)>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(input).map_err(io::Error::other)?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    let mut head = Head { status, content_type: ContentType::Other, session: None, last: false };
    let mut framing = Framing::UntilClose;
    for header in response.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default();
        if header.name.eq_ignore_ascii_case("content-length") {
            framing = Framing::Length(value.parse().map_err(io::Error::other)?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Framing::ChunkSize;
        } else if header.name.eq_ignore_ascii_case("content-type") {
            head.content_type = content_type(value);
        } else if header.name.eq_ignore_ascii_case("mcp-session-id") {
            head.session = Some(value.to_owned());
        } else if header.name.eq_ignore_ascii_case("connection") {
            head.last = value.eq_ignore_ascii_case("close");
        }
    }
    if matches!(status, 204 | 304) {
        framing = Framing::Length(0);
    }
    head.last |= matches!(framing, Framing::UntilClose);
    Ok(Some((head, framing, length)))
}

fn content_type(value: &str) -> ContentType {
    if value.starts_with("application/json") {
        ContentType::Json
    } else if value.starts_with("text/event-stream") {
        ContentType::EventStream
    } else {
        ContentType::Other
    }
}
