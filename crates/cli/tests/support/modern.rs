//! Requests of the 2026-07-28 revision, as its clients send them.

use super::{Proxy, Request, Response};

/// The revision.
pub(crate) const MODERN: &str = "2026-07-28";

/// A request that is being built, from raw JSON.
#[derive(Clone, Debug)]
pub(crate) struct Modern {
    id: String,
    method: String,
    params: String,
    capabilities: String,
    meta: String,
    name: Option<String>,
}

impl Modern {
    /// A request for this method without parameters.
    pub(crate) fn new(method: &str) -> Self {
        Self {
            id: "1".to_owned(),
            method: method.to_owned(),
            params: String::new(),
            capabilities: "{}".to_owned(),
            meta: String::new(),
            name: None,
        }
    }

    /// A tool call.
    pub(crate) fn call(tool: &str, arguments: &str) -> Self {
        let params = format!(r#""name":"{tool}","arguments":{arguments},"#);
        Self { params, name: Some(tool.to_owned()), ..Self::new("tools/call") }
    }

    pub(crate) fn id(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    /// Sets the header that names the tool, prompt or resource.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Adds members to the parameters.
    pub(crate) fn params(self, members: &str) -> Self {
        Self { params: format!("{}{members},", self.params), ..self }
    }

    /// Adds members to the metadata.
    pub(crate) fn meta(self, members: &str) -> Self {
        Self { meta: format!("{},{members}", self.meta), ..self }
    }

    /// What the client declares.
    pub(crate) fn capabilities(self, capabilities: &str) -> Self {
        Self { capabilities: capabilities.to_owned(), ..self }
    }

    /// The message.
    pub(crate) fn body(&self) -> String {
        let Self { id, method, params, capabilities, meta, .. } = self;
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}"_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientCapabilities":{capabilities}{meta}}}}}}}"#
        )
    }

    /// The POST with every header that it needs.
    pub(crate) fn request(&self) -> Request {
        let request = Request::mcp(self.body())
            .header("MCP-Protocol-Version", MODERN)
            .header("Mcp-Method", &self.method);
        match &self.name {
            Some(name) => request.header("Mcp-Name", name),
            None => request,
        }
    }

    /// Sends it.
    pub(crate) fn send(&self, proxy: &Proxy) -> Response {
        proxy.send(&self.request())
    }
}
