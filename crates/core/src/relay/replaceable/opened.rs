//! A new connection, before its session uses it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{
    jsonrpc::{Code, ErrorBody, Message},
    relay::{self, Answer, Connection, Reply},
};

/// A connection that is closed when dropped, unless a session keeps it.
pub(super) struct Opened(pub(super) Option<Arc<dyn Connection>>);

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.close();
        }
    }
}

pub(super) async fn hand(connection: &dyn Connection, message: Message, reply: Option<Reply>) {
    if let Some(sending) = connection.send(message, reply, None) {
        sending.await;
    }
}

pub(super) async fn ask(connection: &dyn Connection, request: Message) -> Answer {
    let (told, answer) = oneshot::channel();
    // If the receiver was dropped, nobody waits any more.
    let reply = relay::reply_to(&request, move |answer| drop(told.send(answer)));
    hand(connection, request, Some(reply)).await;
    answer.await.unwrap_or(Answer::None)
}

pub(super) async fn greet(connection: &dyn Connection, greeting: Message) -> Result<(), ErrorBody> {
    if ask(connection, greeting).await.is_result() {
        return Ok(());
    }
    Err(ErrorBody::new(Code::Unavailable, "the server did not answer the handshake"))
}
