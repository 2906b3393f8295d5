//! The host's server of one client, or of one modern request.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use futures_util::future::BoxFuture;

use super::unsent::Unsent;
use crate::{
    era::{
        Era,
        modern_to_legacy::{Filter, SUBSCRIPTION_ID},
    },
    host::{Caller, Delivery, Host, ServerId},
    identity::Identity,
    jsonrpc::{Edit, IdKey, Kind, Message, Span},
    protocol::{List, Method, header::annotation::MirroredParameter},
    relay::{Connection, Departure, Outgoing, Reply, Sink, about::write},
};

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// All servers of one host, as far as each of them needs the others.
pub(super) trait Siblings: Send + Sync {
    /// Remembers tools whose calls are checked against their headers.
    fn learn_tools(&self, principal: &Identity, tools: &Message);

    /// The arguments of this tool that are mirrored.
    fn mirrored(&self, principal: &Identity, tool: &str) -> Option<Arc<[MirroredParameter]>>;

    /// Removes a server; `false` if it was removed already.
    fn remove(&self, id: ServerId) -> bool;
}

type HangUp = Arc<dyn Fn() + Send + Sync>;

/// See the module. Dropping it closes it: its client did not wait.
pub(super) struct Server {
    id: ServerId,
    host: Arc<dyn Host>,
    siblings: Weak<dyn Siblings>,
    /// Its era, once it is known. A server of the modern era serves one request, to which all its
    /// messages belong.
    era: OnceLock<Era>,
    unsolicited: OnceLock<Arc<dyn Sink>>,
    hang_up: Option<HangUp>,
    /// The modern request for which it was created.
    asked: Option<Asked>,
    /// The revisions that it supports, once it has said so.
    versions: OnceLock<Vec<String>>,
    /// What the client of a modern subscription is told about.
    subscription: OnceLock<Filter>,
    open: Mutex<HashMap<IdKey, Reply>>,
}

/// A modern request that has a server to itself.
struct Asked {
    principal: Identity,
    /// Also passed with the proxy's own messages.
    caller: Arc<Caller>,
    /// Whether its result lists tools.
    lists_tools: bool,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Sets a value that may be set only once.
fn settle<T>(place: &OnceLock<T>, value: T, what: &str) {
    if place.set(value).is_err() {
        tracing::debug!("{what} was reported twice");
    }
}

impl Server {
    pub(super) fn new(id: ServerId, host: Arc<dyn Host>, siblings: Weak<dyn Siblings>) -> Self {
        Self {
            id,
            host,
            siblings,
            era: OnceLock::new(),
            unsolicited: OnceLock::new(),
            hang_up: None,
            asked: None,
            versions: OnceLock::new(),
            subscription: OnceLock::new(),
            open: Mutex::default(),
        }
    }

    /// For a client of the older era.
    pub(super) fn with_session(
        mut self,
        unsolicited: Option<Arc<dyn Sink>>,
        hang_up: Option<HangUp>,
    ) -> Self {
        self.speaks(Era::Legacy);
        if let Some(sink) = unsolicited {
            settle(&self.unsolicited, sink, "a sink");
        }
        self.hang_up = hang_up;
        self
    }

    /// For one request.
    pub(super) fn with_request(
        mut self,
        request: &Message,
        principal: Identity,
        caller: Arc<Caller>,
    ) -> Self {
        let lists_tools = Method::of(&request.method()) == Method::List(List::Tools);
        self.asked = Some(Asked { principal, caller, lists_tools });
        self
    }

    pub(super) fn id(&self) -> ServerId {
        self.id
    }

    pub(super) fn speaks(&self, era: Era) {
        settle(&self.era, era, "an era");
    }

    /// It speaks the older era; its standalone messages go there.
    pub(super) fn speaks_to(&self, sink: Arc<dyn Sink>) {
        settle(&self.unsolicited, sink, "a sink");
        self.speaks(Era::Legacy);
    }

    pub(super) fn takes_versions(&self, versions: Vec<String>) {
        settle(&self.versions, versions, "the revisions of a server");
    }

    /// It has ended.
    pub(super) fn hang_up(&self) {
        if let Some(hang_up) = self.hang_up.clone() {
            return hang_up();
        }
        // A dropped reply reports that.
        let owed = std::mem::take(&mut *self.open());
        drop(owed);
        if let Some(sink) = self.unsolicited.get() {
            sink.forget();
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IdKey, Reply>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send_down(
        &self,
        message: &Message,
        related: Option<&[u8]>,
        event_id: Option<&str>,
    ) -> Result<(), Unsent> {
        if matches!(message.kind(), Kind::Result | Kind::Error) {
            let key = message.id().map(IdKey::of).ok_or(Unsent::Invalid)?;
            let reply = self.open().remove(&key).ok_or(Unsent::NoRequest)?;
            self.note_tools(message);
            reply.stored_response(message, event_id);
            return Ok(());
        }
        if self.era.get() == Some(&Era::Modern) {
            return self.send_modern(message);
        }
        let Some(related) = related else {
            if let Some(sink) = self.unsolicited.get() {
                write(&**sink, Outgoing::of(message, &[], false).stored_as(event_id));
            }
            return Ok(());
        };
        let open = self.open();
        open.get(&IdKey::of(related)).ok_or(Unsent::NoRequest)?.related(message, event_id);
        Ok(())
    }

    pub(super) fn stream_of(&self, request: &[u8]) -> u64 {
        self.open().get(&IdKey::of(request)).and_then(Reply::stream).unwrap_or_default()
    }

    /// Remembers tools whose calls are checked against their headers. (A crossing does that
    /// itself.)
    fn note_tools(&self, response: &Message) {
        let Some(Asked { principal, lists_tools: true, .. }) = &self.asked else { return };
        if let (Some(Era::Modern), Some(siblings)) = (self.era.get(), self.siblings.upgrade()) {
            siblings.learn_tools(principal, response);
        }
    }

    fn send_modern(&self, message: &Message) -> Result<(), Unsent> {
        let open = self.open();
        let reply = open.values().next().ok_or(Unsent::NoRequest)?;
        reply.related(message, None);
        drop(open);
        if message.method() == ACKNOWLEDGED
            && let Ok(filter) = Filter::of(message)
        {
            settle(&self.subscription, filter, "an acknowledgement");
        }
        if self.subscription.get().is_some_and(|filter| *filter == Filter::default()) {
            // The subscription asks for nothing that could be reported.
            self.end_subscription();
        }
        Ok(())
    }

    /// Passes a change on if the subscription asked for it.
    pub(super) fn pass_on(&self, notification: &Message) {
        let admits = |filter: &Filter| filter.admits(notification);
        if !self.subscription.get().is_some_and(admits) {
            return;
        }
        let open = self.open();
        let Some(reply) = open.values().next() else { return };
        let id = String::from_utf8_lossy(reply.id()).into_owned();
        let member = format!(r#""{SUBSCRIPTION_ID}":{id}"#);
        let Some((at, text)) = notification.meta_insertion(&member) else { return };
        let edits = [Edit { span: Span::new(at, at), with: text.as_bytes() }];
        reply.related_as(notification, &edits);
    }

    /// Ends a subscription with its result, because the server ended.
    pub(super) fn end_subscription(&self) {
        if self.subscription.get().is_none() {
            return;
        }
        let replies: Vec<Reply> = self.open().drain().map(|(_, reply)| reply).collect();
        replies.into_iter().for_each(Reply::stream_ended);
    }

    pub(super) fn interrupt(&self, related: Option<&[u8]>) {
        match related {
            None => {
                if let Some(sink) = self.unsolicited.get() {
                    sink.interrupt();
                }
            }
            Some(related) => {
                if let Some(reply) = self.open().get(&IdKey::of(related)) {
                    reply.interrupt();
                }
            }
        }
    }
}

impl Connection for Server {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let caller = caller.or(self.asked.as_ref().map(|asked| &asked.caller))?;
        if let (Some(reply), Some(id)) = (reply, message.id()) {
            // A repeated id replaces the first request, which gets an error.
            let displaced = self.open().insert(IdKey::of(id), reply);
            drop(displaced);
        }
        self.host.deliver(Delivery { server: self.id, text: message.bytes(), caller })
    }

    fn server(&self) -> Option<ServerId> {
        Some(self.id)
    }

    fn versions(&self) -> Option<&[String]> {
        self.versions.get().map(Vec::as_slice)
    }

    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        let asked = self.asked.as_ref()?;
        self.siblings.upgrade()?.mirrored(&asked.principal, tool)
    }

    fn depart(&self, _: Departure) {
        let open: Vec<Reply> = self.open().drain().map(|(_, reply)| reply).collect();
        for reply in open {
            reply.forget();
        }
        if self.siblings.upgrade().is_some_and(|siblings| siblings.remove(self.id)) {
            self.host.close(self.id);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}
