//! Removes from a modern request what only its era has.

use crate::{
    era::metadata::{ENVELOPE, LOG_LEVEL},
    jsonrpc::{Cuts, Edit, Message, Span, find_member, members},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct LegacyRequest {
    /// Without the request metadata and the members of a retry.
    pub(crate) message: Message,
    /// The parts of the original that belong to a retry, as ranges.
    pub(crate) retry: Option<Retry>,
    /// Where the original sets the lowest level of log messages.
    pub(crate) log_level: Option<Span>,
}

/// Members by which a request continues an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retry {
    /// `requestState`.
    pub(crate) state: Option<Span>,
    /// `inputResponses`.
    pub(crate) responses: Option<Span>,
}

/// The kind of a request, as far as it decides whether its client can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The era does not have it: it belongs to the handshake, to sessions or to core tasks.
    Removed,
    Discover,
    Listen,
    /// `tools/call`, `prompts/get`, `resources/read`: the answer may be a question.
    Interactive,
    Other,
}

impl Asked {
    pub(crate) fn of(method: &str) -> Self {
        match method {
            _ if is_of_sessions(method) => Self::Removed,
            "server/discover" => Self::Discover,
            "subscriptions/listen" => Self::Listen,
            "tools/call" | "prompts/get" | "resources/read" => Self::Interactive,
            _ if method.starts_with("tasks/") || method.starts_with("notifications/") => {
                Self::Removed
            }
            _ => Self::Other,
        }
    }
}

/// Whether a method was removed with the handshake and sessions, whatever extensions exist.
pub(crate) fn is_of_sessions(method: &str) -> bool {
    matches!(
        method,
        "initialize"
            | "ping"
            | "logging/setLevel"
            | "resources/subscribe"
            | "resources/unsubscribe"
    )
}

impl LegacyRequest {
    /// Where a request refers to an earlier one.
    pub(crate) fn state_of(modern: &Message) -> Option<Span> {
        find_member(modern.bytes(), modern.params()?, "requestState")
    }

    /// Strips a request or a notification.
    pub(crate) fn of(modern: &Message) -> Self {
        let whole = || Self { message: modern.clone(), retry: None, log_level: None };
        let Some(params) = modern.params() else { return whole() };
        if modern.has_reserved_members() {
            return Self::without_retry(modern, params);
        }
        // Only metadata may be removed from a notification, so nothing else is examined again.
        let Some(meta) = modern.meta().filter(|_| modern.has_reserved_meta()) else {
            return whole();
        };
        let mut log_level = None;
        let cuts = meta_cuts(modern.bytes(), meta, &mut log_level);
        let edits = cuts.unwrap_or_else(|| vec![member_cut(modern.bytes(), meta)]);
        Self { message: modern.edited(&edits), retry: None, log_level }
    }

    fn without_retry(modern: &Message, params: Span) -> Self {
        let text = modern.bytes();
        let (mut cuts, mut edits) = (Cuts::default(), Vec::new());
        let (mut retry, mut log_level) = (Retry::default(), None);
        for entry in members(text, params) {
            match &*entry.name() {
                "requestState" => {
                    retry.state = Some(entry.value);
                    cuts.goes(entry.whole());
                }
                "inputResponses" => {
                    retry.responses = Some(entry.value);
                    cuts.goes(entry.whole());
                }
                // Core tasks are not translated, and the modern era ignores their parameter.
                "task" => cuts.goes(entry.whole()),
                "_meta" => match meta_cuts(text, entry.value, &mut log_level) {
                    Some(mut inner) => {
                        cuts.stays(entry.whole(), &mut edits);
                        edits.append(&mut inner);
                    }
                    None => cuts.goes(entry.whole()),
                },
                _ => cuts.stays(entry.whole(), &mut edits),
            }
        }
        cuts.end(&mut edits);
        let retry = Some(retry).filter(|retry| *retry != Retry::default());
        Self { message: modern.edited(&edits), retry, log_level }
    }
}

/// The range that removes a member from its object, with a comma, found from its value. The key
/// contains no quotes.
fn member_cut(text: &[u8], value: Span) -> Edit<'static> {
    let before = |end: usize| text[..end].trim_ascii_end();
    let key = before(before(value.range().start).len().saturating_sub(1));
    let opening = memchr::memrchr(b'"', &key[..key.len().saturating_sub(1)]).unwrap_or_default();
    let (mut start, mut end) = (opening, value.range().end);
    if let Some((b',', rest)) = before(start).split_last() {
        start = rest.len();
    } else if let Some((b',', rest)) = text[end..].trim_ascii_start().split_first() {
        end = text.len() - rest.trim_ascii_start().len();
    }
    Edit { span: Span::new(start, end), with: b"" }
}

/// The edits for `_meta`; `None` if nothing would be left of it.
fn meta_cuts(text: &[u8], meta: Span, log_level: &mut Option<Span>) -> Option<Vec<Edit<'static>>> {
    if meta.of(text).first() != Some(&b'{') {
        return Some(Vec::new());
    }
    let (mut cuts, mut edits) = (Cuts::default(), Vec::new());
    for entry in members(text, meta) {
        if !ENVELOPE.iter().any(|name| entry.is(name)) {
            cuts.stays(entry.whole(), &mut edits);
            continue;
        }
        if entry.is(LOG_LEVEL) {
            *log_level = Some(entry.value);
        }
        cuts.goes(entry.whole());
    }
    cuts.end(&mut edits).then_some(edits)
}
