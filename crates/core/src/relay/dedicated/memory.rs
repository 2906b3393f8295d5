//! What a client has set at its server (handshake, log level, subscriptions), to repeat it at
//! another one.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    jsonrpc::Message,
    protocol::{LATEST_LEGACY, Method},
};

/// Most subscriptions remembered for one client.
const MAX_SUBSCRIPTIONS: usize = 1024;
/// Longest request that is remembered, not counting the handshake; together at most 1 MiB.
const MAX_REMEMBERED: usize = 16 * 1024;
const MAX_REMEMBERED_IN_ALL: usize = 1024 * 1024;

/// The client's requests, as it sent them. They are kept for each session, and read again when they
/// are needed: a [`Message`] is larger than most of their texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    initialize: Option<Bytes>,
    level: Option<Bytes>,
    subscriptions: BTreeMap<String, Bytes>,
    /// Bytes of the subscriptions.
    bytes: usize,
}

impl Memory {
    /// Remembers a request if it sets something; returns whether it is the handshake.
    pub(crate) fn note(&mut self, request: &Message) -> bool {
        let length = request.bytes().len();
        match Method::of_bytes(&request.method_bytes()) {
            Method::Initialize => {
                self.initialize = Some(kept(request));
                return true;
            }
            Method::SetLevel if length <= MAX_REMEMBERED => self.level = Some(kept(request)),
            Method::Subscribe if length <= MAX_REMEMBERED => {
                if let Some(uri) = request.uri() {
                    self.subscribed(uri, request);
                }
            }
            Method::Unsubscribe => {
                if let Some(uri) = request.uri() {
                    self.forget(&uri);
                }
            }
            _ => {}
        }
        false
    }

    fn subscribed(&mut self, uri: String, request: &Message) {
        self.forget(&uri);
        let bytes = self.bytes + request.bytes().len();
        if self.subscriptions.len() < MAX_SUBSCRIPTIONS && bytes <= MAX_REMEMBERED_IN_ALL {
            self.bytes = bytes;
            self.subscriptions.insert(uri, kept(request));
        }
    }

    fn forget(&mut self, uri: &str) {
        if let Some(request) = self.subscriptions.remove(uri) {
            self.bytes -= request.len();
        }
    }

    /// Whether the client has made a handshake itself.
    pub(crate) fn is_initialized(&self) -> bool {
        self.initialize.is_some()
    }

    /// Whether the client has a subscription.
    pub(crate) fn has_subscriptions(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// The handshake to start with: the client's own, or that of a client without capabilities.
    pub(crate) fn greeting(&self) -> Option<Message> {
        let text = self.initialize.clone().unwrap_or_else(|| {
            format!(
                r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{{}},"clientInfo":{{"name":"mcp-proxy","version":"{}"}}}}}}"#,
                crate::VERSION
            )
            .into()
        });
        Message::parse(text).ok()
    }

    /// The requests after the handshake.
    pub(crate) fn settled(&self) -> Vec<Message> {
        let requests = self.level.iter().chain(self.subscriptions.values());
        requests.filter_map(|request| Message::parse(request.clone()).ok()).collect()
    }
}

fn kept(request: &Message) -> Bytes {
    request.detached().bytes().clone()
}
