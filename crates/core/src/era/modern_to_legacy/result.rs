//! Adds to a legacy result what every modern one must have.

use super::SERVER_INFO;
use crate::{
    jsonrpc::{Cuts, Edit, Message, Span, elements, escape, find_member, members},
    protocol::is_cacheable,
};

/// Members that only modern results have.
const STAMPED: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];

/// A replacement that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) span: Span,
    pub(crate) with: Vec<u8>,
}

impl Patch {
    pub(crate) fn edit(&self) -> Edit<'_> {
        Edit { span: self.span, with: &self.with }
    }
}

impl From<&Edit<'_>> for Patch {
    fn from(edit: &Edit<'_>) -> Self {
        Self { span: edit.span, with: edit.with.to_vec() }
    }
}

/// Which request this answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    ToolCall,
    Tools,
    /// Another result that carries cache hints.
    Cacheable,
    Other,
}

impl Answer {
    /// The result of a request for this method.
    pub(crate) fn to(method: &str) -> Self {
        match method {
            "tools/call" => Self::ToolCall,
            "tools/list" => Self::Tools,
            method if is_cacheable(method) => Self::Cacheable,
            _ => Self::Other,
        }
    }

    /// A legacy server does not say how long its answers stay valid, or for which clients (MCP
    /// 2026-07-28, caching).
    fn hints(self) -> &'static [u8] {
        match self {
            Self::Tools | Self::Cacheable => br#""ttlMs":0,"cacheScope":"private","#,
            Self::ToolCall | Self::Other => b"",
        }
    }
}

/// The edits that turn a legacy result into a modern one, in ascending order; `None` if it is not
/// an object, as every modern result must be.
pub(crate) fn stamps(
    response: &Message,
    answer: Answer,
    server: Option<&[u8]>,
) -> Option<Vec<Patch>> {
    let text = response.bytes();
    let result = response.result()?;
    if result.of(text).first() != Some(&b'{') {
        return None;
    }
    let mut found = Found::default();
    let mut cuts = Cuts::default();
    for entry in members(text, result) {
        if answer == Answer::ToolCall && entry.is("toolResult") {
            found.tool_result = Some(entry.value);
            cuts.goes(entry.whole());
        } else if STAMPED.iter().any(|name| entry.is(name)) {
            cuts.goes(entry.whole());
        } else {
            cuts.stays(entry.whole(), &mut found.cuts);
            if entry.is("_meta") {
                found.meta = Some(entry.value);
            } else if entry.is("tools") {
                found.tools = Some(entry.value);
            }
            found.content |= entry.is("content");
        }
    }
    found.is_empty = !cuts.end(&mut found.cuts);
    Some(found.patches(text, result, answer, server))
}

/// The members of a result that matter here.
#[derive(Default)]
struct Found {
    cuts: Vec<Edit<'static>>,
    /// Everything else was removed.
    is_empty: bool,
    meta: Option<Span>,
    content: bool,
    tool_result: Option<Span>,
    tools: Option<Span>,
}

impl Found {
    fn patches(
        self,
        text: &[u8],
        result: Span,
        answer: Answer,
        server: Option<&[u8]>,
    ) -> Vec<Patch> {
        let mut first = Vec::with_capacity(256);
        first.extend_from_slice(br#""resultType":"complete","#);
        first.extend_from_slice(answer.hints());
        if answer == Answer::ToolCall && !self.content {
            first.extend_from_slice(&self.missing_content(text));
        }
        let meta = self.meta.filter(|meta| meta.of(text).first() == Some(&b'{'));
        let mut patches = Vec::with_capacity(2);
        if let Some(server) = server {
            let member = [b"\"", SERVER_INFO.as_bytes(), b"\":", server];
            match meta {
                None if self.meta.is_some() => {}
                None => {
                    first.extend_from_slice(b"\"_meta\":{");
                    for part in member {
                        first.extend_from_slice(part);
                    }
                    first.extend_from_slice(b"},");
                }
                // The server's own value takes precedence.
                Some(meta) if find_member(text, meta, SERVER_INFO).is_some() => {}
                Some(meta) => patches.push(at_start(text, meta, member.concat())),
            }
        }
        if self.is_empty {
            first.pop();
        }
        let start = result.range().start + 1;
        patches.push(Patch { span: Span::new(start, start), with: first });
        if answer == Answer::Tools
            && let Some(tools) = self.tools
        {
            patches.extend(without_tasks(text, tools).iter().map(Patch::from));
        }
        patches.extend(self.cuts.iter().map(Patch::from));
        patches.sort_by_key(|patch| (patch.span.start, patch.span.end));
        patches
    }

    /// `content` is required; the revision 2024-10-07 has `toolResult` instead.
    fn missing_content(&self, text: &[u8]) -> Vec<u8> {
        let Some(result) = self.tool_result else { return br#""content":[],"#.to_vec() };
        let result = escape(&String::from_utf8_lossy(result.of(text)));
        format!(r#""content":[{{"type":"text","text":{result}}}],"#).into_bytes()
    }
}

fn at_start(text: &[u8], object: Span, mut member: Vec<u8>) -> Patch {
    let start = object.range().start + 1;
    if text.get(start..).map(<[u8]>::trim_ascii_start).is_some_and(|rest| !rest.starts_with(b"}")) {
        member.push(b',');
    }
    Patch { span: Span::new(start, start), with: member }
}

fn mentions_execution(text: &[u8], tools: Span) -> bool {
    memchr::memmem::find(tools.of(text), b"\"execution\"").is_some()
}

/// Core tasks are not translated, so no tool mentions them. If a tool requires them, the proxy runs
/// the task.
fn without_tasks(text: &[u8], tools: Span) -> Vec<Edit<'static>> {
    if !mentions_execution(text, tools) {
        return Vec::new();
    }
    let mut edits = Vec::new();
    for tool in elements(text, tools) {
        let mut inner = Cuts::default();
        for entry in members(text, tool) {
            if entry.is("execution") {
                inner.goes(entry.whole());
            } else {
                inner.stays(entry.whole(), &mut edits);
            }
        }
        inner.end(&mut edits);
    }
    edits
}
