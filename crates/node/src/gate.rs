//! What `proxyServer` passes on for one connection.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use mcp_proxy_core::Gate;
use napi_derive::napi;

/// The core's gate between one server object and its client.
#[derive(Debug)]
#[napi]
pub struct NativeGate(Gate);

#[napi]
impl NativeGate {
    /// For these capabilities, as JSON.
    #[napi(constructor)]
    pub fn new(capabilities: String) -> Self {
        Self(Gate::new(&capabilities))
    }

    /// The known methods that pass.
    #[napi]
    pub fn methods(&self) -> Vec<&'static str> {
        Gate::methods().filter(|method| self.0.serves(method)).collect()
    }

    /// Whether requests of this method pass.
    #[napi]
    pub fn serves(&self, method: String) -> bool {
        self.0.serves(&method)
    }

    /// Lets log messages pass from this level on; what is wrong with one that is none.
    #[napi]
    pub fn set_level(&mut self, level: String) -> Option<String> {
        self.0.set_level(&level).err()
    }

    /// Whether log messages of this level pass.
    #[napi]
    pub fn admits(&self, level: String) -> bool {
        self.0.admits(&level)
    }
}
