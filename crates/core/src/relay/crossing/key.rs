//! The calls that a leased server can take.

use crate::{
    era::metadata::{CLIENT_CAPABILITIES, CLIENT_INFO},
    identity::Identity,
    jsonrpc::{Message, find_member},
};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) principal: Identity,
    capabilities: String,
    client: Option<String>,
}

impl Key {
    pub(super) fn of(principal: &Identity, request: &Message) -> Self {
        let member = |name| {
            let span = find_member(request.bytes(), request.meta()?, name)?;
            Some(String::from_utf8_lossy(request.text(span)).into_owned())
        };
        Self {
            principal: principal.clone(),
            capabilities: member(CLIENT_CAPABILITIES).unwrap_or_else(|| "{}".to_owned()),
            client: member(CLIENT_INFO),
        }
    }

    pub(super) fn capabilities(&self) -> &str {
        &self.capabilities
    }

    /// `clientInfo` for the handshake, which must have one.
    pub(super) fn client(&self) -> String {
        self.client
            .clone()
            .unwrap_or_else(|| format!(r#"{{"name":"mcp-proxy","version":"{}"}}"#, crate::VERSION))
    }
}
