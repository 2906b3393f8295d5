//! Notifications that the proxy itself writes.

use std::fmt::Display;

use crate::jsonrpc::escape;

/// A client has finished its handshake.
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// Nobody waits any more for the answer to the request with this raw id.
pub(crate) fn cancelled(id: impl Display, reason: &str) -> String {
    let reason = escape(reason);
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":{reason}}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonrpc::{Kind, Message};

    #[test]
    fn a_cancellation_names_the_request_as_it_was_spelled() {
        let text = cancelled("\"a\\u0031\"", "a \"reason\"");
        let message = Message::parse(text.into()).unwrap();
        assert_eq!(message.kind(), Kind::Notification);
        assert_eq!(message.text(message.cancelled_id().unwrap()), br#""a\u0031""#);
        assert!(message.bytes().ends_with(br#","reason":"a \"reason\""}}"#));
        assert_eq!(Message::parse(INITIALIZED.into()).unwrap().kind(), Kind::Notification);
    }
}
