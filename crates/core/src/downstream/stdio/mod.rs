//! The front of one client that speaks over standard input and output.
//!
//! Every line of the input is a message, and nothing but messages is written to the output. What
//! cannot be sent on yet keeps the input from being read.

mod output;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    time::timeout,
};

use self::output::{End, Output};
use crate::{
    codec::line::LineBuffer,
    jsonrpc::{Body, Code, ErrorBody, Invalid, Kind, Message, split},
    relay::{Backend, Client, Connection, OpenError, Outgoing, Reply, Sink},
};

/// Time that calls under way have once the input has ended: a client that only closes its end
/// waits no longer for the process, and one whose input is a file still gets its answers.
const LAST_CALLS: Duration = Duration::from_secs(1);
/// Time that the last words may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How the service to the client ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The input has ended, the output was closed, or the front was told to stop.
    Cleanly,
    /// Why it could not go on.
    Failed(String),
}

/// Serves one client until its input ends or `stop` resolves.
pub(crate) async fn serve(
    backend: &dyn Backend,
    max_line_size: usize,
    (input, output): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    stop: impl Future<Output = ()>,
) -> Ended {
    let written = Output::new();
    let unsolicited: Arc<dyn Sink> = Arc::clone(&written) as _;
    let client = Client { unsolicited: Some(unsolicited), ..Client::default() };
    let connection = match backend.open(client).await {
        Ok(connection) => connection,
        Err(OpenError::Upstream(error)) => return Ended::Failed(error.message),
        Err(OpenError::Refused(_)) => return Ended::Failed("the client was refused".to_owned()),
    };
    let front = Front { connection, output: Arc::clone(&written) };
    let writing = written.write_to(output);
    tokio::pin!(writing);
    let serving = async {
        let read = front.read_all(input, max_line_size).await;
        drop(timeout(LAST_CALLS, front.output.answered()).await);
        read
    };
    let ended = tokio::select! {
        read = serving => read,
        end = &mut writing => {
            front.connection.close();
            return match end {
                End::Unread => Ended::Failed("the client does not read what it is sent".to_owned()),
                End::Said | End::Closed => Ended::Cleanly,
            };
        }
        () = stop => Ended::Cleanly,
    };
    front.connection.close();
    written.finish();
    drop(timeout(LAST_WORDS, writing).await);
    ended
}

struct Front {
    connection: Arc<dyn Connection>,
    output: Arc<Output>,
}

impl Front {
    async fn read_all(&self, mut input: impl AsyncRead + Unpin, max_line_size: usize) -> Ended {
        let mut lines = LineBuffer::new(max_line_size);
        loop {
            loop {
                match lines.next_line() {
                    Ok(Some(line)) => self.take(line).await,
                    Ok(None) => break,
                    Err(_) => {
                        return Ended::Failed(format!(
                            "the client sent a message of more than {max_line_size} bytes \
                             (--maxLineSize)"
                        ));
                    }
                }
            }
            match input.read_buf(lines.room()).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Ended::Failed(format!("the input cannot be read: {error}")),
            }
        }
        self.take(lines.rest()).await;
        Ended::Cleanly
    }

    async fn take(&self, line: Bytes) {
        let text = line.slice_ref(line.trim_ascii());
        if text.is_empty() {
            return;
        }
        match split(text) {
            Ok(Body::One(message)) => self.send(message).await,
            Ok(Body::Many(messages)) => {
                for message in messages {
                    self.send(message).await;
                }
            }
            Err(invalid) => self.refuse(&invalid),
        }
    }

    async fn send(&self, message: Message) {
        let reply = (message.kind() == Kind::Request).then(|| {
            self.output.owe();
            Reply::to(&message, Arc::clone(&self.output) as _)
        });
        if let Some(sending) = self.connection.send(message, reply, None) {
            sending.await;
        }
    }

    fn refuse(&self, invalid: &Invalid) {
        tracing::warn!("the client sent a line that is no message: {invalid}");
        let code = match invalid {
            Invalid::Shape(_) => Code::InvalidRequest,
            Invalid::Utf8(_) | Invalid::Syntax(_) => Code::Parse,
        };
        let source = ErrorBody::new(code, invalid.to_string()).response(b"null");
        self.output.write(Outgoing { source: &source, edits: &[], response: false });
    }
}
