//! What is written to a stream.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    super::{
        encoding::Encoding,
        state::{Decision, Owed, Reader, State},
    },
    Stream,
};
use crate::{
    codec::event_stream,
    jsonrpc::{Assembly, Kind},
    relay::{Denied, Outgoing, Sink},
    watch::{self, Payload, Point, TAP},
};

impl Stream {
    fn put(&self, outgoing: Outgoing<'_>) {
        let mut state = self.lock();
        if state.owed == Owed::Ended {
            return;
        }
        TAP.show(|| {
            watch::Frame::new(Point::ToClient, Payload::edited(outgoing.source, outgoing.edits))
                .in_session(self.owner)
                .on_stream(self)
        });
        if state.encoding == Encoding::Lazy && !outgoing.response {
            state.encoding = Encoding::EventStream;
        }
        match state.encoding {
            Encoding::EventStream => {
                self.push_event(&mut state, &outgoing);
                state.wrote = true;
            }
            Encoding::Json | Encoding::Lazy if outgoing.response => state.write_json(&outgoing),
            Encoding::Json | Encoding::Lazy => {
                drop(state);
                return self.pass_on(outgoing);
            }
        }
        let finished = outgoing.response && state.settle();
        let resumable = state.encoding != Encoding::Json;
        state.wake();
        if matches!(state.reader, Reader::Cut) {
            self.drained.notify_waiters();
        }
        let absent = matches!(state.reader, Reader::Absent);
        let over = self.count(&mut state);
        drop(state);
        if let Some(backlog) = over {
            backlog.shed();
        }
        if finished && resumable {
            self.answered();
        }
        if finished && absent {
            self.leave_session();
        }
    }

    /// Other replicas no longer need to know about its calls.
    fn answered(&self) {
        if let Some(place) = &self.place
            && let Some(session) = place.session.upgrade()
        {
            session.answered(place.number);
        }
    }

    /// A message that cannot be part of the answer goes to the session's standalone stream.
    fn pass_on(&self, outgoing: Outgoing<'_>) {
        let session = self.place.as_ref().and_then(|place| place.session.upgrade());
        if let Some(session) = session {
            session.standalone().put(outgoing);
        }
    }

    /// Queues an event whose id the host has given.
    pub(crate) fn push_stored(&self, event_id: &str, source: &Bytes) {
        let mut state = self.lock();
        let outgoing = Outgoing::new(source, &[], false).stored_as(Some(event_id));
        self.push_event(&mut state, &outgoing);
        self.count(&mut state);
        state.wake();
    }

    fn push_event(&self, state: &mut State, outgoing: &Outgoing<'_>) {
        let Outgoing { source, edits, event: event_id, .. } = *outgoing;
        let behind = event_stream::END;
        if let Some(id) = event_id {
            let before = event_stream::message_as(id);
            let assembly = Assembly { before: before.as_bytes(), source, edits, behind };
            if state.makes_room(assembly.len()) {
                state.queue.push(&assembly);
            }
            return;
        }
        let Some(numbering) = self.numbering() else {
            let assembly = Assembly { before: event_stream::MESSAGE, source, edits, behind };
            if state.makes_room(assembly.len()) {
                state.queue.push(&assembly);
            }
            return;
        };
        let build = |id: event_stream::EventId| {
            Assembly { before: id.message().as_bytes(), source, edits, behind }.frame()
        };
        numbering.append(build, |frame| {
            if state.makes_room(frame.len()) {
                state.queue.push_frame(frame);
            } else {
                state.unseen = state.unseen.saturating_add(frame.len());
            }
        });
    }
}

impl Sink for Stream {
    /// A stream that decides its own response head looks at the answer before the head is sent.
    fn write(&self, outgoing: Outgoing<'_>) {
        let parsed = outgoing.parsed().filter(|it| it.kind() == Kind::Error);
        if let Some(message) = parsed.filter(|_| outgoing.response) {
            let mut state = self.lock();
            if state.encoding != Encoding::EventStream {
                state.error = message.error_code();
            }
        }
        self.put(outgoing);
    }

    /// Cancelled requests get no response (MCP, "Cancellation"): a stream with no other response to
    /// send ends. If the client takes that for a lost connection and returns, it learns that there
    /// is nothing more ([`Unresumed::Over`]).
    fn forget(&self) {
        let mut state = self.lock();
        let finished = state.settle();
        if finished {
            state.wake();
        }
        let absent = matches!(state.reader, Reader::Absent);
        let resumable = state.encoding != Encoding::Json;
        drop(state);
        if finished && resumable {
            self.answered();
        }
        if finished && absent {
            self.leave_session();
        }
    }

    fn reader(&self) -> Option<&dyn crate::relay::Reader> {
        Some(self)
    }
}

impl crate::relay::Reader for Stream {
    fn deny(&self, denied: &Denied, body: Bytes) {
        // If there are several, the first one counts.
        self.denied.get_or_init(|| Box::new((denied.clone(), body)));
    }

    fn undecided(&self, is_open: bool) {
        let mut state = self.lock();
        let is_alone = matches!(state.owed, Owed::Responses { left: 1, array: false });
        state.decision = if is_open && is_alone { Decision::Open } else { Decision::Made };
        state.wake();
    }

    fn name(&self, unique: &str) -> Option<String> {
        Some(self.names.as_ref()?.give(unique))
    }

    fn number(&self) -> Option<u64> {
        // Messages that cannot be part of a JSON answer are on the standalone stream.
        let place = self.place.as_ref().filter(|_| self.lock().encoding != Encoding::Json);
        place.map(|place| place.number)
    }

    fn session(&self) -> Option<Uuid> {
        self.owner
    }

    /// Only a numbered stream can be resumed; any other continues.
    fn interrupt(&self) {
        let mut state = self.lock();
        if self.entry.is_some() && matches!(state.reader, Reader::Present(_)) {
            state.wake();
            state.reader = Reader::Dismissed { is_told: false };
            self.drained.notify_waiters();
        }
    }

    fn backlog(&self) -> usize {
        let state = self.lock();
        let reads = state.is_read && matches!(state.reader, Reader::Present(_));
        if reads && state.encoding == Encoding::EventStream { state.queue.len() } else { 0 }
    }

    fn drained(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.drained.notified())
    }

    fn is_heard(&self) -> bool {
        let state = self.lock();
        state.encoding != Encoding::Json
            && state.owed != Owed::Ended
            && matches!(state.reader, Reader::Present(_))
    }
}
