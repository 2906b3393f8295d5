//! Lists of several servers as one: pure.
//!
//! Entries are copied unchanged, except for their names. They come in the order of the
//! configuration, whichever server answers first.

use std::{borrow::Cow, collections::HashSet};

use super::cursor::Place;
use crate::jsonrpc::{Element as Entry, Message, named_elements, string_text};

/// Most entries of one page; not more, since many clients read only the first one.
pub(super) const MAX_ENTRIES: usize = 1_000;
/// Most bytes of the entries of one page, unless the first one alone is larger.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// A request for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) method: &'static str,
    /// The member of the result that holds the entries.
    pub(super) key: &'static str,
    /// The member of an entry that is its name.
    pub(super) named_by: &'static str,
    /// The capability of servers that offer the list, if there is one.
    pub(super) capability: Option<&'static str>,
    pub(super) kind: Kind,
}

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tool,
    Prompt,
    Resource,
    Template,
    Skill,
    Task,
}

/// All requests for lists.
const LISTS: [Listed; 6] = [
    listed("tools/list", "tools", "name", Kind::Tool),
    listed("prompts/list", "prompts", "name", Kind::Prompt),
    listed("resources/list", "resources", "uri", Kind::Resource),
    listed("resources/templates/list", "resourceTemplates", "uriTemplate", Kind::Template),
    listed("skills/list", "skills", "uri", Kind::Skill),
    listed("tasks/list", "tasks", "taskId", Kind::Task),
];

const fn listed(
    method: &'static str,
    key: &'static str,
    named_by: &'static str,
    kind: Kind,
) -> Listed {
    let capability = match kind {
        Kind::Tool => Some("tools"),
        Kind::Prompt => Some("prompts"),
        Kind::Resource | Kind::Template => Some("resources"),
        Kind::Skill | Kind::Task => None,
    };
    Listed { method, key, named_by, capability, kind }
}

impl Listed {
    /// The list for this method.
    pub(super) fn of(method: &str) -> Option<Self> {
        LISTS.into_iter().find(|listed| listed.method == method)
    }

    pub(super) fn tools() -> Self {
        LISTS[0]
    }

    pub(super) fn of_kind(kind: Kind) -> Self {
        LISTS.into_iter().find(|listed| listed.kind == kind).unwrap_or(LISTS[0])
    }
}

/// One page of a server's list.
#[derive(Clone, Debug)]
pub(super) struct Page {
    response: Message,
    /// The cursor with which it was requested, as raw JSON.
    asked: Option<Vec<u8>>,
    pub(super) entries: Vec<Entry>,
    /// The cursor of the next page, as raw JSON.
    pub(super) next: Option<Vec<u8>>,
    /// How long it may be cached, according to a server of the newer era.
    ttl: Option<u64>,
    /// Whether it may be cached for everybody, according to a server of the newer era.
    public: bool,
}

impl Page {
    /// Reads a page; `None` if it is malformed.
    pub(super) fn of(response: Message, listed: Listed, asked: Option<Vec<u8>>) -> Option<Self> {
        let (mut next, mut ttl, mut public) = (None, None, false);
        let entries = named_elements(
            response.bytes(),
            response.result()?,
            (listed.key, listed.named_by),
            |member| {
                let raw = response.text(member.value);
                if member.is("nextCursor") {
                    next = Some(raw).filter(|raw| raw.starts_with(b"\""));
                } else if member.is("ttlMs") {
                    ttl = std::str::from_utf8(raw).ok().and_then(|raw| raw.parse().ok());
                } else if member.is("cacheScope") {
                    public = raw == br#""public""#;
                }
            },
        )?;
        let next = next.map(<[u8]>::to_vec);
        Some(Self { response, asked, entries, next, ttl, public })
    }

    /// An entry's name, decoded.
    pub(super) fn name(&self, entry: Entry) -> Option<Cow<'_, str>> {
        string_text(self.raw_name(entry)?)
    }

    /// The same, as written.
    pub(super) fn raw_name(&self, entry: Entry) -> Option<&[u8]> {
        entry.name.map(|name| self.response.text(name))
    }

    /// The bytes of all its entries.
    pub(super) fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.whole.range().len()).sum()
    }

    /// Appends an entry with this name in place of its own.
    fn write(&self, entry: Entry, name: &[u8], into: &mut Vec<u8>) {
        let whole = entry.whole.range();
        let text =
            |range: std::ops::Range<usize>| self.response.bytes().get(range).unwrap_or_default();
        let Some(span) = entry.name else { return into.extend_from_slice(text(whole)) };
        into.extend_from_slice(text(whole.start..span.range().start));
        into.extend_from_slice(name);
        into.extend_from_slice(text(span.range().end..whole.end));
    }
}

/// One server's part.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: String,
    /// Its pages, and how many entries of the first one to skip; empty if it was left out.
    pub(super) pages: Option<(Vec<Page>, u32)>,
}

/// Where a list continues that is too long for one page: the index of the part, and the position in
/// it.
pub(super) type Next = Option<(usize, Place)>;

/// Merges the lists of several servers. `name` returns the merged name of an entry of the part with
/// this index, as JSON; an entry without one is left out.
pub(super) fn fold(
    listed: Listed,
    parts: &[Part],
    mut name: impl FnMut(usize, &Page, Entry) -> Option<Vec<u8>>,
) -> (Vec<u8>, Next) {
    let mut list = Vec::new();
    let mut entries = 0;
    for (place, part) in parts.iter().enumerate() {
        let Some((pages, skip)) = &part.pages else { continue };
        let mut seen = HashSet::new();
        for (number, page) in pages.iter().enumerate() {
            let skip = if number == 0 { *skip as usize } else { 0 };
            for (index, &entry) in page.entries.iter().enumerate().skip(skip) {
                let twice = page.name(entry).is_some_and(|name| !seen.insert(name));
                let Some(name) = name(place, page, entry).filter(|_| !twice) else { continue };
                let length = entry.whole.range().len() + name.len();
                let full = entries == MAX_ENTRIES || list.len() + length > MAX_BYTES;
                if full && entries > 0 {
                    let skip = u32::try_from(index).unwrap_or(u32::MAX);
                    return (list, Some((place, Place { page: page.asked.clone(), skip })));
                }
                if entries > 0 {
                    list.push(b',');
                }
                page.write(entry, &name, &mut list);
                entries += 1;
            }
        }
        // No more of it was read although there was room: its next page continues it.
        if let Some(next) = pages.last().and_then(|page| page.next.clone()) {
            let at = Place { page: Some(next), skip: 0 };
            return (list, Some((place, at)));
        }
    }
    debug_assert!(entries <= MAX_ENTRIES, "{}", listed.method);
    (list, None)
}

/// The result with a merged list: `next` is the cursor for the rest, `left_out` are the names of
/// servers that gave nothing. For a 2026-07-28 client it says how long it may be cached.
pub(super) fn result(
    listed: Listed,
    parts: &[Part],
    (list, next): (&[u8], Option<&str>),
    modern: bool,
) -> Vec<u8> {
    let mut text = Vec::with_capacity(list.len() + 256);
    text.extend_from_slice(b"{");
    if modern {
        text.extend_from_slice(br#""resultType":"complete","#);
    }
    text.extend_from_slice(format!("\"{}\":[", listed.key).as_bytes());
    text.extend_from_slice(list);
    text.push(b']');
    if let Some(next) = next {
        text.extend_from_slice(format!(r#","nextCursor":"{next}""#).as_bytes());
    }
    let given = || parts.iter().filter_map(|part| part.pages.as_ref());
    let left_out = unavailable(parts.iter().filter(|part| part.pages.is_none()));
    if modern {
        let pages = || given().flat_map(|(pages, _)| pages);
        // An incomplete list may be cached only briefly.
        let ttl = pages().map(|page| page.ttl.unwrap_or(0)).min().filter(|_| left_out.is_none());
        let scope = if pages().all(|page| page.public) { "public" } else { "private" };
        let ttl = format!(r#","ttlMs":{},"cacheScope":"{scope}""#, ttl.unwrap_or(0));
        text.extend_from_slice(ttl.as_bytes());
    }
    if let Some(left_out) = left_out {
        let meta = format!(r#","_meta":{{"{UNAVAILABLE}":{left_out}}}"#);
        text.extend_from_slice(meta.as_bytes());
    }
    text.push(b'}');
    text
}

/// In the metadata of a merged list: the names of the servers that are missing.
const UNAVAILABLE: &str = "io.github.mcp-proxy/unavailable";

fn unavailable<'a>(parts: impl Iterator<Item = &'a Part>) -> Option<String> {
    let names: Vec<&str> = parts.map(|part| part.name.as_str()).collect();
    (!names.is_empty()).then(|| serde_json::Value::from(names).to_string())
}

#[cfg(test)]
mod tests;
