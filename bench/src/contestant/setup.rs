//! The ways to start a contestant.

use super::fleet::Fleet;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setup {
    /// Streamable HTTP with sessions, and whatever else is on by default.
    Sessions,
    /// Streamable HTTP without sessions.
    Stateless,
    /// HTTP+SSE.
    Sse,
    /// Several servers on one port.
    Fleet(Fleet),
    /// In Node: `startHTTPServer` with a `createServer` of the v1 SDK.
    NodeV1,
    /// In Node: the same with a server of the v2 SDK.
    NodeV2,
    /// In Node: `startHTTPServer` in front of the stdio server.
    NodeUpstream,
}
