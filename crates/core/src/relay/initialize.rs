//! Answers `initialize` for a server that was initialized once for everybody, or that belongs to an
//! era without that handshake.

use bytes::Bytes;

use crate::{
    era::{Era, modern_server::Discovery, modern_to_legacy::Greeting},
    jsonrpc::{Edit, Message, Span, decode_string, escape, find_member, find_removal, spliced},
    protocol::{LATEST_LEGACY, List, is_legacy},
};

/// The server's own raw `InitializeResult`; for a server without one, an equivalent one.
#[derive(Clone, Debug)]
pub(crate) struct InitializeResult {
    bytes: Bytes,
    era: Era,
    version: Option<Span>,
    tasks: Option<Span>,
    logging: bool,
}

impl InitializeResult {
    /// Takes the result from the server's response; `None` if that is an error or not an object.
    pub(crate) fn of(response: &Message) -> Option<Self> {
        Self::new(response.bytes().slice(response.result()?.range()), Era::Legacy)
    }

    /// The equivalent for a server that was discovered; `None` if it was not.
    pub(crate) fn of_discovery(discovery: Discovery) -> Option<Self> {
        match discovery {
            Discovery::Serves(text) => Self::new(text.into(), Era::Modern),
            Discovery::Other(_) | Discovery::Unknown => None,
        }
    }

    fn new(bytes: Bytes, era: Era) -> Option<Self> {
        let whole = Span::new(0, bytes.len());
        if bytes.first() != Some(&b'{') {
            return None;
        }
        let version = find_member(&bytes, whole, "protocolVersion");
        let capabilities = find_member(&bytes, whole, "capabilities");
        let tasks = capabilities.and_then(|span| find_removal(&bytes, span, "tasks"));
        let logging = capabilities.and_then(|span| find_member(&bytes, span, "logging")).is_some();
        Some(Self { bytes, era, version, tasks, logging })
    }

    /// The era in which the proxy speaks to the server.
    pub(crate) fn era(&self) -> Era {
        self.era
    }

    /// The same, in the form that the modern era uses.
    pub(crate) fn greeting(&self) -> Greeting {
        Greeting::new(self.bytes.clone())
    }

    /// The server's name and version, for people.
    pub(crate) fn server_name(&self) -> Option<String> {
        let info = find_member(&self.bytes, Span::new(0, self.bytes.len()), "serverInfo")?;
        let text = |name| {
            let span = find_member(&self.bytes, info, name)?;
            decode_string(self.bytes.get(span.range())?)
        };
        Some([text("name"), text("version")].into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    /// Whether the server supports `logging/setLevel`.
    pub(crate) fn has_logging(&self) -> bool {
        self.logging
    }

    /// Whether the server reports changes of this list.
    pub(crate) fn notifies_of(&self, list: List) -> bool {
        self.offers(list.capability(), "listChanged")
    }

    /// Whether the server reports changes of resources to subscribers.
    pub(crate) fn has_subscriptions(&self) -> bool {
        self.offers(List::Resources.capability(), "subscribe")
    }

    fn offers(&self, capability: &str, option: &str) -> bool {
        let whole = Span::new(0, self.bytes.len());
        let path = ["capabilities", capability, option];
        let found = path.iter().try_fold(whole, |span, name| find_member(&self.bytes, span, name));
        found.is_some_and(|span| span.of(&self.bytes) == b"true")
    }

    /// The answer to a client that asks for this revision: the client's own if it is a handshake
    /// revision, else the newest one (MCP 2025-11-25, lifecycle, "Version Negotiation").
    ///
    /// Core tasks of a shared server would be visible to every client, so they are not offered.
    pub(crate) fn for_client(&self, requested: Option<&str>) -> Bytes {
        let version = requested.filter(|version| is_legacy(version)).unwrap_or(LATEST_LEGACY);
        let version = escape(version);
        let mut edits: Vec<Edit<'_>> = Vec::with_capacity(2);
        edits.extend(self.version.map(|span| Edit { span, with: version.as_bytes() }));
        edits.extend(self.tasks.map(|span| Edit { span, with: b"" }));
        edits.sort_by_key(|edit| edit.span.start);
        spliced(&self.bytes, &edits)
    }
}

/// `params.protocolVersion` of an `initialize` request.
pub(crate) fn requested_version(request: &Message) -> Option<String> {
    let span = find_member(request.bytes(), request.params()?, "protocolVersion")?;
    decode_string(request.text(span))
}
