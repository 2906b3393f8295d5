//! An array of messages on one line: its requests are answered with one array (JSON-RPC 2.0 section
//! 6, MCP 2025-03-26). Related messages that are not answers are sent at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::output::Output;
use crate::{
    jsonrpc::{Assembly, Kind, Message, Pieces},
    protocol::Method,
    relay::{Outgoing, Reader, Sink},
};

/// Why an array of messages of the older era is refused.
pub(super) fn fault(messages: &[Message]) -> Option<String> {
    let initializes = |message: &Message| {
        message.kind() == Kind::Request && Method::of(&message.method()) == Method::Initialize
    };
    if messages.is_empty() {
        Some("Invalid Request: Batch must not be empty".to_owned())
    } else if messages.iter().any(initializes) {
        Some("Invalid Request: Batch must not contain initialize".to_owned())
    } else {
        None
    }
}

/// Collects the answers to one array until it has all of them.
pub(super) struct Batch {
    output: Arc<Output>,
    state: Mutex<State>,
}

struct State {
    answers: Pieces,
    /// Requests without an answer, plus one while the array is still being read.
    missing: usize,
}

impl Batch {
    pub(super) fn new(output: Arc<Output>) -> Arc<Self> {
        output.owe();
        let state = State { answers: Pieces::default(), missing: 1 };
        Arc::new(Self { output, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more answer is expected.
    pub(super) fn owe(&self) {
        self.lock().missing += 1;
    }

    /// The whole array was read.
    pub(super) fn close(&self) {
        self.settle(None);
    }

    fn settle(&self, answer: Option<Outgoing<'_>>) {
        let mut state = self.lock();
        if let Some(Outgoing { source, edits, .. }) = answer {
            let before = if state.answers.is_empty() { b"[" } else { b"," };
            state.answers.push(&Assembly { before, source, edits, behind: b"" });
        }
        state.missing -= 1;
        if state.missing > 0 {
            return;
        }
        if state.answers.is_empty() {
            return self.output.forget();
        }
        state.answers.push_slice(b"]\n");
        self.output.write_answers(&mut state.answers);
    }
}

impl Sink for Batch {
    fn write(&self, outgoing: Outgoing<'_>) {
        if outgoing.response {
            self.settle(Some(outgoing));
        } else {
            self.output.write(outgoing);
        }
    }

    fn forget(&self) {
        self.settle(None);
    }

    fn reader(&self) -> Option<&dyn Reader> {
        self.output.reader()
    }
}
