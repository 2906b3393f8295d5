//! The endpoint's own requests, each with one answer.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{
    identity::Claims,
    jsonrpc::Message,
    relay::{self, Connection},
};

/// The outcome of a request.
#[derive(Debug)]
pub(super) enum Answer {
    Result(Message),
    /// The server, or the proxy in its place, answered with an error.
    Error(Message),
    /// There will be no answer: it was cancelled, or the connection closed.
    None,
    /// The server cannot be reached.
    Unreached,
}

impl From<relay::Answer> for Answer {
    fn from(answer: relay::Answer) -> Self {
        match answer {
            relay::Answer::Result(response) => Self::Result(response),
            relay::Answer::Error(response) => Self::Error(response),
            relay::Answer::None => Self::None,
        }
    }
}

/// Sends a request over a connection and waits for its answer. Without `claims`, the server's
/// policy uses the claims that the connection was opened with.
pub(super) async fn ask(
    connection: &dyn Connection,
    request: Message,
    claims: Option<Arc<Claims>>,
) -> Answer {
    let (told, answer) = oneshot::channel();
    // If the receiver was dropped, nobody waits any more.
    let reply = relay::reply_to(&request, move |answer| drop(told.send(answer)));
    let reply = reply.with_claims(claims);
    if let Some(sending) = connection.send(request, Some(reply), None) {
        sending.await;
    }
    answer.await.map_or(Answer::None, Answer::from)
}
