//! Something that answers requests: a process by its pipes, or a remote server through the proxy's
//! own client.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::time::timeout;

use crate::proxy::{Conversation, Unanswered};

/// Why there is no result.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Silence {
    /// Nothing came in time.
    Timeout,
    /// It has ended, or closed its output.
    Ended,
    /// Its output cannot be split into messages.
    Unreadable,
    /// It answered with this error.
    Error(Value),
}

/// See the module.
pub(super) trait Peer: Send {
    /// Sends a request and waits this long for the answer.
    fn ask<'a>(
        &'a mut self,
        method: &'a str,
        params: Value,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Value, Silence>>;
}

impl Peer for Conversation {
    fn ask<'a>(
        &'a mut self,
        method: &'a str,
        params: Value,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Value, Silence>> {
        Box::pin(async move {
            match timeout(limit, Self::ask(self, method, params)).await {
                Err(_) => Err(Silence::Timeout),
                Ok(Ok(result)) => Ok(result),
                Ok(Err(Unanswered::Error { code, message, data })) => Err(Silence::Error(
                    serde_json::json!({ "code": code, "message": message, "data": data }),
                )),
                Ok(Err(_)) => Err(Silence::Ended),
            }
        })
    }
}

/// A server's error as a sentence.
pub(super) fn said(error: &Value) -> String {
    let message = error["message"].as_str().unwrap_or("no message");
    format!("{message} (error {})", error["code"])
}
