//! Answers to connections that are refused before a request is read.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// To a client whose request head takes too long.
pub(super) const HEAD_TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
    content-type: application/json; charset=utf-8\r\nconnection: close\r\ncontent-length: 120\r\n\r\n\
    {\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":\
    \"Request Timeout: the request head did not arrive in time\"}}";

/// To a client beyond the limit of connections.
const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json; charset=utf-8\r\nretry-after: 10\r\nconnection: close\r\n\
    content-length: 105\r\n\r\n\
    {\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":\
    \"Service Unavailable: too many connections\"}}";

/// Most refused connections that get an answer at a time; further ones are only closed.
pub(super) const MAX_REFUSALS: usize = 128;
/// Time for a refused client to take its answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Refuses a client beyond the limit. Its request is read and dropped, because closing a connection
/// with unread bytes resets it, and the answer is lost.
pub(super) async fn refuse(mut stream: TcpStream) {
    let refusing = async {
        stream.write_all(TOO_MANY_CONNECTIONS).await?;
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        std::io::Result::Ok(())
    };
    match timeout(PATIENCE, refusing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a refused client went away"),
        Err(_) => tracing::debug!("a refused client kept its connection open"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_bodies() {
        for answer in [HEAD_TOO_SLOW, TOO_MANY_CONNECTIONS] {
            let text = std::str::from_utf8(answer).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
            serde_json::from_str::<serde_json::Value>(body).unwrap();
        }
    }
}
