//! The legacy server of one request, and what it knows of its call.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use futures_util::future::BoxFuture;

use crate::{
    era::{input_required::Question, modern_to_legacy::Greeting},
    jsonrpc::Message,
    protocol::LogLevel,
    relay::Reply,
};

/// The legacy server that serves one request.
pub(super) trait Origin: fmt::Debug + Send + Sync {
    /// What it said about itself, if it has done so.
    fn greeting(&self) -> Option<Greeting>;

    /// Sends it a request; see [`Connection::send`].
    fn send(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>>;

    /// Answers a `server/discover`.
    fn discover(&self, reply: Reply) -> Option<BoxFuture<'static, ()>>;

    /// Sets the log level of its next request; its other clients get no more than before.
    fn log_from(&self, level: LogLevel);

    /// The client of a discovery has disconnected.
    fn leave(&self) {}

    /// Its next request belongs to this call.
    fn serves(&self, _call: Weak<dyn Served>) {}

    /// It sent something that belongs to its call and is not the answer.
    fn unasked(&self, _message: &Message) {}

    /// The client has answered its questions.
    fn answer(&self, _responses: Vec<Vec<u8>>) {}

    /// Nobody waits for this task of its call any more.
    fn end_task(&self, _id: &str) {}

    /// It has answered its call.
    fn finished(&self) {}

    /// Nobody waits for its call any more; `responses` answer its open questions, and `task` is what
    /// has become of it, if that is known.
    fn give_up(&self, responses: Vec<Vec<u8>>, task: Option<&str>);
}

/// A call, as its server sees it.
pub(super) trait Served: Send + Sync {
    /// The server asks the client a question.
    fn asked(self: Arc<Self>, question: Question);

    /// The server withdraws a question.
    fn withdrawn(&self, id: &[u8]);

    /// A notification from the server that belongs to the call.
    fn notified(&self, message: &Message);
}

/// The request that sets a server's log level.
pub(super) fn set_level(level: LogLevel) -> Option<Message> {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":"level","method":"logging/setLevel","params":{{"level":"{}"}}}}"#,
        level.name()
    );
    Message::parse(text.into()).ok()
}
