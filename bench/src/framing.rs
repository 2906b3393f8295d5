//! Finds the end of an HTTP/1.1 body: a pure decoder over the read buffer.

use bytes::{Buf, Bytes, BytesMut};

use crate::failure::Failure;

/// The state of the body that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    /// This many bytes are left.
    Length(usize),
    /// Chunked, before a size line.
    ChunkSize,
    /// Chunked, this many bytes of a chunk are left.
    Chunk(usize),
    /// Chunked, before the line end that closes a chunk.
    ChunkEnd,
    /// Chunked, before the empty line after the last chunk.
    LastChunk,
    /// Until the connection ends.
    UntilClose,
}

/// A result of the decoder.
#[derive(Debug)]
pub(crate) enum Step {
    /// A piece of the body.
    Piece(Bytes),
    /// Nothing until more is read.
    NeedMore,
    /// The body is complete.
    End,
}

impl Framing {
    /// Takes the next piece out of `input`.
    pub(crate) fn advance(&mut self, input: &mut BytesMut) -> Result<Step, Failure> {
        loop {
            match *self {
                Self::Length(0) => return Ok(Step::End),
                Self::Length(_) | Self::Chunk(_) | Self::UntilClose if input.is_empty() => {
                    return Ok(Step::NeedMore);
                }
                Self::UntilClose => return Ok(Step::Piece(input.split().freeze())),
                Self::Length(left) => {
                    let piece = input.split_to(left.min(input.len())).freeze();
                    *self = Self::Length(left - piece.len());
                    return Ok(Step::Piece(piece));
                }
                Self::Chunk(left) => {
                    let piece = input.split_to(left.min(input.len())).freeze();
                    let left = left - piece.len();
                    *self = if left == 0 { Self::ChunkEnd } else { Self::Chunk(left) };
                    return Ok(Step::Piece(piece));
                }
                Self::ChunkSize | Self::ChunkEnd | Self::LastChunk => {
                    let Some(end) = memchr::memchr(b'\n', input) else {
                        return Ok(Step::NeedMore);
                    };
                    *self = self.after_line(&input[..end])?;
                    input.advance(end + 1);
                }
            }
        }
    }

    fn after_line(self, line: &[u8]) -> Result<Self, Failure> {
        Ok(match self {
            Self::ChunkSize => match chunk_size(line)? {
                0 => Self::LastChunk,
                size => Self::Chunk(size),
            },
            Self::ChunkEnd => Self::ChunkSize,
            _ => Self::Length(0),
        })
    }
}

fn chunk_size(line: &[u8]) -> Result<usize, Failure> {
    std::str::from_utf8(line)
        .ok()
        .and_then(|line| usize::from_str_radix(line.split(';').next()?.trim(), 16).ok())
        .ok_or_else(|| Failure::wrong("chunk size", line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(mut framing: Framing, wire: &[u8], at_once: usize) -> (Vec<u8>, bool) {
        let (mut input, mut body) = (BytesMut::new(), Vec::new());
        for bytes in wire.chunks(at_once) {
            input.extend_from_slice(bytes);
            loop {
                match framing.advance(&mut input).unwrap() {
                    Step::Piece(piece) => body.extend_from_slice(&piece),
                    Step::NeedMore => break,
                    Step::End => return (body, true),
                }
            }
        }
        (body, false)
    }

    #[test]
    fn chunks_are_joined_however_they_arrive() {
        let wire = b"5\r\nhello\r\n7;x=1\r\n, world\r\n0\r\n\r\n";
        for at_once in 1..=wire.len() {
            let decoded = decode(Framing::ChunkSize, wire, at_once);
            assert_eq!(decoded, (b"hello, world".to_vec(), true), "{at_once} bytes at once");
        }
    }

    #[test]
    fn a_length_ends_the_body_and_leaves_the_next_response() {
        let mut input = BytesMut::from(&b"helloHTTP/1.1"[..]);
        let mut framing = Framing::Length(5);
        assert!(
            matches!(framing.advance(&mut input).unwrap(), Step::Piece(piece) if piece == "hello")
        );
        assert!(matches!(framing.advance(&mut input).unwrap(), Step::End));
        assert_eq!(&input[..], b"HTTP/1.1");
    }

    #[test]
    fn a_size_that_is_no_number_is_refused() {
        assert!(Framing::ChunkSize.advance(&mut BytesMut::from(&b"zz\r\n"[..])).is_err());
    }
}
