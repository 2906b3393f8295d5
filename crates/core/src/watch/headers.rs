//! The headers of a request or response in one allocation: they are copied while a request is
//! handled, and read by another thread.

use http::HeaderMap;

/// See the module. For each header: lengths of name and value, name, value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<u8>);

/// Most heads are shorter.
const USUAL: usize = 512;
/// The lower half of two lengths.
const LOW: u64 = u32::MAX as u64;

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
            let (lengths, more) = rest.split_first_chunk()?;
            let lengths = u64::from_le_bytes(*lengths);
            let (name, more) = more.split_at_checked(usize::try_from(lengths >> 32).ok()?)?;
            let (value, more) = more.split_at_checked(usize::try_from(lengths & LOW).ok()?)?;
            rest = more;
            Some((std::str::from_utf8(name).ok()?, value))
        })
    }
}

impl From<&HeaderMap> for Headers {
    fn from(headers: &HeaderMap) -> Self {
        let mut text = Vec::with_capacity(USUAL);
        for (name, value) in headers {
            let name = name.as_str();
            // A head has at most 64 KiB.
            let lengths = (name.len() as u64) << 32 | value.len() as u64 & LOW;
            text.extend_from_slice(&lengths.to_le_bytes());
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(value.as_bytes());
        }
        Self(text)
    }
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
