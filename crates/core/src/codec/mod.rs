//! Framing: JSON-RPC messages as lines of a pipe and as events of a `text/event-stream`.

pub(crate) mod event_reader;
pub(crate) mod event_stream;
pub(crate) mod line;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod oracle;

#[cfg(test)]
mod tests;
