//! Answering `initialize` for a server that was initialized once for everybody.

use bytes::Bytes;

use crate::{
    era::modern_to_legacy::Greeting,
    jsonrpc::{Assembly, Edit, Message, Span, decode_string, escape, find_member, find_removal},
    protocol::{LATEST_LEGACY, List, is_legacy},
};

/// The server's own `InitializeResult`, kept as it was written.
#[derive(Clone, Debug)]
pub(crate) struct InitializeResult {
    bytes: Bytes,
    version: Option<Span>,
    tasks: Option<Span>,
    logging: bool,
}

impl InitializeResult {
    /// Takes the result out of the server's response; `None` if that is an error or not an object.
    pub(crate) fn of(response: &Message) -> Option<Self> {
        let bytes = response.bytes().slice(response.result()?.range());
        let whole = Span::new(0, bytes.len());
        if bytes.first() != Some(&b'{') {
            return None;
        }
        let version = find_member(&bytes, whole, "protocolVersion");
        let capabilities = find_member(&bytes, whole, "capabilities");
        let tasks = capabilities.and_then(|span| find_removal(&bytes, span, "tasks"));
        let logging = capabilities.and_then(|span| find_member(&bytes, span, "logging")).is_some();
        Some(Self { bytes, version, tasks, logging })
    }

    /// The same for what speaks of the server in the modern era.
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

    /// Whether the server takes `logging/setLevel`.
    pub(crate) fn has_logging(&self) -> bool {
        self.logging
    }

    /// Whether the server says when this list changes.
    pub(crate) fn notifies_of(&self, list: List) -> bool {
        let whole = Span::new(0, self.bytes.len());
        let path = ["capabilities", list.capability(), "listChanged"];
        let found = path.iter().try_fold(whole, |span, name| find_member(&self.bytes, span, name));
        found.is_some_and(|span| span.of(&self.bytes) == b"true")
    }

    /// The server's answer for a client that asks for this revision: the client's own if it is a
    /// handshake revision, else the newest one (MCP 2025-11-25, lifecycle, "Version Negotiation").
    ///
    /// Core tasks of a shared server would be visible to every client, so they are not offered.
    pub(crate) fn for_client(&self, requested: Option<&str>) -> Vec<u8> {
        let version = requested.filter(|version| is_legacy(version)).unwrap_or(LATEST_LEGACY);
        let version = escape(version);
        let mut edits: Vec<Edit<'_>> = Vec::with_capacity(2);
        edits.extend(self.version.map(|span| Edit { span, with: version.as_bytes() }));
        edits.extend(self.tasks.map(|span| Edit { span, with: b"" }));
        edits.sort_by_key(|edit| edit.span.start);
        let source = &self.bytes;
        let assembly = Assembly { before: b"", source, edits: &edits, behind: b"" };
        assembly.frame().runs().concat()
    }
}

/// `params.protocolVersion` of an `initialize` request.
pub(crate) fn requested_version(request: &Message) -> Option<String> {
    let span = find_member(request.bytes(), request.params()?, "protocolVersion")?;
    decode_string(request.text(span))
}
