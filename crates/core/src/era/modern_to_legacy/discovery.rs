//! The handshake on behalf of a client that makes none, and `server/discover` from its answer.

use bytes::Bytes;

use super::SERVER_INFO;
use crate::{
    jsonrpc::{Edit, Message, Span, find_member, find_removal, spliced},
    protocol::{LATEST_LEGACY, List, MODERN},
};

/// `initialize` for a client with this name and these raw capabilities.
pub(crate) fn handshake(capabilities: &str, client: &str) -> Option<Message> {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{capabilities},"clientInfo":{client}}}}}"#
    );
    Message::parse(text.into()).ok()
}

/// What a legacy server said about itself in the handshake.
#[derive(Clone, Debug)]
pub(crate) struct Greeting(Bytes);

impl Greeting {
    /// Reads a raw `InitializeResult`.
    pub(crate) fn new(result: Bytes) -> Self {
        Self(result)
    }

    /// Reads the result in this response.
    pub(crate) fn of(response: &Message) -> Option<Self> {
        Some(Self(response.bytes().slice(response.result()?.range())))
    }

    /// The raw `serverInfo`.
    pub(crate) fn server(&self) -> Option<&[u8]> {
        self.member("serverInfo").map(|span| span.of(&self.0)).filter(|raw| raw.starts_with(b"{"))
    }

    pub(crate) fn has_logging(&self) -> bool {
        self.capability(&["logging"]).is_some()
    }

    /// Whether tools can be called as tasks.
    pub(crate) fn runs_tools_as_tasks(&self) -> bool {
        self.capability(&["tasks", "requests", "tools", "call"]).is_some()
    }

    /// Whether it reports changes of this list.
    pub(crate) fn notifies_of(&self, list: List) -> bool {
        self.is_true(&[list.capability(), "listChanged"])
    }

    /// Whether it accepts subscriptions to resources.
    pub(crate) fn takes_subscriptions(&self) -> bool {
        self.is_true(&["resources", "subscribe"])
    }

    /// The `DiscoverResult` of the same server.
    pub(crate) fn discovery(&self) -> Vec<u8> {
        let mut text = format!(r#"{{"resultType":"complete","supportedVersions":["{MODERN}"]"#);
        text.push_str(r#","capabilities":"#);
        text.push_str(&self.capabilities());
        if let Some(instructions) = self.member("instructions") {
            text.push_str(r#","instructions":"#);
            text.push_str(&String::from_utf8_lossy(instructions.of(&self.0)));
        }
        text.push_str(r#","ttlMs":0,"cacheScope":"private""#);
        if let Some(server) = self.server() {
            let server = String::from_utf8_lossy(server);
            let meta = format!(r#","_meta":{{"{SERVER_INFO}":{server}}}"#);
            text.push_str(&meta);
        }
        text.push('}');
        text.into_bytes()
    }

    /// Without core tasks, which the modern era does not have.
    fn capabilities(&self) -> String {
        let span = self.member("capabilities").filter(|span| span.of(&self.0).starts_with(b"{"));
        let Some(span) = span else { return "{}".to_owned() };
        let capabilities = self.0.slice(span.range());
        let whole = Span::new(0, capabilities.len());
        let cut = find_removal(&capabilities, whole, "tasks").map(|span| Edit { span, with: b"" });
        String::from_utf8_lossy(&spliced(&capabilities, cut.as_slice())).into_owned()
    }

    fn member(&self, name: &str) -> Option<Span> {
        find_member(&self.0, Span::new(0, self.0.len()), name)
    }

    fn capability(&self, path: &[&str]) -> Option<Span> {
        let capabilities = self.member("capabilities")?;
        path.iter().try_fold(capabilities, |span, name| find_member(&self.0, span, name))
    }

    fn is_true(&self, path: &[&str]) -> bool {
        self.capability(path).is_some_and(|span| span.of(&self.0) == b"true")
    }
}
