//! One client's connection to a shared upstream.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{
    Connection, Departure, Reply, Shared,
    exchange::{Exchange, Leg, MemberId, Purpose},
    initialize::requested_version,
    link::{Link, calls},
    lists::Lists,
    locked::Locked,
    modern::LISTEN,
    outbox::{Outbox, Pushed},
    owed::Owed,
    state::State,
    subscription::{Effect, MAX_SUBSCRIPTIONS},
};
use crate::{
    era::{Era, modern_to_legacy::tool_task},
    host::Caller,
    identity::Identity,
    jsonrpc::{Assembly, Code, Edit, ErrorBody, Kind, Message, find_member},
    protocol::{
        List, LogLevel, MAX_URI, Method, Notification, header::annotation::MirroredParameter,
        is_misread,
    },
};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Member {
    id: MemberId,
    era: Era,
    /// The identity for which a client of the newer era acts.
    principal: Identity,
    /// It represents one request of a client of the newer era.
    crosses: bool,
    shared: Arc<Shared>,
}

impl Connection for Member {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        _: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        match (message.kind(), reply) {
            (Kind::Request, Some(reply)) => self.request(message, reply),
            (Kind::Notification, _) => self.notification(message),
            (Kind::Result | Kind::Error, _) if self.shared.is_modern() => self.answered(&message),
            // The upstream has asked this client nothing, so this answers nothing.
            _ => None,
        }
    }

    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.shared.crossings().mirrored(&self.principal, tool)
    }

    fn depart(&self, _: Departure) {
        let mut state = self.shared.lock();
        let Some(attached) = state.members.remove(&self.id) else { return };
        let abandoned = if attached.in_flight > 0 { state.abandon(self.id) } else { Vec::new() };
        state.waiting.abandon(self.id);
        state.tasks.leave(self.id);
        for (id, exchange) in &abandoned {
            state.withdraw(*id, exchange, "Connection closed");
        }
        for uri in state.subscriptions.release_all(self.id) {
            state.apply(Effect::Unsubscribe, uri);
        }
        let asked = state.leave_bridge(self.id);
        let wished = state.subscriptions.forget(self.id);
        let called = calls(abandoned.into_iter().map(|(_, exchange)| exchange));
        for reply in asked.into_iter().chain(wished).chain(called) {
            state.owe(Owed::Forgotten(reply));
        }
    }
}

/// The rest of a request that has no upstream: a future that waits for one, or `None` if the
/// request has failed.
pub(super) type Unreached = Option<BoxFuture<'static, ()>>;

/// A request that cannot be sent yet.
enum Held {
    /// The upstream has too much to read.
    Full(Arc<Outbox>, Message, Reply),
    /// The upstream is away for the moment.
    Away(Message, Reply),
}

impl Member {
    pub(super) fn new(id: MemberId, era: Era, shared: Arc<Shared>) -> Self {
        Self { id, era, principal: Identity::default(), crosses: false, shared }
    }

    /// The same, for one request of a client of the newer era.
    pub(super) fn crossing(self) -> Self {
        Self { crosses: true, ..self }
    }

    /// The same, acting for this identity.
    pub(super) fn acting_for(self, principal: Identity) -> Self {
        Self { principal, ..self }
    }

    pub(super) fn id(&self) -> MemberId {
        self.id
    }

    pub(super) fn era(&self) -> Era {
        self.era
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn request(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        if request.is_ambiguous() || is_misread(&request.method_bytes()) {
            reply.error(&ambiguous());
            return None;
        }
        if self.shared.is_modern() {
            return self.request_of_modern(request, reply);
        }
        match Method::of_bytes(&request.method_bytes()) {
            Method::Initialize | Method::Ping => return self.answer(&request, reply),
            Method::SetLevel => return self.set_level(request, reply),
            Method::Subscribe => return self.subscribe(request, reply),
            Method::Unsubscribe => return self.unsubscribe(request, reply),
            Method::Tasks => reply.error(&ErrorBody::new(
                Code::MethodNotFound,
                "tasks are not available on a server that is shared by all clients of the proxy; \
                 run mcp-proxy with --isolation session",
            )),
            Method::List(list) => {
                let list = Some(list).filter(|_| Lists::is_first_page(&request));
                return self.forward(request, reply, list);
            }
            Method::Other => return self.forward(request, reply, None),
        }
        None
    }

    /// Answers what the proxy knows itself, while there is an upstream.
    pub(super) fn answer(&self, request: &Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let (state, reply) = match self.reachable(request, reply) {
            Ok(reached) => reached,
            Err(waiting) => return waiting,
        };
        let result = match &state.link {
            Link::Up { initialize, .. }
                if Method::of_bytes(&request.method_bytes()) == Method::Initialize =>
            {
                initialize.for_client(requested_version(request).as_deref())
            }
            _ => Bytes::from_static(b"{}"),
        };
        drop(state);
        reply.result(&result);
        None
    }

    /// The level is the client's own; the upstream is set to the most verbose one of all. Without
    /// any setting, it is assumed to log from `info` up.
    fn set_level(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let mut state = self.shared.lock();
        if !matches!(&state.link, Link::Up { initialize, .. } if initialize.has_logging()) {
            drop(state);
            return self.forward(request, reply, None);
        }
        let level = match requested_level(&request) {
            Ok(level) => level,
            Err(error) => {
                drop(state);
                reply.error(&error);
                return None;
            }
        };
        let Some(attached) = state.members.get_mut(&self.id) else {
            drop(state);
            reply.forget();
            return None;
        };
        attached.level = Some(level);
        if level < state.level {
            state.level = level;
            let params = format!("\"level\":\"{}\"", level.name());
            state.request("logging/setLevel", &params, Purpose::Housekeeping);
            self.shared.watch(&mut state);
        }
        drop(state);
        reply.result(b"{}");
        None
    }

    /// The state while there is an upstream; otherwise the request waits for one, or has failed.
    pub(super) fn reachable(
        &self,
        request: &Message,
        reply: Reply,
    ) -> Result<(Locked<'_>, Reply), Unreached> {
        let state = self.shared.lock();
        if !state.is_open(self.id) {
            drop(state);
            reply.forget();
            return Err(None);
        }
        match &state.link {
            Link::Up { .. } => Ok((state, reply)),
            Link::Away { .. } => {
                drop(state);
                Err(Some(self.wait(request.clone(), reply)))
            }
            Link::Down(cause) => {
                let error = cause.error();
                drop(state);
                reply.error(&error);
                Err(None)
            }
        }
    }

    pub(super) fn subscribe(
        &self,
        request: Message,
        reply: Reply,
    ) -> Option<BoxFuture<'static, ()>> {
        self.about_resource(request, reply, |state, uri, reply| {
            if !state.subscriptions.has_room(self.id, uri) {
                state.owe(Owed::Error(reply, too_many_subscriptions()));
                return None;
            }
            state.subscriptions.want(uri, self.id, reply)
        })
    }

    pub(super) fn unsubscribe(
        &self,
        request: Message,
        reply: Reply,
    ) -> Option<BoxFuture<'static, ()>> {
        self.about_resource(request, reply, |state, uri, reply| {
            state.owe(Owed::Done(reply));
            state.subscriptions.release(uri, self.id)
        })
    }

    /// Decides about a subscribe or unsubscribe request, while there is an upstream.
    fn about_resource(
        &self,
        request: Message,
        reply: Reply,
        decide: impl FnOnce(&mut State, &str, Reply) -> Option<Effect<Reply>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let Some(uri) = request.uri() else {
            return self.forward(request, reply, None);
        };
        if uri.len() > MAX_URI {
            reply.error(&long_uri());
            return None;
        }
        let (mut state, reply) = match self.reachable(&request, reply) {
            Ok(reached) => reached,
            Err(waiting) => return waiting,
        };
        if let Some(effect) = decide(&mut state, &uri, reply) {
            state.apply(effect, uri);
            self.shared.watch(&mut state);
        }
        None
    }

    fn notification(&self, notification: Message) -> Option<BoxFuture<'static, ()>> {
        if notification.is_ambiguous() || is_misread(&notification.method_bytes()) {
            tracing::warn!("a client's notification is dropped: {}", ambiguous().message);
            return None;
        }
        match Notification::of_bytes(&notification.method_bytes()) {
            Notification::Cancelled => {
                self.cancel(&notification);
                None
            }
            kind if kind.concerns_shared_server() => self.pass_on(notification),
            _ => None,
        }
    }

    pub(super) fn cancel(&self, notification: &Message) {
        let Some(span) = notification.cancelled_id() else { return };
        let mut state = self.shared.lock();
        let id = notification.text(span);
        let Some(id) = state.exchanges.find(self.id, id) else {
            let waited = state.waiting.cancel(self.id, id);
            drop(state);
            if !waited {
                self.cancel_asked(id);
            }
            return;
        };
        let exchange = state.exchanges.remove(id);
        state.ended(self.id);
        if let Link::Up { outbox, .. } = &state.link {
            let id = itoa::Buffer::new().format(id).to_owned();
            let edits = [Edit { span, with: id.as_bytes() }];
            outbox.push_anyway(&line(notification, &edits));
        }
        if let Some(task) = exchange.as_ref().and_then(Exchange::task) {
            state.end_task(task);
        }
        for reply in calls(exchange) {
            state.owe(Owed::Forgotten(reply));
        }
    }

    /// Sends a call to the upstream under one of the proxy's own ids.
    pub(super) fn forward(
        &self,
        request: Message,
        reply: Reply,
        list: Option<List>,
    ) -> Option<BoxFuture<'static, ()>> {
        match self.try_forward(request, reply, list).err()? {
            Held::Away(request, reply) => Some(self.wait(request, reply)),
            Held::Full(outbox, request, reply) => {
                let room = async move {
                    outbox.room().await;
                    Ok(())
                };
                let forward = move |member: &Self, reply| member.forward(request, reply, list);
                Some(self.hold(reply, room, forward))
            }
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "it is moved on at once; boxing it would cost more"
    )]
    fn try_forward(&self, request: Message, reply: Reply, list: Option<List>) -> Result<(), Held> {
        let mut state = self.shared.lock();
        let outbox = match &state.link {
            Link::Up { outbox, initialize, .. }
                if self.era == Era::Modern || initialize.era() == Era::Legacy =>
            {
                Arc::clone(outbox)
            }
            Link::Up { .. } | Link::Away { .. } => return Err(Held::Away(request, reply)),
            Link::Down(cause) => {
                let error = cause.error();
                drop(state);
                reply.error(&error);
                return Ok(());
            }
        };
        if !state.begun(self.id) {
            drop(state);
            reply.forget();
            return Ok(());
        }
        match push(&state, &outbox, &request) {
            Pushed::Queued => {
                let leg = self.leg(&request);
                state.exchanges.insert(Purpose::Call { member: self.id, reply, list, leg });
                self.shared.watch(&mut state);
                Ok(())
            }
            pushed => {
                state.ended(self.id);
                drop(state);
                match pushed {
                    Pushed::Full => Err(Held::Full(outbox, request, reply)),
                    // It is being stopped; its end will be reported in a moment.
                    _ => Err(Held::Away(request, reply)),
                }
            }
        }
    }

    fn leg(&self, request: &Message) -> Leg {
        if self.era == Era::Legacy {
            let made = self.crosses && tool_task::is_made(request);
            return if made { Leg::Task } else { Leg::Plain };
        }
        match &*request.method_bytes() {
            method if *method == *LISTEN.as_bytes() => Leg::Listening,
            b"tools/list" => Leg::Tools(self.principal.clone()),
            _ => Leg::Plain,
        }
    }

    fn pass_on(&self, notification: Message) -> Option<BoxFuture<'static, ()>> {
        let Link::Up { outbox, .. } = &self.shared.lock().link else { return None };
        let outbox = Arc::clone(outbox);
        if outbox.push(&line(&notification, &[])) != Pushed::Full {
            return None;
        }
        Some(Box::pin(async move {
            while outbox.push(&line(&notification, &[])) == Pushed::Full {
                outbox.room().await;
            }
        }))
    }
}

/// `params.level` of `logging/setLevel`.
pub(super) fn requested_level(request: &Message) -> Result<LogLevel, ErrorBody> {
    let level = request.params().and_then(|params| {
        let span = find_member(request.bytes(), params, "level")?;
        LogLevel::from_json(request.text(span))
    });
    level.ok_or_else(invalid_level)
}

/// The error for an unknown log level.
pub(crate) fn invalid_level() -> ErrorBody {
    let accepted = LogLevel::NAMES.join(", ");
    ErrorBody::new(Code::InvalidParams, format!("Invalid log level; use one of {accepted}"))
}

/// The error for a subscription beyond the limit.
pub(crate) fn too_many_subscriptions() -> ErrorBody {
    let message =
        format!("at most {MAX_SUBSCRIPTIONS} resource subscriptions per client, of 1 MiB in all");
    ErrorBody::new(Code::Internal, message)
}

fn long_uri() -> ErrorBody {
    let message = format!("the URI of a subscription may have at most {MAX_URI} bytes");
    ErrorBody::new(Code::InvalidParams, message)
}

/// The error for a message that the server may parse differently than this proxy, and could thereby
/// affect another client's calls.
fn ambiguous() -> ErrorBody {
    ErrorBody::new(
        Code::InvalidRequest,
        "a member appears twice, or its name or the method differs from a known one only in case, \
         and servers may read such a message differently. Write each name once and exactly as \
         specified, or run mcp-proxy with --isolation session",
    )
}

/// The progress token equals the id: both must be unique among running calls.
fn push(state: &State, outbox: &Outbox, request: &Message) -> Pushed {
    let mut buffer = itoa::Buffer::new();
    let own = buffer.format(state.exchanges.next_id()).as_bytes();
    let Some(id) = request.id_span() else { return Pushed::Queued };
    let id = Edit { span: id, with: own };
    match request.requested_token().map(|span| Edit { span, with: own }) {
        None => outbox.push(&line(request, &[id])),
        Some(token) if token.span.start < id.span.start => {
            outbox.push(&line(request, &[token, id]))
        }
        Some(token) => outbox.push(&line(request, &[id, token])),
    }
}

/// A message as a line of the upstream's standard input.
fn line<'a>(message: &'a Message, edits: &'a [Edit<'a>]) -> Assembly<'a> {
    Assembly { before: b"", source: message.bytes(), edits, behind: b"\n" }
}
