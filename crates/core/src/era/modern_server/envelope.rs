//! The request metadata that represents a client of the handshake era.

use super::TASKS_EXTENSION;
use crate::{
    era::metadata::{
        CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, is_implementation,
    },
    jsonrpc::{Cuts, Edit, Entry, Message, Span, find_member, members, spliced},
    protocol::{LogLevel, MODERN},
};

/// A client's identity, and the requests that it can answer.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    client: String,
    capabilities: String,
    answers: Answers,
    level: Option<LogLevel>,
    members: String,
    /// The same for a call during which the client cannot be asked.
    members_unasked: String,
}

/// The requests that a client has declared it can answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "any of them may be there without the others")]
pub(crate) struct Answers {
    pub(crate) form: bool,
    pub(crate) url: bool,
    pub(crate) sampling: bool,
    /// Sampling with tools.
    pub(crate) tools: bool,
    pub(crate) roots: bool,
}

impl Envelope {
    /// The proxy itself, for requests of its own and for clients without a handshake.
    pub(crate) fn of_proxy(version: &str) -> Self {
        let client = format!(r#"{{"name":"mcp-proxy","version":"{version}"}}"#);
        Self::new(client, "{}".to_owned(), Answers::default(), None)
    }

    /// The client that sent this `initialize`; members that are missing are taken from `other`.
    pub(crate) fn of_client(initialize: &Message, other: Self) -> Self {
        let bytes = initialize.bytes();
        let object = |name| {
            let span = find_member(bytes, initialize.params()?, name)?;
            (initialize.text(span).first() == Some(&b'{')).then_some(span)
        };
        let text = |span: Span| String::from_utf8_lossy(initialize.text(span)).into_owned();
        // The newer era refuses every request from a client without a name and version.
        let client = object("clientInfo").map(text).filter(|client| is_implementation(client));
        let client = client.unwrap_or(other.client);
        let Some(declared) = object("capabilities") else {
            return Self::new(client, other.capabilities, other.answers, other.level);
        };
        let answers = Answers::of(bytes, declared);
        Self::new(client, offered(bytes, declared), answers, other.level)
    }

    fn new(
        client: String,
        capabilities: String,
        answers: Answers,
        level: Option<LogLevel>,
    ) -> Self {
        let nothing = String::new();
        let mut envelope = Self {
            client,
            capabilities,
            answers,
            level,
            members: nothing.clone(),
            members_unasked: nothing,
        };
        envelope.members = envelope.written(&envelope.capabilities);
        envelope.members_unasked = envelope.written(&without_questions(&envelope.capabilities));
        envelope
    }

    /// The members with these capabilities.
    fn written(&self, capabilities: &str) -> String {
        let Self { client, level, .. } = self;
        let level =
            level.map(|level| format!(r#","{LOG_LEVEL}":"{}""#, level.name())).unwrap_or_default();
        format!(
            r#""{PROTOCOL_VERSION}":"{MODERN}","{CLIENT_CAPABILITIES}":{capabilities},"{CLIENT_INFO}":{client}{level}"#
        )
    }

    /// The same client, with this log level from now on.
    pub(crate) fn with_level(self, level: LogLevel) -> Self {
        Self::new(self.client, self.capabilities, self.answers, Some(level))
    }

    /// The members for a call that the server may run as a task.
    pub(crate) fn members_offering_task(&self, askable: bool) -> String {
        let unasked = without_questions(&self.capabilities);
        let capabilities = if askable { &self.capabilities } else { &unasked };
        self.written(&offering_tasks(capabilities))
    }

    /// What the client can be asked.
    pub(crate) fn answers(&self) -> Answers {
        self.answers
    }

    /// The members of `params._meta`; each except for the first has a comma before it.
    pub(crate) fn members(&self) -> &str {
        &self.members
    }

    /// The same for a call during which the client cannot be asked.
    pub(crate) fn members_unasked(&self) -> &str {
        &self.members_unasked
    }
}

/// The capabilities of a client that takes tasks.
fn offering_tasks(capabilities: &str) -> String {
    let source = capabilities.as_bytes();
    let whole = Span::new(0, source.len());
    let extensions = find_member(source, whole, "extensions");
    let extensions = extensions.filter(|span| span.of(source).starts_with(b"{"));
    let object = extensions.unwrap_or(whole);
    let comma = if members(source, object).next().is_none() { "" } else { "," };
    let offer = format!(r#""{TASKS_EXTENSION}":{{}}"#);
    let offer = if extensions.is_some() { offer } else { format!(r#""extensions":{{{offer}}}"#) };
    let mut with = capabilities.to_owned();
    with.insert_str(object.range().start + 1, &(offer + comma));
    with
}

impl Answers {
    fn of(text: &[u8], capabilities: Span) -> Self {
        let path = |names: &[&str]| {
            names.iter().try_fold(capabilities, |span, name| find_member(text, span, name))
        };
        let has = |names: &[&str]| path(names).is_some_and(|span| span.of(text) != b"null");
        let url = has(&["elicitation", "url"]);
        Self {
            // An object without modes means forms (MCP 2025-11-25, elicitation).
            form: has(&["elicitation", "form"]) || (has(&["elicitation"]) && !url),
            url,
            sampling: has(&["sampling"]),
            tools: has(&["sampling", "tools"]),
            roots: has(&["roots"]),
        }
    }

    /// Whether the client can be asked anything.
    pub(crate) fn any(self) -> bool {
        self.form || self.url || self.sampling || self.roots
    }
}

/// Raw capabilities without those that 2026-07-28 does not have.
fn offered(text: &[u8], capabilities: Span) -> String {
    let cut = |path: &[&str], entry: &Entry<'_>| match path {
        [] => entry.is("tasks"),
        ["roots"] => entry.is("listChanged"),
        ["extensions"] => entry.is(TASKS_EXTENSION),
        _ => false,
    };
    trimmed(text, capabilities, cut)
}

fn without_questions(capabilities: &str) -> String {
    let cut = |path: &[&str], entry: &Entry<'_>| {
        let questions = ["elicitation", "sampling", "roots"];
        path.is_empty() && questions.iter().any(|name| entry.is(name))
    };
    trimmed(capabilities.as_bytes(), Span::new(0, capabilities.len()), cut)
}

/// The object without the members in `cut`, at its own level or one below.
fn trimmed(text: &[u8], object: Span, cut: impl Fn(&[&str], &Entry<'_>) -> bool) -> String {
    let source = bytes::Bytes::copy_from_slice(object.of(text));
    let object = Span::new(0, source.len());
    let mut edits: Vec<Edit<'_>> = Vec::new();
    let mut cuts = Cuts::default();
    for entry in members(&source, object) {
        if cut(&[], &entry) {
            cuts.goes(entry.whole());
            continue;
        }
        cuts.stays(entry.whole(), &mut edits);
        let name = entry.name();
        let mut inner = Cuts::default();
        for below in members(&source, entry.value) {
            if cut(&[&name], &below) {
                inner.goes(below.whole());
            } else {
                inner.stays(below.whole(), &mut edits);
            }
        }
        inner.end(&mut edits);
    }
    cuts.end(&mut edits);
    String::from_utf8_lossy(&spliced(&source, &edits)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(params: &str) -> Envelope {
        let text = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#);
        Envelope::of_client(&Message::parse(text.into()).unwrap(), Envelope::of_proxy("7"))
    }

    fn members_of(client: &str, capabilities: &str) -> String {
        format!(
            r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{capabilities},"io.modelcontextprotocol/clientInfo":{client}"#
        )
    }

    #[test]
    fn a_client_is_introduced_with_what_both_eras_know() {
        let envelope = client(
            r#"{"protocolVersion":"2025-11-25","capabilities":{"tasks":{"list":{}},"roots":{"listChanged":true},"sampling":{"tools":{}},"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{"n":1.0}}},"clientInfo":{"name":"c","version":"1","title":"T"}}"#,
        );
        let expected = members_of(
            r#"{"name":"c","version":"1","title":"T"}"#,
            r#"{"roots":{},"sampling":{"tools":{}},"extensions":{"a/b":{"n":1.0}}}"#,
        );
        assert_eq!(envelope.members(), expected);
        let unasked = members_of(
            r#"{"name":"c","version":"1","title":"T"}"#,
            r#"{"extensions":{"a/b":{"n":1.0}}}"#,
        );
        assert_eq!(envelope.members_unasked(), unasked);
        let answers = envelope.answers();
        let all = Answers { sampling: true, tools: true, roots: true, ..Answers::default() };
        assert_eq!(answers, all);
    }

    #[test]
    fn a_client_that_says_nothing_is_the_proxy() {
        let proxy = members_of(r#"{"name":"mcp-proxy","version":"7"}"#, "{}");
        for params in ["{}", r#"{"capabilities":[],"clientInfo":"me"}"#] {
            assert_eq!(client(params).members(), proxy);
            assert!(!client(params).answers().any());
        }
    }

    #[test]
    fn tasks_are_offered_beside_whatever_a_client_offers() {
        for (capabilities, asked, unasked) in [
            ("{}", r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#, None),
            (
                r#"{"roots":{},"extensions":{"a/b":{}}}"#,
                r#"{"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{}}}"#,
                Some(r#"{"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{}}}"#),
            ),
            (
                r#"{"extensions":{}}"#,
                r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#,
                None,
            ),
            (
                r#"{"sampling":{}}"#,
                r#"{"extensions":{"io.modelcontextprotocol/tasks":{}},"sampling":{}}"#,
                Some(r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#),
            ),
        ] {
            let envelope = client(&format!(r#"{{"capabilities":{capabilities}}}"#));
            let proxy = r#"{"name":"mcp-proxy","version":"7"}"#;
            assert_eq!(envelope.members_offering_task(true), members_of(proxy, asked));
            let unasked = members_of(proxy, unasked.unwrap_or(asked));
            assert_eq!(envelope.members_offering_task(false), unasked, "{capabilities}");
        }
    }

    #[test]
    fn a_level_is_asked_for_with_every_request() {
        let envelope = Envelope::of_proxy("7").with_level(LogLevel::Notice);
        let level = r#","io.modelcontextprotocol/logLevel":"notice""#;
        assert!(envelope.members().ends_with(level) && envelope.members_unasked().ends_with(level));
    }

    #[test]
    fn an_elicitation_that_names_no_mode_is_a_form() {
        for (elicitation, form, url) in [
            ("{}", true, false),
            (r#"{"form":{}}"#, true, false),
            (r#"{"url":{}}"#, false, true),
            (r#"{"form":{},"url":{}}"#, true, true),
            ("null", false, false),
        ] {
            let envelope =
                client(&format!(r#"{{"capabilities":{{"elicitation":{elicitation}}}}}"#));
            let answers = envelope.answers();
            assert_eq!((answers.form, answers.url), (form, url), "{elicitation}");
        }
    }
}
