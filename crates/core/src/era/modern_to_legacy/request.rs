//! A modern request without what only its era knows.

use crate::{
    era::metadata::{CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION},
    jsonrpc::{Edit, Message, Removals, Span, each_member, find_member},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct LegacyRequest {
    /// Without the request metadata and the members of a retry.
    pub(crate) message: Message,
    /// What of a retry the original has, as ranges of it.
    pub(crate) retry: Option<Retry>,
    /// Where the original says from which level on it wants log messages.
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

/// What a request asks for, so far as a server may tell whom it may ask back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The era does not have it: it belongs to the handshake, to sessions or to core tasks.
    Removed,
    Discover,
    Listen,
    /// `tools/call`, `prompts/get`, `resources/read`: may be answered with a question.
    Interactive,
    Other,
}

impl Asked {
    pub(crate) fn of(method: &str) -> Self {
        match method {
            "initialize"
            | "ping"
            | "logging/setLevel"
            | "resources/subscribe"
            | "resources/unsubscribe" => Self::Removed,
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

impl LegacyRequest {
    /// Where a request says what it continues.
    pub(crate) fn state_of(modern: &Message) -> Option<Span> {
        find_member(modern.bytes(), modern.params()?, "requestState")
    }

    /// Strips a request or a notification.
    pub(crate) fn of(modern: &Message) -> Self {
        let text = modern.bytes();
        let Some(params) = modern.params() else {
            return Self { message: modern.clone(), retry: None, log_level: None };
        };
        let (mut outer, mut inner) = (Removals::default(), Vec::new());
        let (mut retry, mut log_level) = (Retry::default(), None);
        each_member(text, params, |member| match member.name {
            b"requestState" => {
                retry.state = Some(member.value);
                outer.cut(member.whole);
            }
            b"inputResponses" => {
                retry.responses = Some(member.value);
                outer.cut(member.whole);
            }
            // Core tasks do not cross, and the modern era ignores their parameter.
            b"task" => outer.cut(member.whole),
            b"_meta" => match meta_cuts(text, member.value, &mut log_level) {
                Some(cuts) => {
                    inner = cuts;
                    outer.keep(member.whole);
                }
                None => outer.cut(member.whole),
            },
            _ => outer.keep(member.whole),
        });
        let mut cuts = outer.finish();
        cuts.append(&mut inner);
        cuts.sort_by_key(|span| span.start);
        let edits: Vec<Edit<'_>> = cuts.iter().map(|&span| Edit { span, with: b"" }).collect();
        let retry = Some(retry).filter(|retry| *retry != Retry::default());
        Self { message: modern.edited(&edits), retry, log_level }
    }
}

/// What goes out of `_meta`; `None` if nothing would be left of it.
fn meta_cuts(text: &[u8], meta: Span, log_level: &mut Option<Span>) -> Option<Vec<Span>> {
    if meta.of(text).first() != Some(&b'{') {
        return Some(Vec::new());
    }
    let mut cuts = Removals::default();
    each_member(text, meta, |member| {
        if member.name == LOG_LEVEL.as_bytes() {
            *log_level = Some(member.value);
        }
        let is_envelope = [PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL]
            .iter()
            .any(|key| key.as_bytes() == member.name);
        if is_envelope { cuts.cut(member.whole) } else { cuts.keep(member.whole) }
    });
    (!cuts.is_everything()).then(|| cuts.finish())
}
