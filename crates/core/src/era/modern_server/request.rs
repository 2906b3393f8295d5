//! What is added to a request for a 2026-07-28 server, and what is removed from it.

use crate::{
    era::metadata::RESERVED_PREFIX,
    jsonrpc::{Cuts, Edit, Message, Span, members},
};

/// Members of `params` that have another meaning, or none, in the newer era: a handshake client has
/// no rounds to answer, and its tasks are different.
const FOREIGN: [&str; 3] = ["task", "inputResponses", "requestState"];

/// What a request gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Additions<'a> {
    /// Id and progress token.
    pub(crate) id: &'a [u8],
    /// Members of `params._meta`.
    pub(crate) metadata: &'a str,
    /// Members of `params`, each followed by a comma.
    pub(crate) answers: &'a str,
}

impl<'a> Additions<'a> {
    /// The edits that add them.
    pub(crate) fn edits(&self, request: &Message) -> [Edit<'a>; 7] {
        let Self { id, metadata, answers } = *self;
        let nothing = Edit { span: Span::new(0, 0), with: b"" };
        let own = |span: Option<Span>| span.map_or(nothing, |span| Edit { span, with: id });
        let (id, token) = (own(request.id_span()), own(request.requested_token()));
        let insert =
            |at: usize, with: &'a str| Edit { span: Span::new(at, at), with: with.as_bytes() };
        let inside = |object: Span| object.range().start + 1;
        let comma = |object| if is_empty(request, object) { "" } else { "," };
        let mut edits = match (request.params(), request.meta()) {
            (Some(params), Some(meta)) if request.text(meta).first() == Some(&b'{') => {
                let (answers, at) = (insert(inside(params), answers), inside(meta));
                [
                    id,
                    answers,
                    insert(at, metadata),
                    insert(at, comma(meta)),
                    token,
                    nothing,
                    nothing,
                ]
            }
            (Some(params), Some(meta)) => {
                let (answers, at) = (insert(inside(params), answers), meta.range().end);
                let open = Edit { span: meta, with: b"{" };
                [id, answers, open, insert(at, metadata), insert(at, "}"), nothing, nothing]
            }
            (Some(params), None) => {
                let at = inside(params);
                let close = if is_empty(request, params) { "}" } else { "}," };
                let open = insert(at, "\"_meta\":{");
                [
                    id,
                    insert(at, answers),
                    open,
                    insert(at, metadata),
                    insert(at, close),
                    nothing,
                    nothing,
                ]
            }
            (None, _) => {
                let at = memchr::memrchr(b'}', request.bytes()).unwrap_or_default();
                let (open, close) = (insert(at, ",\"params\":{"), insert(at, "}}"));
                let meta = insert(at, "\"_meta\":{");
                [id, open, insert(at, answers), meta, insert(at, metadata), close, nothing]
            }
        };
        // The sort is stable, so insertions at one place keep their order.
        edits.sort_by_key(Edit::place);
        edits
    }
}

fn is_empty(request: &Message, object: Span) -> bool {
    members(request.bytes(), object).next().is_none()
}

/// The request without members that a handshake client cannot mean: see [`FOREIGN`], and the
/// metadata that the proxy writes on its behalf.
pub(crate) fn cleansed(request: Message) -> Message {
    let is_foreign = request.has_reserved_members() || request.has_reserved_meta();
    let Some(params) = request.params().filter(|_| is_foreign) else { return request };
    let bytes = request.bytes();
    let mut edits: Vec<Edit<'_>> = Vec::new();
    let mut cuts = Cuts::default();
    for entry in members(bytes, params) {
        if FOREIGN.iter().any(|name| entry.is(name)) {
            cuts.goes(entry.whole());
            continue;
        }
        cuts.stays(entry.whole(), &mut edits);
        if entry.is("_meta") {
            let mut inner = Cuts::default();
            for key in members(bytes, entry.value) {
                if key.begins_with(RESERVED_PREFIX) {
                    inner.goes(key.whole());
                } else {
                    inner.stays(key.whole(), &mut edits);
                }
            }
            inner.end(&mut edits);
        }
    }
    cuts.end(&mut edits);
    request.clone().rewritten(&edits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;
    use crate::jsonrpc::spliced;

    const ADDED: Additions<'_> = Additions { id: b"7", metadata: r#""k":1"#, answers: "" };

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned().into()).unwrap()
    }

    fn with(additions: Additions<'_>, text: &str) -> String {
        let request = message(text);
        let edits = additions.edits(&request);
        String::from_utf8(spliced(request.bytes(), &edits).into()).unwrap()
    }

    #[test]
    fn metadata_finds_its_place_in_every_request() {
        for (request, sent) in [
            (
                r#"{"jsonrpc":"2.0","id":"a","method":"m"}"#,
                r#"{"jsonrpc":"2.0","id":7,"method":"m","params":{"_meta":{"k":1}}}"#,
            ),
            (
                r#"{"params":{},"jsonrpc":"2.0","id":"a","method":"m"}"#,
                r#"{"params":{"_meta":{"k":1}},"jsonrpc":"2.0","id":7,"method":"m"}"#,
            ),
            (
                r#"{"params":{ "x":1.0 },"jsonrpc":"2.0","id":"a","method":"m"}"#,
                r#"{"params":{"_meta":{"k":1}, "x":1.0 },"jsonrpc":"2.0","id":7,"method":"m"}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","id":"a","params":{"_meta":{}},"method":"m"}"#,
                r#"{"jsonrpc":"2.0","id":7,"params":{"_meta":{"k":1}},"method":"m"}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","params":{"x":1,"_meta":{"v":2,"progressToken":"p"}},"id":3,"method":"m"}"#,
                r#"{"jsonrpc":"2.0","params":{"x":1,"_meta":{"k":1,"v":2,"progressToken":7}},"id":7,"method":"m"}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","params":{"_meta":null,"x":1},"id":3,"method":"m"}"#,
                r#"{"jsonrpc":"2.0","params":{"_meta":{"k":1},"x":1},"id":7,"method":"m"}"#,
            ),
        ] {
            assert_eq!(with(ADDED, request), sent);
        }
    }

    #[test]
    fn answers_precede_whatever_params_hold() {
        let additions = Additions { answers: r#""requestState":"s","#, ..ADDED };
        for (params, sent) in [
            ("", r#","params":{"requestState":"s","_meta":{"k":1}}"#),
            (r#","params":{"x":1}"#, r#","params":{"requestState":"s","_meta":{"k":1},"x":1}"#),
            (
                r#","params":{"_meta":{"v":2},"x":1}"#,
                r#","params":{"requestState":"s","_meta":{"k":1,"v":2},"x":1}"#,
            ),
        ] {
            let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m"{params}}}"#);
            let expected = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"m"{sent}}}"#);
            assert_eq!(with(additions, &request), expected);
        }
    }

    #[test]
    fn a_client_cannot_speak_for_itself_in_the_other_era() {
        let request = message(
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"task":{"ttl":1},"inputResponses":{"a":{}},"x":1,"requestState":"s","_meta":{"io.modelcontextprotocol/logLevel":"debug","traceparent":"t","io.modelcontextprotocol/clientCapabilities":{}}}}"#,
        );
        let expected =
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":1,"_meta":{"traceparent":"t"}}}"#;
        assert_eq!(cleansed(request).bytes(), expected.as_bytes());
        let plain = message(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"tasks":1}}"#);
        assert_eq!(cleansed(plain.clone()).bytes(), plain.bytes());
    }

    proptest! {
        #[test]
        fn a_request_with_additions_is_a_request(name in any::<String>(), meta in any::<bool>()) {
            let name = crate::jsonrpc::escape(&name);
            let meta = if meta { format!(r#","_meta":{{{name}:{name}}}"#) } else { String::new() };
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{{name}:{name}{meta}}}}}"#
            );
            // A name that the envelope knows makes it a different message.
            if let Ok(request) = Message::parse(text.clone().into()) {
                let sent = with(Additions { answers: "\"a\":{},", ..ADDED }, &text);
                let sent = Message::parse(sent.into()).unwrap();
                prop_assert!(sent.id() == Some(b"7") && sent.meta().is_some());
                prop_assert!(cleansed(request).params().is_some());
            }
        }
    }
}
