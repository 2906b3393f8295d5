//! The front of a single client that uses standard input and output.
//!
//! Every line of the input is a message, and only messages are written to the output. While a
//! message cannot be sent on, the input is not read. The client's opening message decides the era;
//! with 2026-07-28, each request has a connection of its own, as over HTTP.

mod batch;
mod legs;
mod output;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    time::timeout,
};

use self::{
    batch::Batch,
    legs::Legs,
    output::{End, Output},
};
use crate::{
    codec::line::LineBuffer,
    era::{
        Era,
        opening::{Opening, Sorted},
    },
    jsonrpc::{Body, Code, ErrorBody, Invalid, Kind, MAX_BATCH, Message, split},
    relay::{Backend, Client, Connection, OpenError, Outgoing, Reply, Sink},
    runtime::beside::beside,
    watch::{Frame, Payload, Point, TAP},
};

/// Time that running calls have after the input has ended: a client that only closes its end does
/// not wait longer for the process, and a client whose input is a file still gets its answers.
const LAST_CALLS: Duration = Duration::from_secs(1);
/// Time limit for writing the last messages.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How serving the client ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The input has ended, the output was closed, or the front was told to stop.
    Cleanly,
    /// It failed, for this reason.
    Failed(String),
}

/// Serves one client until its input ends or `stop` resolves.
pub(crate) async fn serve(
    backend: Arc<dyn Backend>,
    max_line_size: usize,
    (input, output): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    stop: impl Future<Output = ()>,
) -> Ended {
    let written = Output::new();
    let mut front = Front {
        opening: Opening::default(),
        legacy: None,
        legs: Legs::new(Arc::clone(&backend), Arc::clone(&written)),
        backend,
        output: Arc::clone(&written),
    };
    let writing = written.write_to(output);
    tokio::pin!(writing);
    let serving = async {
        let read = front.read_all(input, max_line_size).await;
        front.backend.end_subscriptions();
        drop(timeout(LAST_CALLS, front.output.answered()).await);
        match read {
            Ok(()) => Ended::Cleanly,
            Err(reason) => Ended::Failed(reason),
        }
    };
    let ended = tokio::select! {
        read = serving => read,
        end = &mut writing => {
            front.close();
            return match end {
                End::Unread => Ended::Failed("the client does not read what it is sent".to_owned()),
                End::Said | End::Closed => Ended::Cleanly,
            };
        }
        () = stop => Ended::Cleanly,
    };
    front.close();
    written.finish();
    drop(timeout(LAST_WORDS, writing).await);
    ended
}

struct Front {
    backend: Arc<dyn Backend>,
    opening: Opening,
    /// The connection of a client of the older era, after its first message.
    legacy: Option<Arc<dyn Connection>>,
    legs: Arc<Legs>,
    output: Arc<Output>,
}

impl Front {
    /// Reads to the end of the input; fails if the client cannot be served any longer.
    async fn read_all(
        &mut self,
        mut input: impl AsyncRead + Unpin,
        max_line_size: usize,
    ) -> Result<(), String> {
        let mut lines = LineBuffer::new(max_line_size);
        let too_long = |_| {
            format!("the client sent a message of more than {max_line_size} bytes (--maxLineSize)")
        };
        loop {
            while let Some(line) = lines.next_line().map_err(too_long)? {
                self.take(line).await?;
            }
            match input.read_buf(lines.room()).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(format!("the input cannot be read: {error}")),
            }
        }
        self.take(lines.rest()).await
    }

    /// Takes a line; fails if the client cannot be served.
    async fn take(&mut self, line: Bytes) -> Result<(), String> {
        let text = line.slice_ref(line.trim_ascii());
        if text.is_empty() {
            return Ok(());
        }
        TAP.show(|| {
            let frame = Frame::new(Point::FromClient, Payload::of(&text));
            frame.on_stream(Arc::as_ptr(&self.output))
        });
        match beside(text.len(), move || split(text, MAX_BATCH)).await {
            Ok(Body::One(message)) => self.send(message, None).await,
            // Only the older era has batches.
            Ok(Body::Many(messages))
                if self.opening.era() == Some(Era::Modern)
                    || messages.iter().any(Message::claims_version) =>
            {
                self.refuse(&Invalid::Shape("a batch"));
                Ok(())
            }
            Ok(Body::Many(messages)) => self.send_all(messages).await,
            Err(invalid) => {
                self.refuse(&invalid);
                Ok(())
            }
        }
    }

    async fn send_all(&mut self, messages: Vec<Message>) -> Result<(), String> {
        if let Some(fault) = batch::fault(&messages) {
            self.say(&ErrorBody::new(Code::InvalidRequest, fault));
            return Ok(());
        }
        let batch = Batch::new(Arc::clone(&self.output));
        for message in messages {
            self.send(message, Some(&batch)).await?;
        }
        batch.close();
        Ok(())
    }

    /// Forwards a message, which may be one of several on a line.
    async fn send(&mut self, message: Message, batch: Option<&Arc<Batch>>) -> Result<(), String> {
        match self.opening.sort(&message) {
            Sorted::Of(Era::Legacy) => return self.send_legacy(message, batch).await,
            Sorted::Of(Era::Modern) if message.kind() == Kind::Request => {
                self.legs.request(message).await;
            }
            Sorted::Of(Era::Modern) => self.legs.notify(message).await,
            Sorted::Refused(error) => {
                let source = error.response(message.id().unwrap_or(b"null"));
                let outgoing = Outgoing::new(&source, &[], true);
                self.owed(batch).write(outgoing);
            }
            Sorted::Dropped => {
                tracing::warn!("the client sent an answer, but was not asked anything");
            }
        }
        Ok(())
    }

    /// The place for one more answer.
    fn owed(&self, batch: Option<&Arc<Batch>>) -> Arc<dyn Sink> {
        if let Some(batch) = batch {
            batch.owe();
            return Arc::<Batch>::clone(batch);
        }
        self.output.owe();
        Arc::<Output>::clone(&self.output)
    }

    async fn send_legacy(
        &mut self,
        message: Message,
        batch: Option<&Arc<Batch>>,
    ) -> Result<(), String> {
        let connection = match &self.legacy {
            Some(connection) => Arc::clone(connection),
            None => self.connect().await?,
        };
        let reply =
            (message.kind() == Kind::Request).then(|| Reply::to(&message, self.owed(batch)));
        if let Some(sending) = connection.send(message, reply, None) {
            sending.await;
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<Arc<dyn Connection>, String> {
        let unsolicited: Arc<dyn Sink> = Arc::clone(&self.output) as _;
        let client = Client { unsolicited: Some(unsolicited), ..Client::default() };
        let connection = self.backend.open(client).await.map_err(|error| match error {
            OpenError::Upstream(error) => error.message,
            OpenError::Refused(_) => "the client was refused".to_owned(),
        })?;
        self.legacy = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn close(&self) {
        self.legs.close();
        if let Some(connection) = &self.legacy {
            connection.close();
        }
    }

    fn refuse(&self, invalid: &Invalid) {
        tracing::warn!("the client sent a line that is not a message: {invalid}");
        self.say(&match invalid {
            Invalid::TooMany(most) => ErrorBody::new(
                Code::InvalidRequest,
                format!("Invalid Request: Batch must not exceed {most} messages"),
            ),
            Invalid::Shape(_) | Invalid::LongId => {
                ErrorBody::new(Code::InvalidRequest, invalid.to_string())
            }
            Invalid::Utf8(_) | Invalid::Syntax(_) => {
                ErrorBody::new(Code::Parse, invalid.to_string())
            }
        });
    }

    /// Reports what is wrong with a line.
    fn say(&self, error: &ErrorBody) {
        // Only the older era defines an answer for an unknown id.
        let source = match self.opening.era() {
            Some(Era::Modern) => error.response_to_nobody(),
            _ => error.response(b"null"),
        };
        self.output.write(Outgoing::new(&source, &[], false));
    }
}

#[cfg(test)]
mod tests;
