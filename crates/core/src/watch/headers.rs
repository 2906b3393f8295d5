//! The headers of a request or response in one allocation: they are copied while a request is
//! handled, and read by another thread.

use http::HeaderMap;

/// See the module. For each header: length and bytes of the name, then length and bytes of the
/// value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<u8>);

/// Most heads are shorter.
const USUAL: usize = 512;

impl Headers {
    /// Their size in memory.
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity()
    }

    /// All names, values and their lengths, as stored.
    pub(super) fn text(&self) -> &[u8] {
        &self.0
    }

    /// Names and values, in their original order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (name, more) = split(rest)?;
            let (value, more) = split(more)?;
            rest = more;
            Some((std::str::from_utf8(name).ok()?, value))
        })
    }
}

impl From<&HeaderMap> for Headers {
    fn from(headers: &HeaderMap) -> Self {
        let mut text = Vec::with_capacity(USUAL);
        for (name, value) in headers {
            for part in [name.as_str().as_bytes(), value.as_bytes()] {
                // A head has at most 64 KiB.
                let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
                text.extend_from_slice(&length.to_le_bytes());
                text.extend_from_slice(part);
            }
        }
        Self(text)
    }
}

/// Splits off a part that begins with its length; returns the part and the rest.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = text.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut headers = HeaderMap::new();
        headers.append("accept", "a".parse().unwrap());
        headers.append("accept", "".parse().unwrap());
        headers.append("x-bytes", http::HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        let read = Headers::from(&headers);
        let expected: [(&str, &[u8]); 3] =
            [("accept", b"a"), ("accept", b""), ("x-bytes", b"\xff\xfe")];
        assert!(read.iter().eq(expected), "{read:?}");
    }
}
