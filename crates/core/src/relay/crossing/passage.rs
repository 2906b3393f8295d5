//! The connection of one modern request.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{
    Legacy, Origin,
    call::{Call, FIRST_TURN, Waiting},
    listen,
    rounds::{LONGEST_ROUND, Round, Waits},
};
use crate::{
    era::modern_to_legacy::{Asked, LegacyRequest},
    host::Caller,
    jsonrpc::{Code, ErrorBody, Kind, Message, Span},
    protocol::{LogLevel, Notification, header::annotation::MirroredParameter},
    relay::{Connection, Principal, Reply, Sink},
};

/// See the module.
pub(super) struct Passage {
    server: Arc<dyn Legacy>,
    principal: Principal,
    /// How long a client may take to answer.
    patience: Duration,
    part: Arc<Mutex<Part>>,
}

/// What the connection has to do with.
#[derive(Default)]
enum Part {
    #[default]
    Nothing,
    /// This turn at a call.
    Call(Arc<Call>, u64),
    Subscription(listen::Open),
    /// The client has gone.
    Closed,
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
            // The others belong to the handshake, or to a connection that they came over.
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
            Asked::Discover => match Arc::clone(&self.server).origin(&message) {
                Ok(origin) => origin.discover(reply),
                Err(error) => {
                    reply.error(&error);
                    None
                }
            },
            Asked::Listen => Some(self.listen(message, reply)),
            Asked::Interactive | Asked::Other => self.request(message, reply),
        }
    }

    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.server.crossings().mirrored(&self.principal, tool)
    }

    fn close(&self) {
        match std::mem::replace(&mut *lock(&self.part), Part::Closed) {
            Part::Call(call, turn) => call.leave(turn),
            Part::Subscription(open) => open.close(),
            Part::Nothing | Part::Closed => {}
        }
        self.server.close();
    }
}

impl Passage {
    /// A passage to this server; a client that is asked back has at most `patience` to answer.
    pub(super) fn new(
        server: Arc<dyn Legacy>,
        principal: Principal,
        patience: Option<Duration>,
    ) -> Self {
        let patience = patience.unwrap_or(LONGEST_ROUND).min(LONGEST_ROUND);
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
            None => self.begin(message, waiting),
            Some(retry) => self.resume(message, waiting, retry.state, retry.responses),
        }
    }

    /// Calls the server.
    fn begin(&self, message: Message, waiting: Waiting) -> Option<BoxFuture<'static, ()>> {
        let origin = match Arc::clone(&self.server).origin(&waiting.request) {
            Ok(origin) => origin,
            Err(error) => {
                waiting.reply.error(&error);
                return None;
            }
        };
        let log_level = waiting.log_level;
        let crossings = Arc::clone(self.server.crossings());
        let call = Call::new(
            crossings,
            Arc::clone(&origin),
            self.principal.clone(),
            self.patience,
            waiting,
        );
        let call = Arc::new(call);
        origin.serves(&call);
        *lock(&self.part) = Part::Call(Arc::clone(&call), FIRST_TURN);
        if let Some(level) = log_level {
            raise_level(&*origin, level);
        }
        let reply = Reply::to(&message, call);
        origin.send(message, reply)
    }

    /// Continues an earlier call, or makes one again that had failed; nothing else, whatever the
    /// client says: a tool must not run twice.
    fn resume(
        &self,
        message: Message,
        waiting: Waiting,
        state: Option<Span>,
        responses: Option<Span>,
    ) -> Option<BoxFuture<'static, ()>> {
        let rounds = &self.server.crossings().rounds;
        let continued = state.and_then(|span| {
            let state = waiting.request.text(span);
            rounds.take(state, &self.principal, &waiting.request, Instant::now())
        });
        let Some((token, round)) = continued else {
            let message = "params.requestState: unknown, used, expired or not for this call";
            waiting.reply.error(&ErrorBody::new(Code::InvalidParams, message));
            return None;
        };
        let Round { waits: Waits::Call(call), .. } = &round else {
            return self.begin(message, waiting);
        };
        let request = waiting.request.clone();
        let responses = responses.map(|span| request.text(span));
        match call.resume(waiting, responses) {
            Ok(turn) => *lock(&self.part) = Part::Call(Arc::clone(call), turn),
            Err(refused) => {
                let (waiting, invalid) = *refused;
                rounds.restore(token, round);
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
            settle(&part, open);
        })
    }
}

/// Keeps a subscription until its client goes, which it may have done.
fn settle(part: &Mutex<Part>, open: listen::Open) {
    let mut part = lock(part);
    if matches!(*part, Part::Closed) {
        drop(part);
        return open.close();
    }
    *part = Part::Subscription(open);
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

/// Tells the server to log what the request wants; its other clients get no more than before.
fn raise_level(origin: &dyn Origin, level: LogLevel) {
    if !origin.greeting().is_some_and(|greeting| greeting.has_logging()) {
        return;
    }
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":"level","method":"logging/setLevel","params":{{"level":"{}"}}}}"#,
        level.name()
    );
    let Ok(message) = Message::parse(text.into()) else { return };
    let reply = Reply::to(&message, Arc::new(Nobody));
    if let Some(sending) = origin.send(message, reply) {
        tokio::spawn(sending);
    }
}

/// Reads the answers to what the proxy itself asks and does not care about.
struct Nobody;

impl Sink for Nobody {
    fn write(&self, _: crate::relay::Outgoing<'_>) {}

    fn forget(&self) {}

    fn is_heard(&self) -> bool {
        false
    }
}
