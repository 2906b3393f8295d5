//! How messages are written into a response.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// `application/json`: responses only, as an array if there are several. Other messages go to
    /// the session's standalone stream, if there is one.
    Json,
    /// `text/event-stream`.
    EventStream,
    /// JSON if the answer comes first, an event stream if anything else does.
    Lazy,
}
