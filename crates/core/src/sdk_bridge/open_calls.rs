//! Which calls of a client are unanswered. After the end of its input, its connection stays open
//! for the rest of the answers.

use std::collections::HashSet;

use crate::protocol::Notification;

/// See the module.
#[derive(Debug, Default)]
pub struct OpenCalls {
    /// Raw ids.
    open: HashSet<String>,
    input_ended: bool,
}

impl OpenCalls {
    /// The client has sent a message with this raw id and this method; `cancelled` is the raw id
    /// that a cancellation names.
    pub fn received(&mut self, id: Option<&str>, method: Option<&str>, cancelled: Option<&str>) {
        match (id, method) {
            (Some(id), Some(_)) => {
                self.open.insert(id.to_owned());
            }
            (None, Some(method)) if Notification::of(method) == Notification::Cancelled => {
                self.answered(cancelled);
            }
            _ => {}
        }
    }

    /// The client is sent the answer to the call with this raw id.
    pub fn answered(&mut self, id: Option<&str>) {
        if let Some(id) = id {
            self.open.remove(id);
        }
    }

    /// The client sends nothing more.
    pub fn input_ended(&mut self) {
        self.input_ended = true;
    }

    /// Whether the client gets nothing more.
    pub fn is_over(&self) -> bool {
        self.input_ended && self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_when_the_input_has_ended_and_every_call_is_answered() {
        let mut calls = OpenCalls::default();
        calls.received(Some("1"), Some("tools/call"), None);
        calls.received(Some("\"1\""), Some("tools/call"), None);
        calls.received(Some("7"), None, None);
        calls.received(None, Some("notifications/progress"), Some("1"));
        calls.answered(Some("1"));
        calls.input_ended();
        assert!(!calls.is_over(), "\"1\" is another id, and is unanswered");
        calls.received(None, Some("notifications/cancelled"), None);
        assert!(!calls.is_over());
        calls.received(None, Some("notifications/cancelled"), Some("\"1\""));
        assert!(calls.is_over());
    }

    #[test]
    fn it_is_not_over_before_the_input_has_ended() {
        assert!(!OpenCalls::default().is_over());
    }
}
