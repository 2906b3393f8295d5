//! Encoding of `text/event-stream` (WHATWG HTML, server-sent events).

/// Ends every event.
pub(crate) const END: &[u8] = b"\n\n";
/// Starts a message that has no id.
pub(crate) const MESSAGE: &[u8] = b"event: message\ndata: ";
/// A comment: keeps proxies and clients from treating a silent stream as dead.
pub(crate) const KEEP_ALIVE: &[u8] = b": keepalive\n\n";

/// How soon a client reconnects after its stream was closed for that purpose (MCP 2025-11-25,
/// transports, "Sending Messages" 6): after a second.
pub(crate) const RETRY: &[u8] = b"retry: 1000\n\n";

/// Starts a message with an id that another party has chosen; an id that would break the frame is
/// left out.
pub(crate) fn message_as(id: &str) -> String {
    if !is_usable(id) {
        return String::from_utf8_lossy(MESSAGE).into_owned();
    }
    format!("event: message\nid: {id}\ndata: ")
}

/// A priming event with an id that another party has chosen; empty if the id would break the frame.
pub(crate) fn priming_as(id: &str) -> Option<String> {
    is_usable(id).then(|| format!("id: {id}\ndata: \n\n"))
}

fn is_usable(id: &str) -> bool {
    !id.is_empty() && !id.contains(['\r', '\n', '\0'])
}

/// The id of an event: its stream within the session, and its number within the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) stream: u64,
    pub(crate) number: u64,
}

impl EventId {
    /// Reads `Last-Event-ID`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (stream, number) = text.split_once('_')?;
        Some(Self { stream: stream.parse().ok()?, number: number.parse().ok()? })
    }

    /// What precedes a message with this id.
    pub(crate) fn message(self) -> Prelude {
        let mut prelude = Prelude::default();
        prelude.push(b"event: message\nid: ");
        prelude.push_id(self);
        prelude.push(b"\ndata: ");
        prelude
    }

    /// A priming event: gives the client an id to resume from before anything has been sent
    /// (MCP 2025-11-25, transports, "Sending Messages" 6).
    pub(crate) fn priming(self) -> Prelude {
        let mut prelude = Prelude::default();
        prelude.push(b"id: ");
        prelude.push_id(self);
        prelude.push(b"\ndata: \n\n");
        prelude
    }
}

/// The fields of an event in front of its payload.
#[derive(Debug)]
pub(crate) struct Prelude {
    bytes: [u8; 80],
    length: usize,
}

impl Default for Prelude {
    fn default() -> Self {
        Self { bytes: [0; 80], length: 0 }
    }
}

impl Prelude {
    /// Two u64 and the fixed text fit.
    #[inline]
    fn push(&mut self, text: &[u8]) {
        self.bytes[self.length..][..text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    fn push_id(&mut self, id: EventId) {
        self.push(itoa::Buffer::new().format(id.stream).as_bytes());
        self.push(b"_");
        self.push(itoa::Buffer::new().format(id.number).as_bytes());
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
