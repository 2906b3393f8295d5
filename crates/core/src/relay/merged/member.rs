//! The connection of a client of the older era: it uses the connections of all servers.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    ask::{Answer, ask},
    greeting::{self, Said},
    leg::{Leg, Phase, Taken},
    listing::{Asking, learn, list},
    lists::Listed,
    opening::unavailable,
    party::Party,
    returned::Returned,
    route::{Unrouted, route},
    server::{Roster, Server},
};
use crate::{
    era::Era,
    host::Caller,
    identity::Claims,
    jsonrpc::{Kind, Message},
    protocol::{Method, Notification, cancelled},
    relay::{
        Client, Connection, Continuation, Continuations, Departure, Memory, Objection, Reply, Sink,
        dedicated::Unheld, initialize::requested_version, lists::tell_changes,
        member::requested_level,
    },
    runtime::task,
};

/// Time that servers have for their handshakes; then the client is answered without them.
pub(super) const GREETING_PATIENCE: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Member {
    me: Weak<Self>,
    pub(super) party: Arc<Party>,
    unsolicited: Option<Arc<dyn Sink>>,
    caller: Option<Arc<Caller>>,
    session: Option<String>,
    pub(super) closed: CancellationToken,
    /// Notified when a leg was opened, or has failed.
    pub(super) changed: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) legs: Vec<Leg>,
    /// The client's own handshake, for servers that are opened later.
    pub(super) hello: Option<Message>,
    /// Whether the client has sent `notifications/initialized`.
    pub(super) initialized: bool,
    /// The client's last `logging/setLevel`, for the same servers.
    pub(super) level: Option<Message>,
    /// Another replica's sessions with remote servers, until they are continued.
    pub(super) continuing: Continuations,
    /// The claims of the client's newest credentials.
    claims: Option<Arc<Claims>>,
    /// Whether a task looks after servers that were missing in lists.
    pub(super) mending: bool,
    /// Connections of servers that were removed, kept for their running calls.
    left: Vec<Left>,
}

/// A connection of a server that was removed.
type Left = (Arc<Server>, Arc<dyn Connection>);

impl State {
    pub(super) fn leg(&mut self, server: &Arc<Server>) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| Arc::ptr_eq(&leg.server, server))
    }

    fn left(&self, server: &Arc<Server>) -> Option<Arc<dyn Connection>> {
        let left = self.left.iter().find(|(left, _)| Arc::ptr_eq(left, server))?;
        Some(Arc::clone(&left.1))
    }

    fn connections(&self) -> Vec<Arc<dyn Connection>> {
        let open = self.legs.iter().filter_map(Leg::open);
        open.map(|open| Arc::clone(&open.connection)).collect()
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Connection for Member {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        match (message.kind(), reply) {
            (Kind::Request, Some(reply)) => self.request(message, reply, caller),
            (Kind::Notification, _) => self.notification(message),
            (Kind::Result | Kind::Error, _) => self.answered(&message),
            (Kind::Request, None) => None,
        }
    }

    fn continuations(&self, known: &dyn Fn(&str) -> u64) -> Vec<(String, Continuation)> {
        let state = self.lock();
        let open = state.legs.iter().filter_map(|leg| Some((&leg.server, leg.open()?)));
        let open: Vec<_> =
            open.map(|(server, open)| (Arc::clone(server), Arc::clone(&open.connection))).collect();
        drop(state);
        let of = |(server, connection): (Arc<Server>, Arc<dyn Connection>)| {
            let one = connection.continuation(known(&server.name))?;
            Some((server.name.clone(), one))
        };
        open.into_iter().filter_map(of).collect()
    }

    fn go_on_with(&self, with: &Continuations, memory: &Memory, listens: bool) -> bool {
        self.take_over(with, memory, listens)
    }

    fn depart(&self, how: Departure) {
        self.closed.cancel();
        let mut state = self.lock();
        let (legs, left) = (std::mem::take(&mut state.legs), std::mem::take(&mut state.left));
        drop(state);
        for leg in legs {
            end(leg, how);
        }
        for (_, connection) in &left {
            connection.depart(how);
        }
    }
}

/// Answers what waits for a removed server that never came up.
fn refuse(mut leg: Leg) {
    for reply in leg.held().into_iter().filter_map(|(_, reply)| reply) {
        reply.error(&unavailable(&leg.server, "it is not served any more"));
    }
}

/// Ends a leg that is not needed any more.
fn end(mut leg: Leg, how: Departure) {
    for reply in leg.held().into_iter().filter_map(|(_, reply)| reply) {
        reply.forget();
    }
    if let Phase::Open(open) = leg.phase {
        open.connection.depart(how);
    }
}

impl Member {
    pub(super) fn new(party: Arc<Party>, client: Client, roster: &Roster) -> Arc<Self> {
        let legs = roster.servers.iter().map(|server| Leg::new(Arc::clone(server))).collect();
        let Client { unsolicited, caller, session, .. } = client;
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            party,
            unsolicited,
            caller,
            session,
            closed: CancellationToken::new(),
            changed: Notify::new(),
            state: Mutex::new(State { legs, ..State::default() }),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The claims of the client's newest credentials.
    pub(super) fn claims(&self) -> Option<Arc<Claims>> {
        self.lock().claims.clone()
    }

    pub(super) fn strong(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// The client, as a server sees it.
    pub(super) fn client(&self, server: &Arc<Server>) -> Client {
        let unsolicited = self.unsolicited.as_ref();
        Client {
            era: Era::Legacy,
            principal: self.party.principal.clone(),
            address: self.party.address,
            unsolicited: unsolicited
                .map(|sink| Returned::sink(&self.party, server, Arc::clone(sink))),
            caller: self.caller.clone(),
            session: self.session.clone(),
            ..Client::default()
        }
    }

    fn request(
        &self,
        request: Message,
        reply: Reply,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        if let Some(claims) = reply.claims() {
            self.lock().claims = Some(Arc::clone(claims));
        }
        let method = request.method();
        match Method::of(&method) {
            Method::Initialize => {
                let member = self.strong()?;
                Some(Box::pin(async move { member.greet(request, reply).await }))
            }
            Method::Ping => {
                reply.result(b"{}");
                None
            }
            Method::SetLevel => self.set_level(request, reply),
            _ => {
                let listed = Listed::of(&method);
                drop(method);
                let Some(listed) = listed else { return self.call(request, reply, caller) };
                let member = self.strong()?;
                Some(Box::pin(async move { list(&*member, listed, request, reply).await }))
            }
        }
    }

    /// Sends a request to its server.
    fn call(
        &self,
        request: Message,
        reply: Reply,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let found = route(&self.party.endpoint.roster(), &self.party.context(), &request);
        match found {
            Ok(route) => {
                let reply = self.returning(&route.server, reply);
                self.hand(&route.server, route.message(request), Some(reply), caller)
            }
            Err(Unrouted::Refused(error)) => {
                reply.error(&error);
                None
            }
            Err(Unrouted::Unread(unread)) => {
                let (member, caller) = (self.strong()?, caller.cloned());
                let ruled = self.party.endpoint.roster().servers.iter().any(|it| it.has_rules());
                let undecided = ruled.then(|| reply.undecided());
                Some(Box::pin(async move {
                    learn(&*member, &request, unread).await;
                    let sending = member.call_known(request, reply, caller.as_ref());
                    drop(undecided);
                    if let Some(sending) = sending {
                        sending.await;
                    }
                }))
            }
        }
    }

    /// The same, after everything that can be known was read.
    fn call_known(
        &self,
        request: Message,
        reply: Reply,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let found = route(&self.party.endpoint.roster(), &self.party.context(), &request);
        match found {
            Ok(route) => {
                let reply = self.returning(&route.server, reply);
                self.hand(&route.server, route.message(request), Some(reply), caller)
            }
            Err(unrouted) => {
                reply.error(&unrouted.into_error(&request));
                None
            }
        }
    }

    fn returning(&self, server: &Arc<Server>, reply: Reply) -> Reply {
        reply.through(|sink| Returned::sink(&self.party, server, sink))
    }

    /// Gives a message to a server, as soon as there is a connection.
    fn hand(
        &self,
        server: &Arc<Server>,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        if let Some(objection) = self.objection(server, &message, reply.as_ref()) {
            objection.answer(reply);
            return None;
        }
        let mut state = self.lock();
        let Some(leg) = state.leg(server) else {
            let left = state.left(server);
            drop(state);
            if let Some(reply) = reply {
                reply.error(&unavailable(server, "it is no longer served"));
                return None;
            }
            return left?.send(message, None, caller);
        };
        let taken = leg.take(message, reply);
        drop(state);
        match taken {
            Taken::Over(connection, message, reply) => connection.send(message, reply, caller),
            Taken::Unheld(unheld) => {
                unheld.settle();
                None
            }
            Taken::Waits { opens } => {
                if opens {
                    self.start(server);
                }
                None
            }
        }
    }

    /// The objection to a request that would have to wait for its server. An open connection
    /// refuses requests itself.
    fn objection(
        &self,
        server: &Arc<Server>,
        message: &Message,
        reply: Option<&Reply>,
    ) -> Option<Objection> {
        let claims = reply?.claims();
        let is_open = self.lock().leg(server).is_none_or(|leg| leg.open().is_some());
        if is_open { None } else { server.backend.objection(message, claims.map(|it| &**it)) }
    }

    /// Opens the connection of a leg in the phase `Opening`.
    fn start(&self, server: &Arc<Server>) {
        if let Some(member) = self.strong() {
            task::spawn(member.open_leg(Arc::clone(server)));
        }
    }

    /// Starts connecting to a server, if that was not done yet.
    pub(super) fn begin(&self, server: &Arc<Server>, again: bool) {
        let begins = self.lock().leg(server).is_some_and(|leg| leg.begin(again));
        if begins {
            self.start(server);
        }
    }

    /// Makes the handshake with all servers at once.
    async fn greet(self: Arc<Self>, request: Message, reply: Reply) {
        let version = requested_version(&request);
        for server in self.hello(&request).iter().filter(|server| !server.sleeps()) {
            self.begin(server, true);
        }
        self.settled(Instant::now() + GREETING_PATIENCE, Leg::is_opening).await;
        reply.result(&greeting::initialize(&self.said(), version.as_deref()));
        self.mend_missed();
    }

    /// Notes the client's handshake, for all servers.
    fn hello(&self, request: &Message) -> Vec<Arc<Server>> {
        let mut state = self.lock();
        state.hello = Some(request.detached());
        state.legs.iter().map(|leg| Arc::clone(&leg.server)).collect()
    }

    /// What the servers have said so far; those that should have answered and have not are noted as
    /// missing.
    fn said(&self) -> Vec<Said> {
        let said = |leg: &mut Leg| {
            let result = match &mut leg.phase {
                Phase::Open(open) => open.said.take(),
                Phase::Idle => None,
                Phase::Opening(_) | Phase::Failed => {
                    leg.missed = Some(Listed::tools());
                    None
                }
            };
            Said { name: leg.server.name.clone(), result }
        };
        self.lock().legs.iter_mut().map(said).collect()
    }

    /// Waits until no leg is in this state, for a limited time.
    pub(super) async fn settled(&self, until: Instant, waits: impl Fn(&Leg) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.lock().legs.iter().any(&waits) {
                return;
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(until) => return,
                () = self.closed.cancelled() => return,
            }
        }
    }

    /// The level is set at every server that logs, also at those that are opened later.
    fn set_level(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        if let Err(error) = requested_level(&request) {
            reply.error(&error);
            return None;
        }
        let mut state = self.lock();
        state.level = Some(request.detached());
        let open = state.legs.iter().filter_map(Leg::open).filter(|open| open.offers.logging);
        let logging: Vec<_> = open.map(|open| Arc::clone(&open.connection)).collect();
        let claims = state.claims.clone();
        drop(state);
        Some(Box::pin(async move {
            let tell = |connection: Arc<dyn Connection>| {
                let (request, claims) = (request.clone(), claims.clone());
                async move {
                    drop(timeout(GREETING_PATIENCE, ask(&*connection, request, claims)).await);
                }
            };
            join_all(logging.into_iter().map(tell)).await;
            reply.result(b"{}");
        }))
    }

    fn notification(&self, notification: Message) -> Option<BoxFuture<'static, ()>> {
        match Notification::of(&notification.method()) {
            Notification::Initialized => {
                let mut state = self.lock();
                state.initialized = true;
                let connections = state.connections();
                drop(state);
                broadcast(connections, &notification)
            }
            Notification::Cancelled => self.cancel(&notification),
            Notification::RootsListChanged => {
                let connections = self.lock().connections();
                broadcast(connections, &notification)
            }
            Notification::Progress => {
                let span = notification.reported_token()?;
                let questions = self.party.questions();
                let question = questions.progressing(notification.text(span))?;
                let (server, token) = (Arc::clone(&question.server), question.token.clone()?);
                drop(questions);
                let notification = notification.replaced(span, token.as_bytes());
                self.hand(&server, notification, None, None)
            }
            _ => {
                let found =
                    route(&self.party.endpoint.roster(), &self.party.context(), &notification);
                let Ok(route) = found else {
                    tracing::debug!("a notification that names no server is dropped");
                    return None;
                };
                self.hand(&route.server, route.message(notification), None, None)
            }
        }
    }

    /// A client's id is unique among its requests, so each server knows whether it is meant.
    fn cancel(&self, notification: &Message) -> Option<BoxFuture<'static, ()>> {
        let mut state = self.lock();
        let (mut connections, mut unheld) = (Vec::new(), Vec::new());
        for leg in &mut state.legs {
            match &mut leg.phase {
                Phase::Open(open) => connections.push(Arc::clone(&open.connection)),
                Phase::Opening(held) => unheld.extend(held.take(notification.clone(), None)),
                Phase::Idle | Phase::Failed => {}
            }
        }
        connections.extend(state.left.iter().map(|(_, connection)| Arc::clone(connection)));
        drop(state);
        unheld.into_iter().for_each(Unheld::settle);
        broadcast(connections, notification)
    }

    /// The client answers a server's question.
    fn answered(&self, answer: &Message) -> Option<BoxFuture<'static, ()>> {
        let span = answer.id_span()?;
        let question = self.party.questions().answered(answer.text(span));
        let Some(question) = question else {
            tracing::debug!("the client answered a question that it was not asked");
            return None;
        };
        let answer = answer.replaced(span, question.id.as_bytes());
        self.hand(&question.server, answer, None, None)
    }

    /// Tells the client that its lists have changed.
    pub(super) fn tell_changes(&self) {
        if !self.lock().initialized {
            return;
        }
        if let Some(sink) = &self.unsolicited {
            tell_changes(&**sink);
        }
    }

    /// Whether the client has a stream for notifications.
    pub(super) fn is_told(&self) -> bool {
        self.unsolicited.is_some()
    }

    /// Changes the servers of the endpoint.
    pub(super) fn follow(&self, roster: &Roster) {
        let mut state = self.lock();
        if self.closed.is_cancelled() {
            return;
        }
        let mut before = std::mem::take(&mut state.legs);
        let mut leg = |server: &Arc<Server>| {
            let place = before.iter().position(|leg| Arc::ptr_eq(&leg.server, server));
            place.map_or_else(|| Leg::new(Arc::clone(server)), |place| before.swap_remove(place))
        };
        state.legs = roster.servers.iter().map(&mut leg).collect();
        let (open, others): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|leg| leg.open().is_some());
        for leg in open {
            if let Phase::Open(open) = leg.phase {
                state.left.push((leg.server, open.connection));
            }
        }
        drop(state);
        others.into_iter().for_each(refuse);
        self.changed.notify_waiters();
        self.tell_changes();
    }
}

impl Member {
    /// Closes the rest of a server that was removed.
    pub(super) fn forget(&self, server: &Arc<Server>) {
        let mut state = self.lock();
        let of_server = |(left, _): &mut Left| Arc::ptr_eq(left, server);
        let left: Vec<_> = state.left.extract_if(.., of_server).collect();
        drop(state);
        if left.is_empty() {
            return;
        }
        self.party.questions().forget(server);
        for (_, connection) in &left {
            connection.close();
        }
    }
}

impl Asking for Member {
    fn party(&self) -> &Arc<Party> {
        &self.party
    }

    fn offers(&self, server: &Arc<Server>, capability: Option<&str>) -> bool {
        let mut state = self.lock();
        let open = state.leg(server).and_then(|leg| leg.open());
        // The answer of a server that was replaced is outdated.
        open.is_none_or(|open| !server.is_of(open.generation) || open.offers.has(capability))
    }

    fn ask<'a>(&'a self, server: &'a Arc<Server>, request: Message) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            // The mending task reconnects servers that a list has lacked.
            let missed = self.lock().leg(server).is_some_and(|leg| leg.missed.is_some());
            self.begin(server, !missed || !self.is_told());
            let opening = |leg: &Leg| Arc::ptr_eq(&leg.server, server) && leg.is_opening();
            self.settled(Instant::now() + server.patience(), opening).await;
            let connection = self.lock().leg(server).and_then(|leg| leg.open().cloned());
            let Some(open) = connection else { return Answer::Unreached };
            let asked = Asked::new(&open.connection, &request);
            let answer = ask(&*open.connection, request, self.claims()).await;
            asked.answered();
            answer
        })
    }

    fn missed(&self, server: &Arc<Server>, listed: Listed) {
        if let Some(leg) = self.lock().leg(server) {
            leg.missed = Some(listed);
        }
        self.mend_missed();
    }
}

/// One of the endpoint's own requests; if it is dropped without an answer, it is cancelled.
struct Asked {
    connection: Option<Arc<dyn Connection>>,
    cancellation: String,
}

impl Asked {
    fn new(connection: &Arc<dyn Connection>, request: &Message) -> Self {
        let id = String::from_utf8_lossy(request.id().unwrap_or(b"null"));
        let cancellation = cancelled(id, "Request timed out");
        Self { connection: Some(Arc::clone(connection)), cancellation }
    }

    fn answered(mut self) {
        self.connection = None;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let text = std::mem::take(&mut self.cancellation);
        let Ok(cancellation) = Message::parse(text.into()) else { return };
        // A server that is not reading does not get the cancellation.
        drop(connection.send(cancellation, None, None));
    }
}

/// Sends several servers the same notification.
fn broadcast(
    connections: Vec<Arc<dyn Connection>>,
    notification: &Message,
) -> Option<BoxFuture<'static, ()>> {
    let sending =
        |connection: Arc<dyn Connection>| connection.send(notification.clone(), None, None);
    let waiting: Vec<_> = connections.into_iter().filter_map(sending).collect();
    if waiting.is_empty() {
        return None;
    }
    Some(Box::pin(async move {
        join_all(waiting).await;
    }))
}
