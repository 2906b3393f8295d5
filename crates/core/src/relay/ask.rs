//! The proxy's own requests: each gets one answer, and nothing else.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Outgoing, Reply, Sink};
use crate::jsonrpc::{Kind, Message};

/// The outcome of a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Result(Message),
    /// The server, or the proxy in its place, answered with an error.
    Error(Message),
    /// There will be no answer: the connection was closed.
    None,
}

impl Answer {
    /// Whether the request succeeded.
    pub(crate) fn is_result(&self) -> bool {
        matches!(self, Self::Result(_))
    }

    fn of(response: Message) -> Self {
        match response.kind() {
            Kind::Result => Self::Result(response),
            _ => Self::Error(response),
        }
    }
}

/// The reply for a request whose answer is passed to this function, once.
pub(crate) fn reply_to(request: &Message, then: impl FnOnce(Answer) + Send + 'static) -> Reply {
    Reply::to(request, Arc::new(Told(Mutex::new(Some(then)))))
}

/// Calls its function with the answer.
struct Told<F>(Mutex<Option<F>>);

impl<F: FnOnce(Answer)> Told<F> {
    fn tell(&self, answer: impl FnOnce() -> Answer) {
        let then = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(then) = then {
            then(answer());
        }
    }
}

impl<F: FnOnce(Answer) + Send> Sink for Told<F> {
    fn write(&self, outgoing: Outgoing<'_>) {
        if outgoing.response {
            let answer =
                || outgoing.message().map_or(Answer::None, |it| Answer::of(it.into_owned()));
            self.tell(answer);
        }
    }

    fn forget(&self) {
        self.tell(|| Answer::None);
    }
}
