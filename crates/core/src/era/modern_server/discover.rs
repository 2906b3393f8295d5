//! A server's answer to `server/discover`, and the handshake that clients of the older era get from
//! it.

use super::TASKS_EXTENSION;
use crate::{
    era::metadata::{SERVER_INFO, is_implementation},
    jsonrpc::{Code, Message, Span, decode_string, elements, find_member, find_removal},
    protocol::{LATEST_LEGACY, MODERN},
};

/// The request.
pub(crate) const DISCOVER: &str = "server/discover";

/// The name of a server that gives none, since handshake clients require one.
const NAMELESS: &str = r#"{"name":"MCP server","version":"unknown"}"#;

/// What the answer says about its sender.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Discovery {
    /// It serves 2026-07-28; handshake clients get this `InitializeResult`.
    Serves(String),
    /// It is of that era, but supports only other revisions of it.
    Other(String),
    /// It does not know the request.
    Unknown,
}

impl Discovery {
    /// Reads the answer. An error counts only if it names revisions: older servers may answer with
    /// any error code (MCP 2026-07-28, stdio, "Backward Compatibility").
    pub(crate) fn of(response: &Message) -> Self {
        if let Some(result) = response.result() {
            let versions = versions(response, result, "supportedVersions");
            if versions.iter().any(|version| version == MODERN) {
                return introduction(response, result).map_or(Self::Unknown, Self::Serves);
            }
            return Self::without_ours(&versions);
        }
        let member = |object, name| find_member(response.bytes(), object, name);
        let unsupported = Code::UnsupportedProtocolVersion.number().to_string();
        let data = response.error().filter(|error| {
            member(*error, "code").is_some_and(|code| response.text(code) == unsupported.as_bytes())
        });
        let data = data.and_then(|error| member(error, "data"));
        data.map_or(Self::Unknown, |data| {
            Self::without_ours(&versions(response, data, "supported"))
        })
    }

    fn without_ours(versions: &[String]) -> Self {
        let modern: Vec<&str> =
            versions.iter().map(String::as_str).filter(|version| *version >= MODERN).collect();
        if modern.is_empty() { Self::Unknown } else { Self::Other(modern.join(", ")) }
    }
}

fn versions(message: &Message, object: Span, name: &str) -> Vec<String> {
    let Some(list) = find_member(message.bytes(), object, name) else { return Vec::new() };
    let spans = elements(message.bytes(), list);
    spans.filter_map(|span| decode_string(message.text(span))).collect()
}

/// The `InitializeResult` for a server that has no handshake.
fn introduction(message: &Message, result: Span) -> Option<String> {
    let bytes = message.bytes();
    let text = |span: Span| String::from_utf8_lossy(span.of(bytes)).into_owned();
    let capabilities = find_member(bytes, result, "capabilities")?;
    let offered = find_member(bytes, capabilities, "extensions")
        .and_then(|extensions| find_removal(bytes, extensions, TASKS_EXTENSION));
    let capabilities = match offered {
        Some(cut) => {
            let before = Span { end: cut.start, ..capabilities };
            let behind = Span { start: cut.end, ..capabilities };
            text(before) + &text(behind)
        }
        None => text(capabilities),
    };
    let server = find_member(bytes, result, "_meta")
        .and_then(|meta| find_member(bytes, meta, SERVER_INFO))
        .map(text)
        .filter(|server| is_implementation(server))
        .unwrap_or_else(|| NAMELESS.to_owned());
    let instructions = find_member(bytes, result, "instructions")
        .map(|span| format!(",\"instructions\":{}", text(span)))
        .unwrap_or_default();
    Some(format!(
        r#"{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{capabilities},"serverInfo":{server}{instructions}}}"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovered(rest: &str) -> Discovery {
        let text = format!(r#"{{"jsonrpc":"2.0","id":"d",{rest}}}"#);
        Discovery::of(&Message::parse(text.into()).unwrap())
    }

    #[test]
    fn a_discovered_server_is_introduced_as_if_it_had_shaken_hands() {
        let introduced = discovered(
            r#""result":{"resultType":"complete","supportedVersions":["2027-01-01","2026-07-28"],"capabilities":{"tools":{"listChanged":true},"extensions":{"a/b":{},"io.modelcontextprotocol/tasks":{}}},"instructions":"Be \u006bind.","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"2"}}}"#,
        );
        let expected = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"extensions":{"a/b":{}}},"serverInfo":{"name":"s","version":"2"},"instructions":"Be \u006bind."}"#;
        assert_eq!(introduced, Discovery::Serves(expected.to_owned()));
    }

    #[test]
    fn a_server_may_be_nameless_and_wordless() {
        let expected = r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"MCP server","version":"unknown"}}"#;
        // Handshake clients refuse a server without a name and version.
        for server in ["{}", r#"{"name":"s"}"#, r#"["s"]"#, r#""s""#, "null"] {
            let meta = format!(r#","_meta":{{"io.modelcontextprotocol/serverInfo":{server}}}"#);
            for meta in ["", &meta] {
                let introduced = discovered(&format!(
                    r#""result":{{"supportedVersions":["2026-07-28"],"capabilities":{{}}{meta}}}"#
                ));
                assert_eq!(introduced, Discovery::Serves(expected.to_owned()), "{server}");
            }
        }
    }

    #[test]
    fn only_named_revisions_are_a_sign_of_the_era() {
        let other = || Discovery::Other("2027-01-01".to_owned());
        for (answer, discovery) in [
            (r#""error":{"code":-32601,"message":"no"}"#, Discovery::Unknown),
            (r#""error":{"code":-32022,"message":"no"}"#, Discovery::Unknown),
            (
                r#""error":{"code":-32022,"message":"no","data":{"supported":["2025-11-25"]}}"#,
                Discovery::Unknown,
            ),
            (
                r#""error":{"code":-32022,"message":"no","data":{"supported":["2027-01-01"]}}"#,
                other(),
            ),
            (
                r#""error":{"code":-32000,"message":"no","data":{"supported":["2027-01-01"]}}"#,
                Discovery::Unknown,
            ),
            (
                r#""result":{"supportedVersions":["2025-11-25","2027-01-01"],"capabilities":{}}"#,
                other(),
            ),
            (r#""result":{"supportedVersions":["2026-07-28"]}"#, Discovery::Unknown),
            (
                r#""result":{"supportedVersions":"2026-07-28","capabilities":{}}"#,
                Discovery::Unknown,
            ),
            (r#""result":{}"#, Discovery::Unknown),
            (r#""result":[]"#, Discovery::Unknown),
        ] {
            assert_eq!(discovered(answer), discovery, "{answer}");
        }
    }
}
