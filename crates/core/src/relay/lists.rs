//! What clients last saw of a server's lists, to notice that a new server offers different ones.
//!
//! A list that no client has read is not remembered: no client has a stale copy of it.

use std::hash::{BuildHasher, RandomState};

use super::{Outgoing, Sink};
use crate::{
    jsonrpc::{Message, find_member},
    protocol::List,
};

/// The lists that may differ when a server comes or goes.
pub(super) const CHANGING: [&str; 3] = ["tools", "prompts", "resources"];

/// Tells a client that all its lists have changed.
pub(super) fn tell_changes(sink: &dyn Sink) {
    for list in CHANGING {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"notifications/{list}/list_changed"}}"#);
        sink.write(Outgoing::new(&text.into(), &[], false));
    }
}

/// Digests of the first pages.
#[derive(Debug, Default)]
pub(super) struct Lists {
    known: [Option<u64>; List::ALL.len()],
    hasher: RandomState,
}

impl Lists {
    /// Whether a request asks for the first page.
    pub(super) fn is_first_page(request: &Message) -> bool {
        let cursor = |params| find_member(request.bytes(), params, "cursor");
        request.params().and_then(cursor).is_none()
    }

    /// Remembers a first page; `true` if it differs from the known one. A list of several pages
    /// always counts as different, because its later pages are not examined.
    pub(super) fn learn(&mut self, list: List, response: &Message) -> bool {
        let Some(span) = response.result() else { return false };
        let digest = self.hasher.hash_one(response.text(span));
        let before = self.known[list as usize].replace(digest);
        let continued = find_member(response.bytes(), span, "nextCursor").is_some();
        before.is_some_and(|before| before != digest || continued)
    }

    /// The lists that a client has read.
    pub(super) fn read(&self) -> Vec<List> {
        List::ALL.into_iter().filter(|list| self.known[*list as usize].is_some()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(result: &'static str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        Message::parse(text.into()).unwrap()
    }

    #[test]
    fn only_a_list_that_was_read_can_change() {
        let mut lists = Lists::default();
        assert!(lists.read().is_empty());
        assert!(!lists.learn(List::Tools, &page(r#"{"tools":[]}"#)));
        assert!(!lists.learn(List::Tools, &page(r#"{"tools":[]}"#)));
        assert!(lists.learn(List::Tools, &page(r#"{"tools":[{"name":"new"}]}"#)));
        assert_eq!(lists.read(), [List::Tools]);
    }

    #[test]
    fn later_pages_may_have_changed() {
        let mut lists = Lists::default();
        assert!(!lists.learn(List::Prompts, &page(r#"{"prompts":[],"nextCursor":"2"}"#)));
        assert!(lists.learn(List::Prompts, &page(r#"{"prompts":[],"nextCursor":"2"}"#)));
    }
}
