//! Small raw JSON values that outlive the message they came in.

use std::fmt;

const INLINE: usize = 30;

/// A raw JSON value (an id or a progress token) exactly as its sender wrote it.
///
/// `1`, `"1"` and `1.0` are three different values. Usual ids are kept without an allocation.
#[derive(Clone)]
pub(crate) struct Raw(Repr);

#[derive(Clone)]
enum Repr {
    Inline { length: u8, bytes: [u8; INLINE] },
    Boxed(Box<[u8]>),
}

impl Raw {
    #[expect(clippy::cast_possible_truncation, reason = "the inline length is at most 30")]
    pub(crate) fn new(value: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        Self(match bytes.get_mut(..value.len()) {
            Some(inline) => {
                inline.copy_from_slice(value);
                Repr::Inline { length: value.len() as u8, bytes }
            }
            None => Repr::Boxed(value.into()),
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Repr::Boxed(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}
