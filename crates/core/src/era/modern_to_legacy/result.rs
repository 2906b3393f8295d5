//! A legacy result with what every modern one has.

use super::SERVER_INFO;
use crate::jsonrpc::{
    Edit, Message, Removals, Span, each_element, each_member, escape, find_member,
};

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

/// The result of which request this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    ToolCall,
    Tools,
    /// One of the other results that carry cache hints.
    Cacheable,
    Other,
}

impl Answer {
    /// The result of a request for this method.
    pub(crate) fn to(method: &str) -> Self {
        match method {
            "tools/call" => Self::ToolCall,
            "tools/list" => Self::Tools,
            "prompts/list" | "resources/list" | "resources/templates/list" | "resources/read" => {
                Self::Cacheable
            }
            _ => Self::Other,
        }
    }

    /// A legacy server says nothing of how long its answers hold, nor for whom (MCP 2026-07-28,
    /// caching).
    fn hints(self) -> &'static [u8] {
        match self {
            Self::Tools | Self::Cacheable => br#""ttlMs":0,"cacheScope":"private","#,
            Self::ToolCall | Self::Other => b"",
        }
    }
}

/// The changes that make a legacy result a modern one, in ascending order; `None` if it is no
/// object, which no modern result can be.
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
    each_member(text, result, |member| match member.name {
        b"resultType" | b"ttlMs" | b"cacheScope" => found.cuts.cut(member.whole),
        b"toolResult" if answer == Answer::ToolCall => {
            found.tool_result = Some(member.value);
            found.cuts.cut(member.whole);
        }
        name => {
            found.cuts.keep(member.whole);
            match name {
                b"_meta" => found.meta = Some(member.value),
                b"content" => found.content = true,
                b"tools" => found.tools = Some(member.value),
                _ => {}
            }
        }
    });
    Some(found.patches(text, result, answer, server))
}

/// What of a result's members matters.
#[derive(Default)]
struct Found {
    cuts: Removals,
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
        let mut first = br#""resultType":"complete","#.to_vec();
        first.extend_from_slice(answer.hints());
        if answer == Answer::ToolCall && !self.content {
            first.extend_from_slice(&self.missing_content(text));
        }
        let meta = self.meta.filter(|meta| meta.of(text).first() == Some(&b'{'));
        let mut patches = Vec::with_capacity(2);
        if let Some(server) = server {
            let member = [b"\"", SERVER_INFO.as_bytes(), b"\":", server].concat();
            match meta {
                None if self.meta.is_some() => {}
                None => first.extend_from_slice(&[b"\"_meta\":{", &member[..], b"},"].concat()),
                // The server's own word counts.
                Some(meta) if find_member(text, meta, SERVER_INFO).is_some() => {}
                Some(meta) => patches.push(at_start(text, meta, member)),
            }
        }
        if self.cuts.is_everything() {
            first.pop();
        }
        let start = result.range().start + 1;
        patches.push(Patch { span: Span::new(start, start), with: first });
        if answer == Answer::Tools
            && let Some(tools) = self.tools
        {
            patches.extend(without_tasks(text, tools).into_iter().map(cut));
        }
        patches.extend(self.cuts.finish().into_iter().map(cut));
        patches.sort_by_key(|patch| (patch.span.start, patch.span.end));
        patches
    }

    /// `content` is required; the revision 2024-10-07 has `toolResult` in its place.
    fn missing_content(&self, text: &[u8]) -> Vec<u8> {
        let Some(result) = self.tool_result else { return br#""content":[],"#.to_vec() };
        let result = escape(&String::from_utf8_lossy(result.of(text)));
        format!(r#""content":[{{"type":"text","text":{result}}}],"#).into_bytes()
    }
}

fn cut(span: Span) -> Patch {
    Patch { span, with: Vec::new() }
}

fn at_start(text: &[u8], object: Span, mut member: Vec<u8>) -> Patch {
    let start = object.range().start + 1;
    if text.get(start..).map(<[u8]>::trim_ascii_start).is_some_and(|rest| !rest.starts_with(b"}")) {
        member.push(b',');
    }
    Patch { span: Span::new(start, start), with: member }
}

/// Core tasks do not cross: a tool that cannot be called without one is not offered, and no tool
/// says what it does with them.
fn without_tasks(text: &[u8], tools: Span) -> Vec<Span> {
    if memchr::memmem::find(tools.of(text), b"\"execution\"").is_none() {
        return Vec::new();
    }
    let (mut outer, mut inner) = (Removals::default(), Vec::new());
    each_element(text, tools, |tool| {
        let execution = find_member(text, tool, "execution");
        let support = execution.and_then(|execution| find_member(text, execution, "taskSupport"));
        if support.is_some_and(|support| support.of(text) == b"\"required\"") {
            return outer.cut(tool);
        }
        outer.keep(tool);
        let mut cuts = Removals::default();
        each_member(text, tool, |member| match member.name {
            b"execution" => cuts.cut(member.whole),
            _ => cuts.keep(member.whole),
        });
        inner.append(&mut cuts.finish());
    });
    let mut cuts = outer.finish();
    cuts.append(&mut inner);
    cuts
}
