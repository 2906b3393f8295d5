//! The request metadata of the 2026-07-28 revision: the keys of `params._meta` in every request,
//! which replace the handshake.

use std::borrow::Cow;

use crate::jsonrpc::{Span, members, string_text};

/// Prefix of the keys that the specification defines.
pub(crate) const RESERVED_PREFIX: &str = "io.modelcontextprotocol/";
pub(crate) const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// In the metadata of messages of a `subscriptions/listen` request: the request's id.
pub(crate) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// In the metadata of results.
pub(crate) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
pub(crate) const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
pub(crate) const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
pub(crate) const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The keys that replace a handshake.
pub(crate) const ENVELOPE: [&str; 4] =
    [PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL];

/// What a request says about its sender. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestMetadata<'a> {
    pub(crate) version: Cow<'a, str>,
    /// A raw object.
    pub(crate) capabilities: &'a str,
    /// A raw object with a name and a version.
    pub(crate) client: Option<&'a str>,
    /// Raw: the code that filters by it checks whether it is a level.
    pub(crate) log_level: Option<&'a str>,
}

/// Metadata with which a request cannot be served (-32602).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidMetadata {
    #[error("invalid request metadata: {0}: missing")]
    Missing(&'static str),
    #[error("invalid request metadata: {key}: must be {expected}")]
    Type { key: &'static str, expected: &'static str },
}

impl<'a> RequestMetadata<'a> {
    /// Reads `params._meta`.
    pub(crate) fn parse(meta: &'a str) -> Result<Self, InvalidMetadata> {
        let mut found = [None; ENVELOPE.len()];
        for entry in members(meta.as_bytes(), Span::new(0, meta.len())) {
            for (_, slot) in ENVELOPE.iter().zip(&mut found).filter(|(name, _)| entry.is(name)) {
                *slot = meta.get(entry.value.range());
            }
        }
        let [version, capabilities, client, log_level] = found;
        let version = version.ok_or(InvalidMetadata::Missing(PROTOCOL_VERSION))?;
        let version = string_text(version.as_bytes())
            .ok_or(InvalidMetadata::Type { key: PROTOCOL_VERSION, expected: "a string" })?;
        let capabilities = capabilities.ok_or(InvalidMetadata::Missing(CLIENT_CAPABILITIES))?;
        if !capabilities.starts_with('{') {
            return Err(InvalidMetadata::Type { key: CLIENT_CAPABILITIES, expected: "an object" });
        }
        if client.is_some_and(|client| !is_implementation(client)) {
            let expected = "an object with a name and a version";
            return Err(InvalidMetadata::Type { key: CLIENT_INFO, expected });
        }
        if log_level.is_some_and(|level| !level.starts_with('"')) {
            return Err(InvalidMetadata::Type { key: LOG_LEVEL, expected: "a string" });
        }
        Ok(Self { version, capabilities, client, log_level })
    }
}

/// Whether an object has a name and a version, as each `clientInfo` requires.
pub(crate) fn is_implementation(raw: &str) -> bool {
    let (mut name, mut version) = (false, false);
    for entry in members(raw.as_bytes(), Span::new(0, raw.len())) {
        let is_text = entry.value.of(raw.as_bytes()).starts_with(b"\"");
        if entry.is("name") {
            name = is_text;
        } else if entry.is("version") {
            version = is_text;
        }
    }
    name && version
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    const SOUND: &str = r#"{
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"sampling": {}},
        "io.modelcontextprotocol/clientInfo": {"name": "a", "version": "1", "title": null},
        "io.modelcontextprotocol/logLevel": "info",
        "progressToken": 1
    }"#;

    #[test]
    fn sound_metadata_is_read() {
        let metadata = RequestMetadata::parse(SOUND).unwrap();
        assert_eq!(metadata.version, "2026-07-28");
        assert_eq!(metadata.capabilities, r#"{"sampling": {}}"#);
        assert_eq!(metadata.client, Some(r#"{"name": "a", "version": "1", "title": null}"#));
        assert_eq!(metadata.log_level, Some(r#""info""#));
    }

    #[test]
    fn client_and_log_level_are_optional() {
        let meta = format!(r#"{{"{PROTOCOL_VERSION}":"v","{CLIENT_CAPABILITIES}":{{}}}}"#);
        let metadata = RequestMetadata::parse(&meta).unwrap();
        assert!(metadata.client.is_none() && metadata.log_level.is_none());
    }

    #[test]
    fn unsound_metadata_names_the_key() {
        for (from, to, problem) in [
            (PROTOCOL_VERSION, "x", format!("{PROTOCOL_VERSION}: missing")),
            (CLIENT_CAPABILITIES, "x", format!("{CLIENT_CAPABILITIES}: missing")),
            ("\"2026-07-28\"", "20260728", format!("{PROTOCOL_VERSION}: must be a string")),
            ("{\"sampling\": {}}", "[]", format!("{CLIENT_CAPABILITIES}: must be an object")),
            ("{\"sampling\": {}}", "null", format!("{CLIENT_CAPABILITIES}: must be an object")),
            (
                "\"name\"",
                "\"nome\"",
                format!("{CLIENT_INFO}: must be an object with a name and a version"),
            ),
            (
                "\"version\": \"1\"",
                "\"version\": 1",
                format!("{CLIENT_INFO}: must be an object with a name and a version"),
            ),
            ("\"info\"", "7", format!("{LOG_LEVEL}: must be a string")),
        ] {
            let error = RequestMetadata::parse(&SOUND.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.to_string(), format!("invalid request metadata: {problem}"));
        }
        for meta in ["{}", "[]", "null", ""] {
            let missing = InvalidMetadata::Missing(PROTOCOL_VERSION);
            assert_eq!(RequestMetadata::parse(meta).unwrap_err(), missing);
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(meta in any::<String>()) {
            drop(RequestMetadata::parse(&meta));
        }
    }
}
