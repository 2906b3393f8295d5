//! The answering half of one exchange.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Span;

use super::{
    Denied, Outgoing, Sink,
    about::{About, write},
};
use crate::{
    era::{metadata::SUBSCRIPTION_ID, modern_to_legacy::Patch},
    identity::{Claims, Identity},
    jsonrpc::{
        self, Code, Edit, ErrorBody, Kind, Message, Raw, elements, find_member, string_text,
    },
    metrics::{Call, Outcome},
    runtime::seats::Seat,
};

/// Sends a request in another way; returns its reply if there is no other way.
pub(crate) type Detour = Box<dyn FnOnce(Reply) -> Option<Reply> + Send + Sync>;

/// Where the answer to one request goes. Consumed by the answer; if it is dropped without one, the
/// client is told so, so that no call hangs.
pub(crate) struct Reply {
    sink: Option<Arc<dyn Sink>>,
    id: Raw,
    token: Option<Raw>,
    /// Counts the call, if metrics are on.
    call: Option<Box<Call>>,
    /// Traces the call, if tracing is on.
    span: Option<Box<Span>>,
    /// The call's seat among those of its session.
    seat: Option<Seat>,
    /// Makes the backend wait for the answer.
    turn: Option<Box<Awaited>>,
    detour: Option<Box<Detour>>,
    /// The caller's identity, if it has one.
    claims: Option<Arc<Claims>>,
}

/// What must be held until the answer; wrappers of a backend may be nested.
struct Awaited {
    _turn: TaskTrackerToken,
    _outer: Option<Box<Self>>,
}

/// While this exists, the request may still be refused.
pub(crate) struct Undecided(Option<Arc<dyn Sink>>);

impl Undecided {
    fn say(&self, is_open: bool) {
        if let Some(reader) = self.0.as_ref().and_then(|sink| sink.reader()) {
            reader.undecided(is_open);
        }
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        self.say(false);
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Reply {
    /// The reply for this request.
    pub(crate) fn to(request: &Message, sink: Arc<dyn Sink>) -> Self {
        Self {
            sink: Some(sink),
            id: Raw::new(request.id().unwrap_or(b"null")),
            token: request.requested_token().map(|span| Raw::new(request.text(span))),
            call: None,
            span: None,
            seat: None,
            turn: None,
            detour: None,
            claims: None,
        }
    }

    /// Gives the seat back with the answer.
    pub(crate) fn seated(mut self, seat: Option<Seat>) -> Self {
        self.seat = seat;
        self
    }

    /// Holds this until the answer.
    pub(super) fn during(mut self, turn: TaskTrackerToken) -> Self {
        let outer = self.turn.take();
        self.turn = Some(Box::new(Awaited { _turn: turn, _outer: outer }));
        self
    }

    /// The reply for a caller's request.
    pub(crate) fn by(mut self, identity: &Identity) -> Self {
        self.claims = identity.claims().cloned();
        self
    }

    /// The reply to a request of a caller with these claims.
    pub(crate) fn with_claims(mut self, claims: Option<Arc<Claims>>) -> Self {
        self.claims = claims;
        self
    }

    /// Sends nothing until the result is dropped, so that a refusal can be the whole answer.
    pub(crate) fn undecided(&self) -> Undecided {
        let undecided = Undecided(self.sink());
        undecided.say(true);
        undecided
    }

    /// The caller's identity, if it has one.
    pub(crate) fn claims(&self) -> Option<&Arc<Claims>> {
        self.claims.as_ref()
    }

    /// Counts the call by its outcome.
    pub(crate) fn counted(mut self, call: Option<Box<Call>>) -> Self {
        self.call = call;
        self
    }

    /// The client's raw id.
    pub(crate) fn id(&self) -> &[u8] {
        self.id.as_bytes()
    }

    /// The client's raw progress token.
    pub(crate) fn token(&self) -> Option<&[u8]> {
        self.token.as_ref().map(Raw::as_bytes)
    }

    /// Where the answer goes.
    pub(crate) fn name(&self, unique: String) -> String {
        let name = self.sink.as_ref().and_then(|sink| sink.reader()?.name(&unique));
        name.unwrap_or(unique)
    }

    /// Where it goes.
    pub(crate) fn sink(&self) -> Option<Arc<dyn Sink>> {
        self.sink.clone()
    }

    /// The same reply; its messages pass through this sink.
    pub(crate) fn through(mut self, wrap: impl FnOnce(Arc<dyn Sink>) -> Arc<dyn Sink>) -> Self {
        self.sink = self.sink.take().map(wrap);
        self
    }

    /// The same reply for a request that can be sent in another way if a server of another era
    /// refuses it.
    pub(crate) fn by_detour(mut self, detour: Detour) -> Self {
        self.detour = Some(Box::new(detour));
        self
    }

    /// A server of another era refused the request: sends it in the other way; returns the reply if
    /// there is none.
    pub(crate) fn astray(mut self) -> Option<Self> {
        self.sink.as_ref()?;
        match self.detour.take() {
            Some(detour) => detour(self),
            None => Some(self),
        }
    }

    /// The number of the stream on which the answer is sent.
    pub(super) fn stream(&self) -> Option<u64> {
        self.sink.as_ref()?.reader()?.number()
    }

    /// Whether the answer is sent to another sink than this one.
    pub(super) fn goes_past(&self, sink: &Arc<dyn Sink>) -> bool {
        self.sink.as_ref().is_some_and(|own| !Arc::ptr_eq(own, sink))
    }

    /// Passes on a progress notification under the client's own token.
    pub(crate) fn progress(&self, notification: &Message) {
        let (Some(sink), Some(token), Some(span)) =
            (&self.sink, &self.token, notification.reported_token())
        else {
            return;
        };
        let edits = [Edit { span, with: token.as_bytes() }];
        write(&**sink, Outgoing::of(notification, &edits, false));
    }

    /// The note for a progress notification under the client's own token.
    pub(super) fn progress_of(&self, notification: &Message) -> Option<About> {
        let (sink, own) = (self.sink.clone()?, self.token.clone()?);
        let span = notification.reported_token()?;
        Some(About { sink, notification: notification.clone(), span, own })
    }

    /// The note for a notification that names the request at this span, under the client's own id.
    pub(super) fn about(&self, notification: &Message, span: jsonrpc::Span) -> Option<About> {
        let (sink, own) = (self.sink.clone()?, self.id.clone());
        Some(About { sink, notification: notification.clone(), span, own })
    }

    /// A copy of the client's id that outlives the reply.
    pub(super) fn raw_id(&self) -> Raw {
        self.id.clone()
    }

    /// Whether a message that belongs to the request would reach the client now.
    pub(super) fn is_heard(&self) -> bool {
        self.sink.as_ref().is_some_and(|sink| sink.is_heard())
    }

    /// Passes on a message that belongs to the request and is not its answer.
    pub(crate) fn related(&self, message: &Message, event_id: Option<&str>) {
        if let Some(sink) = &self.sink {
            write(&**sink, Outgoing::of(message, &[], false).stored_as(event_id));
        }
    }

    /// The same, with these changes.
    pub(crate) fn related_as(&self, message: &Message, edits: &[Edit<'_>]) {
        if let Some(sink) = &self.sink {
            write(&**sink, Outgoing::of(message, edits, false));
        }
    }

    /// Ends the response that is being sent; see [`Sink::interrupt`].
    pub(crate) fn interrupt(&self) {
        if let Some(sink) = &self.sink {
            sink.interrupt();
        }
    }

    /// Passes the upstream's response on under the client's own id.
    pub(crate) fn response(self, response: &Message) {
        self.stored_response(response, None);
    }

    /// The same, for a response that the host stores as this event.
    pub(crate) fn stored_response(mut self, response: &Message, event_id: Option<&str>) {
        let Some(sink) = self.sink.take() else { return };
        let (span, id) = place_of_id(response, &self.id);
        let edits = [Edit { span, with: &id }];
        write(&*sink, Outgoing::of(response, &edits, true).stored_as(event_id));
        self.answered(response);
    }

    /// The same, with further changes.
    pub(super) fn rewritten(mut self, response: &Message, changes: Vec<Edit<'_>>) {
        let Some(sink) = self.sink.take() else { return };
        let own = self.id.clone();
        let (span, id) = place_of_id(response, &own);
        let mut edits: Vec<Edit<'_>> = changes;
        edits.push(Edit { span, with: &id });
        edits.sort_by_key(Edit::place);
        write(&*sink, Outgoing::of(response, &edits, true));
        self.answered(response);
    }

    /// Ends a stream of changes as a 2026-07-28 server does.
    pub(super) fn stream_ended(self) {
        let id = String::from_utf8_lossy(self.id.as_bytes()).into_owned();
        let result = format!(r#"{{"resultType":"complete","_meta":{{"{SUBSCRIPTION_ID}":{id}}}}}"#);
        self.result(result.as_bytes());
    }

    fn answered(&mut self, response: &Message) {
        self.learn(response);
        let failed = response.kind() == Kind::Error;
        self.end(if failed { Outcome::Error } else { Outcome::Ok });
    }

    /// Tells the metrics which tools exist.
    fn learn(&self, response: &Message) {
        let Some(call) = self.call.as_ref().filter(|call| call.lists_tools()) else { return };
        let bytes = response.bytes();
        let tools = response.result().and_then(|result| find_member(bytes, result, "tools"));
        let names = tools.into_iter().flat_map(|tools| elements(bytes, tools)).filter_map(|tool| {
            let name = find_member(bytes, tool, "name")?;
            string_text(response.text(name)).map(Cow::into_owned)
        });
        call.learn(names);
    }

    /// Passes the upstream's result on with these changes, and under the client's own id.
    pub(crate) fn patched(mut self, response: &Message, patches: &[Patch]) {
        let Some(sink) = self.sink.take() else { return };
        let (span, id) = place_of_id(response, &self.id);
        let id = Edit { span, with: &id };
        let mut edits = Vec::with_capacity(patches.len() + 1);
        let before = patches.partition_point(|patch| patch.span.start < span.start);
        edits.extend(patches[..before].iter().map(Patch::edit));
        edits.push(id);
        edits.extend(patches[before..].iter().map(Patch::edit));
        write(&*sink, Outgoing::of(response, &edits, true));
        self.answered(response);
    }

    /// Answers with this raw JSON result.
    pub(crate) fn result(mut self, result: &[u8]) {
        let Some(sink) = self.sink.take() else { return };
        let text =
            [br#"{"jsonrpc":"2.0","id":"#, self.id.as_bytes(), b",\"result\":", result, b"}"];
        let text: Bytes = text.concat().into();
        if self.call.as_ref().is_some_and(|call| call.lists_tools())
            && let Ok(response) = Message::parse(text.clone())
        {
            self.learn(&response);
        }
        write(&*sink, Outgoing::new(&text, &[], true));
        self.end(Outcome::Ok);
    }

    /// Answers with one of the proxy's own errors.
    pub(crate) fn error(mut self, error: &ErrorBody) {
        self.fail(error);
    }

    /// Answers that no server is available; the front is told if one may be available later.
    pub(crate) fn not_served(self, error: &ErrorBody) {
        match error.code {
            Code::Unavailable => self.deny(&Denied::Unavailable(error.clone())),
            _ => self.error(error),
        }
    }

    /// Refuses the request because of its sender; the front is told, too.
    pub(crate) fn deny(mut self, denied: &Denied) {
        let error = denied.error();
        if let Some(sink) = &self.sink {
            sink.deny(denied, error.response(self.id.as_bytes()));
        }
        self.fail(&error);
    }

    /// The client has cancelled the request: it gets no answer.
    pub(crate) fn forget(mut self) {
        if let Some(sink) = self.sink.take() {
            sink.forget();
        }
        self.end(Outcome::Cancelled);
    }

    fn fail(&mut self, error: &ErrorBody) {
        if let Some(sink) = self.sink.take() {
            let text = error.response(self.id.as_bytes());
            // Errors are rare, so they can be parsed for sinks that use their code.
            if let Ok(message) = Message::parse(text) {
                write(&*sink, Outgoing::of(&message, &[], true));
            }
        }
        self.end(Outcome::Failed);
    }

    /// Traces the call to its end.
    pub(crate) fn traced(mut self, span: Option<Box<Span>>) -> Self {
        self.span = span;
        self
    }

    fn end(&mut self, outcome: Outcome) {
        drop(self.seat.take());
        drop(self.turn.take());
        if let Some(span) = self.span.take() {
            span.record("outcome", outcome.name());
        }
        if let Some(call) = self.call.take() {
            call.end(outcome);
        }
    }
}

/// Where the client's id belongs in a response, and what is written there: an error may have none.
fn place_of_id<'a>(response: &Message, id: &'a Raw) -> (jsonrpc::Span, Cow<'a, [u8]>) {
    if let Some(span) = response.id_span() {
        return (span, id.as_bytes().into());
    }
    let start = memchr::memchr(b'{', response.bytes()).map_or(0, |brace| brace + 1);
    let member = [b"\"id\":", id.as_bytes(), b","].concat();
    (jsonrpc::Span::new(start, start), member.into())
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.sink.is_some() {
            let text = "the proxy ended this call without an answer: whatever should have answered it \
                 ended";
            self.fail(&ErrorBody::new(Code::Internal, text));
        }
    }
}
