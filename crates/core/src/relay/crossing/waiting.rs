//! A client's request that was not answered yet.

use crate::{
    jsonrpc::{Message, find_member},
    protocol::LogLevel,
    relay::Reply,
};

/// The first turn of a call.
pub(super) const FIRST_TURN: u64 = 0;

/// See the module.
pub(super) struct Waiting {
    pub(super) reply: Reply,
    /// As sent: it says what its client can be asked.
    pub(super) request: Message,
    pub(super) log_level: Option<LogLevel>,
}

impl Waiting {
    /// Whether its client wants this log message.
    pub(super) fn takes(&self, message: &Message) -> bool {
        let level =
            message.params().and_then(|params| find_member(message.bytes(), params, "level"));
        let level = level.and_then(|span| LogLevel::from_json(message.text(span)));
        self.log_level.zip(level).is_some_and(|(wanted, level)| level >= wanted)
    }
}
