//! The connection of one modern request.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{
    call::Call,
    errand::{Attempt, Errand},
    legacy::Legacy,
    listen,
    origin::Origin,
    rounds::{Round, Suspended, Waits},
    waiting::{FIRST_TURN, Waiting},
};
use crate::{
    era::modern_to_legacy::{Asked, LegacyRequest},
    host::Caller,
    identity::Identity,
    jsonrpc::{Code, ErrorBody, Kind, Message, Span},
    protocol::{LogLevel, Notification, header::annotation::MirroredParameter},
    relay::{Connection, Departure, Reply, exchange::LONGEST_ANSWER},
};

/// See the module.
#[derive(Clone)]
pub(super) struct Passage {
    server: Arc<dyn Legacy>,
    principal: Identity,
    /// How long a client may take to answer.
    patience: Duration,
    part: Arc<Mutex<Part>>,
}

/// What the connection is used for.
#[derive(Default)]
enum Part {
    #[default]
    Nothing,
    /// `server/discover`.
    Discovery(Arc<dyn Origin>),
    /// This turn of a call.
    Call(Arc<dyn Suspended>, u64),
    Subscription(listen::Open),
    /// The client has disconnected.
    Closed,
}

impl Part {
    /// The client has disconnected.
    fn leave(self) {
        match self {
            Self::Discovery(origin) => origin.leave(),
            Self::Call(call, turn) => call.leave(turn),
            Self::Subscription(open) => drop(open),
            Self::Nothing | Self::Closed => {}
        }
    }
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage").field("principal", &self.principal).finish_non_exhaustive()
    }
}

impl Connection for Passage {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        _: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let (Kind::Request, Some(reply)) = (message.kind(), reply) else {
            // The others belong to the handshake, or to the connection on which they came.
            let unknown = Notification::of(&message.method()) == Notification::Other;
            let passes = unknown && message.kind() == Kind::Notification;
            return passes.then(|| self.server.notify(LegacyRequest::of(&message).message))?;
        };
        match Asked::of(&message.method()) {
            Asked::Removed => {
                let text = format!("Method not found: {}", message.method());
                reply.error(&ErrorBody::new(Code::MethodNotFound, text));
                None
            }
            Asked::Discover => self.discover(message, reply, true),
            Asked::Listen => Some(self.listen(message, reply)),
            Asked::Interactive | Asked::Other => self.request(message, reply),
        }
    }

    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.server.crossings().mirrored(&self.principal, tool)
    }

    fn depart(&self, _: Departure) {
        let part = std::mem::replace(&mut *lock(&self.part), Part::Closed);
        part.leave();
        self.server.close();
    }
}

impl Passage {
    /// A passage to this server; a client that is asked something has at most `patience` to answer.
    pub(super) fn new(
        server: Arc<dyn Legacy>,
        principal: Identity,
        patience: Option<Duration>,
    ) -> Self {
        let patience = patience.unwrap_or(LONGEST_ANSWER).min(LONGEST_ANSWER);
        Self { server, principal, patience, part: Arc::default() }
    }

    fn request(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let LegacyRequest { message, retry, log_level } = LegacyRequest::of(&request);
        let log_level = match log_level.map(|span| level(&request, span)) {
            Some(Err(error)) => {
                reply.error(&error);
                return None;
            }
            level => level.and_then(Result::ok),
        };
        let waiting = Waiting { reply, request, log_level };
        match retry {
            None => self.begin(message, waiting, true),
            Some(retry) => self.resume(message, waiting, retry.state, retry.responses),
        }
    }

    /// Sends the server a discovery; waits for room if it `may`.
    fn discover(
        &self,
        message: Message,
        reply: Reply,
        may: bool,
    ) -> Option<BoxFuture<'static, ()>> {
        let error = match Arc::clone(&self.server).origin(&message) {
            Ok(origin) => {
                self.occupy(Part::Discovery(Arc::clone(&origin)));
                return origin.discover(reply);
            }
            Err(error) => error,
        };
        let again = move |passage: &Self, reply| passage.discover(message, reply, false);
        self.unless_room(may, &error, reply, again)
    }

    /// Sends the server a call; waits for room if it `may`.
    fn begin(
        &self,
        message: Message,
        waiting: Waiting,
        may: bool,
    ) -> Option<BoxFuture<'static, ()>> {
        let origin = match Arc::clone(&self.server).origin(&waiting.request) {
            Ok(origin) => origin,
            Err(error) => {
                let Waiting { reply, request, log_level } = waiting;
                let again = move |passage: &Self, reply| {
                    passage.begin(message, Waiting { reply, request, log_level }, false)
                };
                return self.unless_room(may, &error, reply, again);
            }
        };
        let log_level = waiting.log_level;
        let crossings = Arc::clone(self.server.crossings());
        // The tool may have to be called as a task.
        let errand = may_be_task(&origin, &message).then(|| Errand::new(Arc::clone(&origin)));
        let call = Call::new(
            Arc::clone(&crossings),
            errand.clone().map_or_else(|| Arc::clone(&origin), |errand| errand as _),
            self.principal.clone(),
            self.patience,
            waiting,
        );
        let call = Arc::new(call);
        let served = Arc::downgrade(&call);
        origin.serves(served);
        if let Some(level) = log_level {
            origin.log_from(level);
        }
        let sending = if let Some(errand) = errand {
            let (call, principal) = (Arc::clone(&call), self.principal.clone());
            Attempt { crossings, errand, call, principal, message, as_task: false }.send()
        } else {
            let reply = Reply::to(&message, Arc::<Call>::clone(&call) as _);
            origin.send(message, reply)
        };
        self.occupy(Part::Call(call, FIRST_TURN));
        sending
    }

    /// There is no server: refuses the request, unless a server is about to make room.
    fn unless_room(
        &self,
        may: bool,
        error: &ErrorBody,
        reply: Reply,
        again: impl FnOnce(&Self, Reply) -> Option<BoxFuture<'static, ()>> + Send + 'static,
    ) -> Option<BoxFuture<'static, ()>> {
        let Some(room) = self.server.room().filter(|_| may) else {
            reply.not_served(error);
            return None;
        };
        let passage = self.clone();
        Some(Box::pin(async move {
            room.await;
            if let Some(sending) = again(&passage, reply) {
                sending.await;
            }
        }))
    }

    /// Sets what the connection is used for, unless its client has disconnected meanwhile.
    fn occupy(&self, part: Part) {
        occupy(&self.part, part);
    }

    /// Continues an earlier call, or repeats one that failed; never anything else, whatever the
    /// client sends, because a tool must not run twice.
    fn resume(
        &self,
        message: Message,
        waiting: Waiting,
        state: Option<Span>,
        responses: Option<Span>,
    ) -> Option<BoxFuture<'static, ()>> {
        let crossings = self.server.crossings();
        let continued = state.and_then(|span| {
            let state = waiting.request.text(span);
            crossings.rounds.take(state, &self.principal, &waiting.request, Instant::now())
        });
        let Some((token, round)) = continued else {
            let message = "params.requestState: unknown, used, expired or not for this call";
            waiting.reply.error(&ErrorBody::new(Code::InvalidParams, message));
            return None;
        };
        let Round { waits: Waits::Call(call), .. } = &round else {
            return self.begin(message, waiting, true);
        };
        let request = waiting.request.clone();
        let responses = responses.map(|span| request.text(span));
        match Arc::clone(call).resume(waiting, responses) {
            Ok(turn) => self.occupy(Part::Call(Arc::clone(call), turn)),
            Err(refused) => {
                let (waiting, invalid) = *refused;
                crossings.restore(token, round);
                let error = ErrorBody::new(Code::InvalidParams, invalid.to_string());
                waiting.reply.error(&error);
            }
        }
        None
    }

    fn listen(&self, request: Message, reply: Reply) -> BoxFuture<'static, ()> {
        let server = Arc::clone(&self.server);
        let part = Arc::clone(&self.part);
        Box::pin(async move {
            let Some(open) = listen::open(server, request, reply).await else { return };
            occupy(&part, Part::Subscription(open));
        })
    }
}

/// Whether this calls a tool at a server that runs tools as tasks, or may do so because it has not
/// declared its capabilities.
fn may_be_task(origin: &Arc<dyn Origin>, message: &Message) -> bool {
    message.method() == "tools/call"
        && origin.greeting().is_none_or(|greeting| greeting.runs_tools_as_tasks())
}

/// See [`Passage::occupy`].
fn occupy(place: &Mutex<Part>, part: Part) {
    let mut place = lock(place);
    if matches!(*place, Part::Closed) {
        drop(place);
        return part.leave();
    }
    *place = part;
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

fn level(request: &Message, span: Span) -> Result<LogLevel, ErrorBody> {
    LogLevel::from_json(request.text(span)).ok_or_else(|| {
        let accepted = LogLevel::NAMES.join(", ");
        ErrorBody::new(Code::InvalidParams, format!("Invalid log level; use one of {accepted}"))
    })
}
