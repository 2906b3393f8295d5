//! What a 2026-07-28 server's result says, and which parts a handshake client does not get.

use std::borrow::Cow;

use super::schema;
use crate::{
    era::metadata::SERVER_INFO,
    jsonrpc::{Cuts, Edit, Entry, Message, Span, elements, escape, find_member, members},
    protocol::is_cacheable,
};

/// The kinds of requests whose results are treated differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `tools/call`; whether clients know the tool's structured result in wrapped form.
    Call {
        wrapped: bool,
    },
    /// `prompts/get`.
    Prompt,
    /// `resources/read`.
    Read,
    /// `tools/list`.
    Tools,
    /// Other requests that list or read something.
    List,
    Other,
}

impl Family {
    pub(crate) fn of(method: &str) -> Self {
        match method {
            "tools/call" => Self::Call { wrapped: false },
            "prompts/get" => Self::Prompt,
            "resources/read" => Self::Read,
            "tools/list" => Self::Tools,
            method if is_cacheable(method) => Self::List,
            _ => Self::Other,
        }
    }

    /// Whether the server may ask for input before it completes (MCP 2026-07-28, MRTR).
    pub(crate) fn may_ask(self) -> bool {
        matches!(self, Self::Call { .. } | Self::Prompt | Self::Read)
    }

    fn has_cache_hints(self) -> bool {
        matches!(self, Self::Read | Self::Tools | Self::List)
    }
}

/// A result that was examined.
#[derive(Debug)]
pub(crate) enum Verdict {
    Complete(Rewrite),
    InputRequired {
        requests: Option<Span>,
        state: Option<Span>,
    },
    /// A result type that a handshake client cannot be given; the raw value.
    Unknown(String),
}

/// What to do with a result for a handshake client.
#[derive(Debug, Default)]
pub(crate) struct Rewrite {
    cuts: Vec<Edit<'static>>,
    texts: Vec<(Span, Cow<'static, str>)>,
    /// Tools whose output schema was wrapped, by their raw names.
    pub(crate) wrapped_tools: Vec<Vec<u8>>,
}

impl Rewrite {
    /// The edits, in any order; only those at one place are ordered.
    pub(crate) fn edits(&self) -> Vec<Edit<'_>> {
        // Leaves room for the edit of the id.
        let mut edits = Vec::with_capacity(1 + self.cuts.len() + self.texts.len());
        edits.extend_from_slice(&self.cuts);
        edits.extend(
            self.texts.iter().map(|(span, text)| Edit { span: *span, with: text.as_bytes() }),
        );
        edits
    }

    fn insert(&mut self, at: usize, text: impl Into<Cow<'static, str>>) {
        self.texts.push((Span::new(at, at), text.into()));
    }

    /// Makes `{"result": value}` of a value.
    fn wrap(&mut self, value: Span) {
        self.insert(value.range().start, "{\"result\":");
        self.insert(value.range().end, "}");
    }
}

/// Examines a result; the same pass finds what must be changed.
pub(crate) fn read(response: &Message, family: Family) -> Verdict {
    let mut rewrite = Rewrite::default();
    let Some(result) = response.result() else { return Verdict::Complete(rewrite) };
    let bytes = response.bytes();
    let (mut kind, mut requests, mut state) = (None, None, None);
    let (mut content, mut structured) = (None, None);
    let mut cuts = Cuts::default();
    for entry in members(bytes, result) {
        let value = Some(entry.value);
        if entry.is("resultType") {
            kind = value;
        } else if entry.is("inputRequests") {
            requests = value;
        } else if entry.is("requestState") {
            state = value;
        } else if entry.is("content") {
            content = value;
        } else if entry.is("structuredContent") {
            structured = value;
        }
        if is_foreign(bytes, &entry, family) {
            cuts.goes(entry.whole());
            continue;
        }
        cuts.stays(entry.whole(), &mut rewrite.cuts);
        if entry.is("_meta") {
            cut_server_info(bytes, entry.value, &mut rewrite.cuts);
        } else if family == Family::Tools && entry.is("tools") {
            wrap_schemas(bytes, entry.value, &mut rewrite);
        }
    }
    cuts.end(&mut rewrite.cuts);
    match kind.map(|kind| kind.of(bytes)) {
        Some(b"\"input_required\"") => return Verdict::InputRequired { requests, state },
        // A result without a type is one of an earlier revision, which is complete.
        None | Some(b"\"complete\"") => {}
        Some(other) => return Verdict::Unknown(String::from_utf8_lossy(other).into_owned()),
    }
    if let (Family::Call { wrapped }, Some(structured)) = (family, structured) {
        wrap_structured(bytes, structured, content, wrapped, &mut rewrite);
    }
    Verdict::Complete(rewrite)
}

/// Whether a member of a result means nothing to the client. Metadata is removed as a whole if it
/// contains only the server's name.
fn is_foreign(bytes: &[u8], entry: &Entry<'_>, family: Family) -> bool {
    let hint = || family.has_cache_hints() && (entry.is("ttlMs") || entry.is("cacheScope"));
    let empty = || {
        entry.is("_meta")
            && find_member(bytes, entry.value, SERVER_INFO).is_some()
            && members(bytes, entry.value).all(|key| key.is(SERVER_INFO))
    };
    entry.is("resultType") || hint() || empty()
}

fn cut_server_info(bytes: &[u8], meta: Span, edits: &mut Vec<Edit<'static>>) {
    let mut cuts = Cuts::default();
    for key in members(bytes, meta) {
        if key.is(SERVER_INFO) {
            cuts.goes(key.whole());
        } else {
            cuts.stays(key.whole(), edits);
        }
    }
    cuts.end(edits);
}

/// A handshake client requires structured content to be an object. If it was not, it is repeated as
/// text, unless the result contains text already.
fn wrap_structured(
    bytes: &[u8],
    structured: Span,
    content: Option<Span>,
    wrapped: bool,
    rewrite: &mut Rewrite,
) {
    let is_object = structured.of(bytes).first() == Some(&b'{');
    if is_object && !wrapped {
        return;
    }
    rewrite.wrap(structured);
    let Some(content) = content.filter(|_| !is_object) else { return };
    let is_text = |block: Span| {
        find_member(bytes, block, "type").is_some_and(|kind| kind.of(bytes) == b"\"text\"")
    };
    let mut blocks = elements(bytes, content).peekable();
    let comma = if blocks.peek().is_some() { "," } else { "" };
    if content.of(bytes).first() == Some(&b'[') && !blocks.any(is_text) {
        let text = escape(&String::from_utf8_lossy(structured.of(bytes)));
        let end = content.range().end - 1;
        rewrite.insert(end, format!("{comma}{{\"type\":\"text\",\"text\":{text}}}"));
    }
}

/// A handshake client requires output schemas to describe objects.
fn wrap_schemas(bytes: &[u8], tools: Span, rewrite: &mut Rewrite) {
    for tool in elements(bytes, tools) {
        let Some(output) = find_member(bytes, tool, "outputSchema") else { continue };
        if schema::is_of_object(bytes, output) {
            continue;
        }
        rewrite.insert(output.range().start, schema::BEFORE);
        schema::references(bytes, output, &mut |at| rewrite.insert(at, schema::PLACE));
        rewrite.insert(output.range().end, schema::BEHIND);
        let name = find_member(bytes, tool, "name").map(|name| name.of(bytes).to_vec());
        rewrite.wrapped_tools.extend(name);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;
    use crate::jsonrpc::Assembly;

    fn rewritten(family: Family, result: &str) -> String {
        let text = format!(r#"{{"jsonrpc":"2.0","id":41,"result":{result}}}"#);
        let response = Message::parse(text.into()).unwrap();
        let Verdict::Complete(rewrite) = read(&response, family) else {
            panic!("{result} is complete")
        };
        let mut edits = rewrite.edits();
        edits.push(Edit { span: response.id_span().unwrap(), with: b"\"x\"" });
        edits.sort_by_key(Edit::place);
        let source = response.bytes();
        let whole = Assembly { before: b"", source, edits: &edits, behind: b"" };
        let text = String::from_utf8(whole.frame().runs().concat()).unwrap();
        let inner = text.strip_prefix(r#"{"jsonrpc":"2.0","id":"x","result":"#).unwrap();
        inner.strip_suffix('}').unwrap().to_owned()
    }

    const CALL: Family = Family::Call { wrapped: false };
    const WRAPPED: Family = Family::Call { wrapped: true };

    #[test]
    fn the_words_of_the_other_era_are_left_out_and_nothing_else() {
        for (family, result, expected) in [
            (CALL, r#"{"resultType":"complete","content":[]}"#, r#"{"content":[]}"#),
            (CALL, r#"{"content":[ ],"resultType":"complete"}"#, r#"{"content":[ ]}"#),
            (CALL, r#"{"content":[],"ttlMs":1.0}"#, r#"{"content":[],"ttlMs":1.0}"#),
            (Family::Other, r#"{"resultType":"complete"}"#, "{}"),
            (Family::Other, "7", "7"),
            (
                Family::Read,
                r#"{"ttlMs":0,"cacheScope":"private","contents":[1e400],"resultType":"complete"}"#,
                r#"{"contents":[1e400]}"#,
            ),
            (
                Family::List,
                r#"{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}},"prompts":[]}"#,
                r#"{"prompts":[]}"#,
            ),
            (
                Family::List,
                r#"{"prompts":[],"_meta":{"a":1,"io.modelcontextprotocol/serverInfo":{},"b":2},"ttlMs":9}"#,
                r#"{"prompts":[],"_meta":{"a":1,"b":2}}"#,
            ),
            (Family::List, r#"{"_meta":{},"prompts":[]}"#, r#"{"_meta":{},"prompts":[]}"#),
        ] {
            assert_eq!(rewritten(family, result), expected, "{result}");
        }
    }

    #[test]
    fn structured_content_is_an_object_and_said_in_a_text() {
        for (family, result, expected) in [
            (
                CALL,
                r#"{"content":[],"structuredContent":[1.0,"a"]}"#,
                r#"{"content":[{"type":"text","text":"[1.0,\"a\"]"}],"structuredContent":{"result":[1.0,"a"]}}"#,
            ),
            (
                CALL,
                r#"{"structuredContent":7,"content":[{"type":"image"}]}"#,
                r#"{"structuredContent":{"result":7},"content":[{"type":"image"},{"type":"text","text":"7"}]}"#,
            ),
            (
                CALL,
                r#"{"structuredContent":7,"content":[{"text":"seven","type":"text"}]}"#,
                r#"{"structuredContent":{"result":7},"content":[{"text":"seven","type":"text"}]}"#,
            ),
            (
                CALL,
                r#"{"content":[],"structuredContent":{"a":1}}"#,
                r#"{"content":[],"structuredContent":{"a":1}}"#,
            ),
            (
                WRAPPED,
                r#"{"content":[],"structuredContent":7}"#,
                r#"{"content":[{"type":"text","text":"7"}],"structuredContent":{"result":7}}"#,
            ),
            (
                WRAPPED,
                r#"{"content":[],"structuredContent":{"a":1}}"#,
                r#"{"content":[],"structuredContent":{"result":{"a":1}}}"#,
            ),
        ] {
            assert_eq!(rewritten(family, result), expected, "{result}");
        }
    }

    #[test]
    fn output_schemas_describe_objects() {
        let result = r##"{"tools":[{"name":"a","outputSchema":{"type":"object","$ref":"#/x"}},{"name":"b"},{"outputSchema":{"type":"array","items":{"$ref":"#/$defs/i"},"$defs":{"i":{"const":{"$ref":"#"},"not":{"$ref":"#"}}}},"name":"c"}]}"##;
        let expected = r##"{"tools":[{"name":"a","outputSchema":{"type":"object","$ref":"#/x"}},{"name":"b"},{"outputSchema":{"type":"object","properties":{"result":{"type":"array","items":{"$ref":"#/properties/result/$defs/i"},"$defs":{"i":{"const":{"$ref":"#"},"not":{"$ref":"#/properties/result"}}}}},"required":["result"]},"name":"c"}]}"##;
        assert_eq!(rewritten(Family::Tools, result), expected);
    }

    #[test]
    fn what_is_not_complete_is_told_apart() {
        let of = |result: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
            read(&Message::parse(text.into()).unwrap(), CALL)
        };
        assert!(matches!(
            of(r#"{"resultType":"input_required","inputRequests":{},"requestState":"s"}"#),
            Verdict::InputRequired { requests: Some(_), state: Some(_) }
        ));
        assert!(
            matches!(of(r#"{"resultType":"task"}"#), Verdict::Unknown(kind) if kind == "\"task\"")
        );
        assert!(matches!(of(r#"{"resultType":null}"#), Verdict::Unknown(_)));
    }

    proptest! {
        #[test]
        fn a_rewritten_result_is_a_result(key in any::<String>(), text in any::<String>()) {
            let (key, text) = (escape(&key), escape(&text));
            let result = format!(
                r#"{{"content":[{text}],{key}:{text},"structuredContent":{text},"resultType":"complete"}}"#
            );
            for family in [CALL, WRAPPED, Family::Tools, Family::List] {
                let left = rewritten(family, &result);
                prop_assert!(serde_json::from_str::<serde_json::Value>(&left).is_ok(), "{left}");
            }
        }
    }
}
