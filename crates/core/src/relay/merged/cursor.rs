//! The position in a merged list: at which server, on which of its pages, after how many of its
//! entries.
//!
//! A cursor identifies finished servers by digests of their names, not by their positions, so it
//! remains valid for the others after the configuration has changed.

use ring::digest::{SHA256, digest};

/// Stands for a server's name.
pub(super) type ServerTag = [u8; 8];

/// See [`ServerTag`].
pub(super) fn tag(server: &str) -> ServerTag {
    let mut tag = ServerTag::default();
    let length = tag.len();
    tag.copy_from_slice(digest(&SHA256, server.as_bytes()).as_ref().split_at(length).0);
    tag
}

/// A position in the list of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The server's cursor of the page, as raw JSON; `None` for the first page.
    pub(super) page: Option<Vec<u8>>,
    /// Entries of that page that were sent already.
    pub(super) skip: u32,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Servers whose entries were all sent, or that were left out.
    pub(super) done: Vec<ServerTag>,
    /// The server whose list continues.
    pub(super) server: ServerTag,
    pub(super) place: Place,
    /// How many pages the client has received before this one.
    pub(super) pages: u32,
}

impl Cursor {
    pub(super) fn encode(&self) -> Vec<u8> {
        let page = self.place.page.as_deref().unwrap_or_default();
        let mut text = Vec::with_capacity(20 + self.done.len() * 8 + page.len());
        text.extend_from_slice(&self.server);
        text.extend_from_slice(&self.place.skip.to_le_bytes());
        text.extend_from_slice(&self.pages.to_le_bytes());
        let done = u32::try_from(self.done.len()).unwrap_or(u32::MAX);
        text.extend_from_slice(&done.to_le_bytes());
        text.extend(self.done.iter().flatten());
        text.extend_from_slice(page);
        text
    }

    pub(super) fn decode(text: &[u8]) -> Option<Self> {
        let (server, text) = text.split_first_chunk()?;
        let (skip, text) = text.split_first_chunk()?;
        let (pages, text) = text.split_first_chunk()?;
        let (count, text) = text.split_first_chunk()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (done, page) = text.split_at_checked(count.checked_mul(size_of::<ServerTag>())?)?;
        let done = done.as_chunks().0.to_vec();
        let place = Place {
            page: Some(page).filter(|page| !page.is_empty()).map(<[u8]>::to_vec),
            skip: u32::from_le_bytes(*skip),
        };
        Some(Self { done, server: *server, place, pages: u32::from_le_bytes(*pages) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            done in any::<Vec<ServerTag>>(), server: ServerTag, skip: u32, pages: u32,
            page in any::<Vec<u8>>(),
        ) {
            let page = Some(page).filter(|page| !page.is_empty());
            let cursor = Cursor { done, server, place: Place { page, skip }, pages };
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }

        #[test]
        fn no_text_breaks_it(text in any::<Vec<u8>>()) {
            if let Some(cursor) = Cursor::decode(&text) {
                prop_assert_eq!(cursor.encode(), text);
            }
        }
    }
}
