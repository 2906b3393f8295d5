//! Where messages for a client go, and what is known about their reader.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::{borrow::Cow, future::ready, sync::Arc};
use uuid::Uuid;

use super::Denied;
use crate::{
    jsonrpc::{Edit, Message, spliced},
    protocol::LogLevel,
};

/// A message on its way to a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) source: &'a Bytes,
    pub(crate) edits: &'a [Edit<'a>],
    /// Whether this is the response that ends an exchange.
    pub(crate) response: bool,
    /// The message without the edits, if it was parsed already.
    parsed: Option<&'a Message>,
    /// The id of the event as which the host stores it.
    pub(crate) event: Option<&'a str>,
}

impl<'a> Outgoing<'a> {
    /// These bytes with these changes.
    pub(crate) fn new(source: &'a Bytes, edits: &'a [Edit<'a>], response: bool) -> Self {
        Self { source, edits, response, parsed: None, event: None }
    }

    /// A message that was parsed already, with these changes.
    pub(crate) fn of(message: &'a Message, edits: &'a [Edit<'a>], response: bool) -> Self {
        Self { parsed: Some(message), ..Self::new(message.bytes(), edits, response) }
    }

    /// The same, stored by the host as this event.
    pub(crate) fn stored_as(self, event: Option<&'a str>) -> Self {
        Self { event, ..self }
    }

    /// The message, if it was parsed already.
    pub(crate) fn parsed(&self) -> Option<&'a Message> {
        self.parsed
    }

    /// The message, parsed if necessary. One that was parsed already comes without the edits, which
    /// only restore the client's own id and token.
    pub(crate) fn message(&self) -> Option<Cow<'a, Message>> {
        match self.parsed {
            Some(message) => Some(Cow::Borrowed(message)),
            None => Message::parse(spliced(self.source, self.edits)).ok().map(Cow::Owned),
        }
    }
}

/// Where messages for a client go. Never blocks: the sink itself handles what does not fit.
pub(crate) trait Sink: Send + Sync {
    fn write(&self, outgoing: Outgoing<'_>);

    /// An exchange on this sink gets no response.
    fn forget(&self);

    /// Its reader; `None` if the proxy itself takes the answer.
    fn reader(&self) -> Option<&dyn Reader> {
        None
    }
}

/// What is known about the reader of a sink.
pub(crate) trait Reader: Send + Sync {
    /// Whether a message that is not a response would reach its client now.
    fn is_heard(&self) -> bool;

    /// Its number among the streams of its session, if it has one.
    fn number(&self) -> Option<u64> {
        None
    }

    /// The HTTP session of its client, to tell clients apart in the log.
    fn session(&self) -> Option<Uuid> {
        None
    }

    /// The name for something that waits here for the client, if there are other replicas to which
    /// the client may return.
    fn name(&self, _unique: &str) -> Option<String> {
        None
    }

    /// Whether log messages of this level are wanted with the call that is answered here.
    fn takes_log(&self, _level: LogLevel) -> bool {
        false
    }

    /// Ends the current response; the client returns for the rest if it can.
    fn interrupt(&self) {}

    /// A request that is answered here is refused because of its sender. `body` is the whole
    /// answer; it is used only if nothing was sent yet.
    fn deny(&self, _denied: &Denied, _body: Bytes) {}

    /// Sets whether the request that is answered here may still be refused. Nothing is sent while
    /// it may, so that a refusal can be the whole answer.
    fn undecided(&self, _is_open: bool) {}

    /// Bytes that wait for the reader; 0 if nobody is reading, or if nothing can be read before the
    /// answer is complete.
    fn backlog(&self) -> usize {
        0
    }

    /// Waits, from the moment of the call, until some of a large backlog was read or its reader has
    /// disconnected.
    fn drained(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

impl dyn Sink + '_ {
    /// Whether a message that is not a response would reach a client now.
    pub(crate) fn is_heard(&self) -> bool {
        self.reader().is_some_and(Reader::is_heard)
    }

    /// The HTTP session of its client.
    pub(crate) fn session(&self) -> Option<Uuid> {
        self.reader()?.session()
    }

    /// Whether log messages of this level are wanted with the call that is answered here.
    pub(crate) fn takes_log(&self, level: LogLevel) -> bool {
        self.reader().is_some_and(|reader| reader.takes_log(level))
    }

    /// Bytes that wait for the reader.
    pub(crate) fn backlog(&self) -> usize {
        self.reader().map_or(0, Reader::backlog)
    }

    /// See [`Reader::drained`].
    pub(crate) fn drained(&self) -> BoxFuture<'_, ()> {
        self.reader().map_or_else(|| Box::pin(ready(())) as _, Reader::drained)
    }

    /// See [`Reader::deny`].
    pub(crate) fn deny(&self, denied: &Denied, body: Bytes) {
        if let Some(reader) = self.reader() {
            reader.deny(denied, body);
        }
    }

    /// See [`Reader::interrupt`].
    pub(crate) fn interrupt(&self) {
        if let Some(reader) = self.reader() {
            reader.interrupt();
        }
    }
}

/// Writes one message to each sink.
pub(super) fn deliver(audience: &[Arc<dyn Sink>], source: &Bytes, edits: &[Edit<'_>]) {
    for sink in audience {
        sink.write(Outgoing::new(source, edits, false));
    }
}

/// The same, for a message that was parsed already.
pub(super) fn deliver_message(audience: &[Arc<dyn Sink>], message: &Message) {
    for sink in audience {
        sink.write(Outgoing::of(message, &[], false));
    }
}
