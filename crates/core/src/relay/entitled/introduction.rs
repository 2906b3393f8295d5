//! Tells the server who calls: in `params._meta`, which only the proxy may set. Pure.

use serde_json::json;

use crate::{
    identity::Claims,
    jsonrpc::{Code, Cuts, ErrorBody, Kind, Message, Span, members},
};

/// The key in `_meta`.
const KEY: &str = "io.github.mcp-proxy/identity";

const NO_PLACE: &str = "Invalid Request: params._meta is not an object";

/// The message without the client's own claim about its identity, and with the known identity if
/// the server is to get it.
pub(super) fn introduced(message: Message, told: Option<&Claims>) -> Result<Message, ErrorBody> {
    let message = without_claim(message);
    let Some(claims) = told else { return Ok(message) };
    let meta = message.meta().map(|meta| message.text(meta));
    if meta.is_some_and(|meta| meta.first() != Some(&b'{')) {
        return Err(ErrorBody::new(Code::InvalidRequest, NO_PLACE));
    }
    let person = json!({
        "issuer": claims.issuer,
        "subject": claims.subject,
        "scopes": claims.scopes,
        "claims": claims.kept,
    });
    Ok(message.with_meta(&format!("\"{KEY}\":{person}")))
}

/// The same if the server gets no identity. The client's claim is removed in every spelling, and
/// however often it appears.
pub(super) fn without_claim(message: Message) -> Message {
    let is_claim = |name: &str| name.eq_ignore_ascii_case(KEY);
    let claims =
        |meta: &Span| members(message.bytes(), *meta).any(|member| is_claim(&member.name()));
    let metas: Vec<Span> = metas(&message).into_iter().filter(claims).collect();
    if metas.is_empty() {
        return message;
    }
    let mut edits = Vec::new();
    for meta in metas {
        let mut cuts = Cuts::default();
        for member in members(message.bytes(), meta) {
            if is_claim(&member.name()) {
                cuts.goes(member.whole());
            } else {
                cuts.stays(member.whole(), &mut edits);
            }
        }
        cuts.end(&mut edits);
    }
    message.rewritten(&edits)
}

/// The metadata of a message; for an answer, everything that a reader could take for metadata.
fn metas(message: &Message) -> Vec<Span> {
    if message.kind() != Kind::Result {
        return message.meta().into_iter().collect();
    }
    let result = message.result().into_iter();
    let inside = result.flat_map(|result| members(message.bytes(), result));
    let metas = inside.filter(|member| member.name().eq_ignore_ascii_case("_meta"));
    metas.map(|member| member.value).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn told(params: &str, claims: Option<&Claims>) -> Value {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let message = introduced(Message::parse(text.into()).unwrap(), claims).unwrap();
        let text: Value = serde_json::from_slice(message.bytes()).unwrap();
        text["params"].clone()
    }

    #[test]
    fn nobody_says_himself_who_he_is() {
        for (params, left) in [
            (r#"{"name":"x"}"#, json!({ "name": "x" })),
            (r#"{"_meta":{"a":1}}"#, json!({ "_meta": { "a": 1 } })),
            (r#"{"_meta":{"io.github.mcp-proxy/identity":1}}"#, json!({ "_meta": {} })),
            (
                r#"{"_meta":{"a":1,"IO.github.mcp-proxy/Identity":1,"b":2,"io.github.mcp-proxy/identit\u0079":3}}"#,
                json!({ "_meta": { "a": 1, "b": 2 } }),
            ),
        ] {
            assert_eq!(told(params, None), left, "{params}");
        }
    }

    #[test]
    fn no_answer_says_it_either() {
        for (result, left) in [
            (r#"{"roots":[]}"#, r#"{"roots":[]}"#),
            ("7", "7"),
            (
                r#"{"_meta":{"io.github.mcp-proxy/identity":1},"a":1,"_META":{"b":1,"io.github.mcp-proxy/identity":2}}"#,
                r#"{"_meta":{},"a":1,"_META":{"b":1}}"#,
            ),
        ] {
            let text = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
            let message = without_claim(Message::parse(text(result).into()).unwrap());
            let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
            assert_eq!(read(message.bytes()), read(text(left).as_bytes()));
        }
    }

    #[test]
    fn the_server_is_told_what_the_token_says() {
        let mut claims = Claims { scopes: vec!["a".to_owned()], ..Claims::new("i", "al\"ice") };
        claims.kept.insert("email".to_owned(), "a@b".into());
        let person = json!({
            "issuer": "i", "subject": "al\"ice", "scopes": ["a"], "claims": { "email": "a@b" },
        });
        for params in [
            r#"{"name":"x"}"#,
            r#"{"_meta":{}}"#,
            r#"{"_meta":{"io.github.mcp-proxy/identity":{"subject":"root"},"a":1}}"#,
        ] {
            assert_eq!(told(params, Some(&claims))["_meta"][KEY], person, "{params}");
        }
        let odd = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":7}}"#;
        let odd = Message::parse(odd.into()).unwrap();
        assert!(introduced(odd, Some(&claims)).is_err());
    }
}
