//! Tool results in sampling messages, for the side with an earlier revision: 2026-07-28 allows any
//! structured content, earlier revisions require an object. It is wrapped like that of a call's
//! result (`modern_server::result`).

use crate::jsonrpc::{Span, elements, find_member};

/// The raw params or raw result of `sampling/createMessage`, in the form of earlier revisions.
pub(super) fn with_objects(raw: String) -> String {
    let text = raw.as_bytes();
    let whole = Span::new(0, raw.len());
    let messages = find_member(text, whole, "messages");
    let messages = messages.into_iter().flat_map(|messages| elements(text, messages));
    let wrapped: Vec<Span> =
        messages.chain([whole]).flat_map(|message| unstructured(text, message)).collect();
    if wrapped.is_empty() {
        return raw;
    }
    let mut with = String::with_capacity(raw.len() + 16 * wrapped.len());
    let mut from = 0;
    for span in wrapped {
        let range = span.range();
        with.push_str(&raw[from..range.start]);
        with.push_str("{\"result\":");
        with.push_str(&raw[range.clone()]);
        with.push('}');
        from = range.end;
    }
    with + &raw[from..]
}

/// The structured contents of a message that are not objects.
fn unstructured(text: &[u8], message: Span) -> Vec<Span> {
    let Some(content) = find_member(text, message, "content") else { return Vec::new() };
    let single = (content.of(text).first() == Some(&b'{')).then_some(content);
    let several = elements(text, content).filter(|_| single.is_none());
    let of_block = |block: Span| {
        let kind = find_member(text, block, "type")?;
        let structured = find_member(text, block, "structuredContent")?;
        let is_result = kind.of(text) == b"\"tool_result\"";
        (is_result && structured.of(text).first() != Some(&b'{')).then_some(structured)
    };
    single.into_iter().chain(several).filter_map(of_block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structured_contents_of_tool_results_become_objects() {
        for (raw, expected) in [
            (
                r#"{"messages":[{"role":"user","content":{"type":"tool_result","structuredContent":[1.0],"content":[]}},{"content":[{"structuredContent":"s","type":"tool_result"},{"type":"text","text":"t"}]}],"maxTokens":1}"#,
                r#"{"messages":[{"role":"user","content":{"type":"tool_result","structuredContent":{"result":[1.0]},"content":[]}},{"content":[{"structuredContent":{"result":"s"},"type":"tool_result"},{"type":"text","text":"t"}]}],"maxTokens":1}"#,
            ),
            (
                r#"{"role":"user","content":{"type":"tool_result","structuredContent":null}}"#,
                r#"{"role":"user","content":{"type":"tool_result","structuredContent":{"result":null}}}"#,
            ),
        ] {
            assert_eq!(with_objects(raw.to_owned()), expected);
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for raw in [
            "{}",
            r#"{"messages":7,"content":8}"#,
            r#"{"messages":[{"content":[{"type":"tool_result","structuredContent":{"a":1}}]}]}"#,
            r#"{"content":{"type":"tool_use","structuredContent":1},"structuredContent":[2]}"#,
        ] {
            assert_eq!(with_objects(raw.to_owned()), raw);
        }
    }
}
