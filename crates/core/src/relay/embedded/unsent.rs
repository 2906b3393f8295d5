//! Why a server's message was not sent.

/// Why a server's message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsent {
    /// The client has disconnected.
    Closed,
    /// It is not a JSON-RPC message.
    Invalid,
    /// It belongs to a request that is not being served.
    NoRequest,
}
