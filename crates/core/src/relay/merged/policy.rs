//! The rules of one server, around its backend: one place for lists and calls, at every endpoint
//! that serves it. Without rules, everything passes unchanged.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak},
};

use futures_util::future::BoxFuture;

use super::{
    lists::Listed,
    ruling::{Ready, Ruling},
    shown::shown,
};
use crate::{
    config::{Policy, Rules},
    host::Caller,
    identity::Claims,
    jsonrpc::{Edit, Kind, Message},
    protocol::header::annotation::MirroredParameter,
    relay::{
        Backend, Client, Connection, Departure, Objection, OpenError, Outgoing, Reader, Reply,
        Sink, lists::tell_changes, refused::Refused,
    },
};

/// See the module.
pub(crate) struct Guarded {
    me: Weak<Self>,
    backend: Arc<dyn Backend>,
    rules: RwLock<Arc<Ready>>,
    clients: Mutex<Vec<Weak<Guard>>>,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").finish_non_exhaustive()
    }
}

impl Guarded {
    /// A server's backend behind its rules.
    pub(crate) fn new(backend: Arc<dyn Backend>, rules: &Rules) -> Arc<Self> {
        let rules = RwLock::new(Arc::new(Ready::new(rules)));
        let clients = Mutex::default();
        Arc::new_cyclic(|me| Self { me: Weak::clone(me), backend, rules, clients })
    }

    /// Changes the rules; clients are told that the lists have changed.
    pub(crate) fn retune(&self, rules: &Rules) {
        let ready = Arc::new(Ready::new(rules));
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = ready;
        let clients: Vec<_> = self.clients().iter().filter_map(Weak::upgrade).collect();
        for client in clients {
            client.tell_changes();
        }
    }

    fn rules(&self) -> Arc<Ready> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn clients(&self) -> MutexGuard<'_, Vec<Weak<Guard>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server's backend behind these rules; unchanged if there are none.
pub(crate) fn guarded(backend: Arc<dyn Backend>, rules: &Rules) -> Arc<dyn Backend> {
    if rules.is_empty() { backend } else { Guarded::new(backend, rules) }
}

impl Backend for Guarded {
    fn open(&self, mut client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            let rules = self.rules();
            let ruling = client.request.as_ref().map(|request| rules.rule(request));
            match ruling {
                Some(Ruling::Refused(error)) => {
                    return Ok(Arc::new(Refused(Objection::Error(error))) as _);
                }
                Some(Ruling::Becomes(request)) => client.request = Some(request),
                Some(Ruling::Passes) | None => {}
            }
            let unsolicited = client.unsolicited.clone();
            let connection = self.backend.open(client).await?;
            let Some(guarded) = self.me.upgrade() else { return Ok(connection) };
            let guard = Arc::new(Guard { connection, guarded, unsolicited });
            if guard.unsolicited.is_some() {
                let mut clients = self.clients();
                if clients.len() == clients.capacity() {
                    clients.retain(|client| client.strong_count() > 0);
                }
                clients.push(Arc::downgrade(&guard));
            }
            Ok(guard as _)
        })
    }

    fn serves_modern(&self) -> bool {
        self.backend.serves_modern()
    }

    fn end_subscriptions(&self) {
        self.backend.end_subscriptions();
    }

    fn policy(&self) -> Option<Arc<Policy>> {
        self.backend.policy()
    }

    fn objection(&self, request: &Message, claims: Option<&Claims>) -> Option<Objection> {
        match self.rules().rule(request) {
            Ruling::Refused(error) => Some(Objection::Error(error)),
            Ruling::Becomes(request) => self.backend.objection(&request, claims),
            Ruling::Passes => self.backend.objection(request, claims),
        }
    }

    fn lists_differ(&self) -> bool {
        self.backend.lists_differ()
    }
}

/// One client's connection behind the rules.
struct Guard {
    connection: Arc<dyn Connection>,
    guarded: Arc<Guarded>,
    unsolicited: Option<Arc<dyn Sink>>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl Guard {
    fn tell_changes(&self) {
        if let Some(sink) = &self.unsolicited {
            tell_changes(&**sink);
        }
    }
}

impl Connection for Guard {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        if !matches!(message.kind(), Kind::Request | Kind::Notification) {
            return self.connection.send(message, reply, caller);
        }
        let rules = self.guarded.rules();
        if rules.is_empty() {
            return self.connection.send(message, reply, caller);
        }
        let message = match rules.rule(&message) {
            Ruling::Passes => message,
            Ruling::Becomes(other) => other,
            Ruling::Refused(error) => {
                if let Some(reply) = reply {
                    reply.error(&error);
                }
                return None;
            }
        };
        let listed = Listed::of(&message.method());
        let reply = reply.map(|reply| match listed {
            Some(listed) => reply.through(|sink| Arc::new(Shown { sink, rules, listed })),
            None => reply,
        });
        self.connection.send(message, reply, caller)
    }

    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.connection.mirrored(self.guarded.rules().own_tool(tool)?)
    }

    fn inner(&self) -> Option<&dyn Connection> {
        Some(&*self.connection)
    }

    fn depart(&self, how: Departure) {
        self.connection.depart(how);
    }
}

/// What a caller sees of a server's lists; calls are judged elsewhere.
#[derive(Clone)]
pub(crate) struct View(Arc<Ready>);

impl View {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self(Arc::new(Ready::new(rules)))
    }

    /// Whether a request with this method asks for a list.
    pub(crate) fn concerns(method: &str) -> bool {
        Listed::of(method).is_some()
    }

    /// The reply for a request with this method; its list is reduced to what the caller sees.
    pub(crate) fn of(&self, method: &str, reply: Reply) -> Reply {
        match Listed::of(method) {
            Some(listed) => {
                let rules = Arc::clone(&self.0);
                reply.through(|sink| Arc::new(Shown { sink, rules, listed }))
            }
            None => reply,
        }
    }
}

/// The recipient of a list: entries that clients do not see are removed.
struct Shown {
    sink: Arc<dyn Sink>,
    rules: Arc<Ready>,
    listed: Listed,
}

impl Sink for Shown {
    fn write(&self, outgoing: Outgoing<'_>) {
        let message = outgoing.message().filter(|_| outgoing.response);
        let Some(message) = message else { return self.sink.write(outgoing) };
        let changes = shown(&self.rules, self.listed, &message);
        let given = if outgoing.parsed().is_some() { outgoing.edits } else { &[] };
        let mut all: Vec<Edit<'_>> = given.iter().copied().chain(changes.edits()).collect();
        all.sort_by_key(Edit::place);
        // Others must look at the reduced list, not at the server's.
        let shown = message.into_owned().rewritten(&all);
        self.sink.write(Outgoing::of(&shown, &[], true).stored_as(outgoing.event));
    }

    fn forget(&self) {
        self.sink.forget();
    }

    fn reader(&self) -> Option<&dyn Reader> {
        self.sink.reader()
    }
}
