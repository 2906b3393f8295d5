//! Which messages `proxyServer` passes on for one connection.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use mcp_proxy_core::{Gate, Passage};
use napi_derive::napi;

/// The core's gate between one server object and its client.
#[derive(Debug)]
#[napi]
pub struct NativeGate(Gate);

#[napi]
impl NativeGate {
    /// For these capabilities (JSON).
    #[napi(constructor)]
    pub fn new(capabilities: String) -> Self {
        Self(Gate::new(&capabilities))
    }

    /// The known methods that pass.
    #[napi]
    pub fn methods(&self) -> Vec<&'static str> {
        self.0.methods().collect()
    }

    /// What to do with a request: the name of the action.
    #[napi]
    pub fn request(&self, method: String, names_resource: bool) -> &'static str {
        match self.0.request(&method, names_resource) {
            Passage::Refused => "refuse",
            Passage::Forwarded => "forward",
            Passage::SetsLevel => "setLevel",
            Passage::Subscribes => "subscribe",
            Passage::Unsubscribes => "unsubscribe",
        }
    }
}

/// Whether a client's notification passes.
#[napi]
pub fn passes_notification(method: String) -> bool {
    Gate::passes_notification(&method)
}

/// A 2026-07-28 server's notification (JSON), without the id of its stream.
#[napi]
pub fn untagged(notification: String) -> String {
    mcp_proxy_core::untagged(notification)
}
