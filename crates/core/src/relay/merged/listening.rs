//! `subscriptions/listen` at all servers: one stream with the changes of all of them.
//!
//! Each server has a stream of its own, which is reopened when it ends; when a server is back, the
//! client is told that its lists have changed.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    endpoint::Standing,
    listing::learn,
    member::GREETING_PATIENCE,
    passage::Passage,
    server::{Roster, Server},
};
use crate::{
    era::{metadata::SUBSCRIPTION_ID, modern_to_legacy::Filter},
    identity::Claims,
    jsonrpc::{Code, Edit, ErrorBody, Message, Raw, Span, elements, find_member, string_text},
    protocol::Notification,
    relay::{Denied, Objection, Outgoing, Reader, Reply, Sink, lists::CHANGING},
    runtime::task,
};

/// First pause before a server's stream is reopened.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Listening {
    passage: Arc<Passage>,
    id: Raw,
    filter: Filter,
    ended: CancellationToken,
    /// Notified when a server has answered, or will not.
    settled: Notify,
    state: Mutex<State>,
}

struct State {
    reply: Option<Reply>,
    /// Servers that have not acknowledged yet; `None` after the client got its acknowledgement.
    opening: Option<usize>,
    /// The resources whose changes are reported, by the client's names.
    granted: Vec<String>,
    /// Whether something changed before the client got its acknowledgement.
    changed: bool,
}

/// Servers that are listened to, each with the request for it.
type Parts = Vec<(Arc<Server>, Message)>;

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Listening {
    /// Opens a client's subscription; acknowledges after the servers have answered.
    pub(super) async fn open(passage: Arc<Passage>, request: Message, reply: Reply) {
        let filter = match Filter::of(&request) {
            Ok(filter) => filter,
            Err(invalid) => {
                return reply.error(&ErrorBody::new(Code::InvalidParams, invalid.to_string()));
            }
        };
        let endpoint = Arc::clone(&passage.whose().endpoint);
        let mut roster = endpoint.roster();
        if filter.resource_subscriptions.iter().any(|uri| roster.owner(uri).is_none()) {
            learn(&*passage, &request, None).await;
            roster = endpoint.roster();
        }
        let parts = match parts(&roster, &filter, &request, reply.claims().map(|it| &**it)) {
            Ok(parts) => parts,
            Err(objection) => return objection.answer(Some(reply)),
        };
        let state = State {
            opening: Some(parts.len()),
            granted: Vec::new(),
            changed: false,
            reply: Some(reply),
        };
        let listening = Arc::new(Self {
            id: Raw::new(request.id().unwrap_or(b"null")),
            ended: passage.closed.child_token(),
            passage,
            filter,
            settled: Notify::new(),
            state: Mutex::new(state),
        });
        let standing: Weak<Self> = Arc::downgrade(&listening);
        endpoint.remember(standing);
        task::spawn(Arc::clone(&listening).keep_all(parts));
        drop(timeout(GREETING_PATIENCE, listening.opened()).await);
        listening.acknowledge();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every server has acknowledged, or will not.
    async fn opened(&self) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if self.lock().opening.is_none_or(|opening| opening == 0) {
                return;
            }
            settled.await;
        }
    }

    /// Acknowledges the subscription to the client.
    fn acknowledge(&self) {
        let mut state = self.lock();
        if state.opening.take().is_none() {
            return;
        }
        let mut filter = self.filter.clone();
        let granted = std::mem::take(&mut state.granted);
        filter.resource_subscriptions.retain(|uri| granted.contains(uri));
        let text = filter.acknowledgement(&self.raw_id());
        if let (Some(reply), Ok(message)) = (&state.reply, Message::parse(text.into())) {
            reply.related(&message, None);
        }
        let changed = state.changed;
        drop(state);
        if changed {
            self.tell_changes();
        }
    }

    fn raw_id(&self) -> String {
        String::from_utf8_lossy(self.id.as_bytes()).into_owned()
    }

    async fn keep_all(self: Arc<Self>, parts: Parts) {
        let kept = parts.iter().map(|(server, request)| self.keep(server, request));
        tokio::select! {
            _ = join_all(kept) => {}
            () = self.ended.cancelled() => {}
        }
        // The client has disconnected, or got the end of the stream.
        let reply = self.lock().reply.take();
        if let Some(reply) = reply {
            reply.forget();
        }
    }

    /// Listens to one server for as long as the client listens.
    #[expect(clippy::infinite_loop, reason = "whoever runs it ends it with the subscription")]
    async fn keep(self: &Arc<Self>, server: &Arc<Server>, request: &Message) {
        let mut pause = FIRST_PAUSE;
        let mut first = true;
        loop {
            let heard = Arc::new(Heard {
                listening: Arc::downgrade(self),
                server: Arc::clone(server),
                returns: !std::mem::take(&mut first),
                phase: Mutex::new(Phase::Opening),
                ended: Notify::new(),
            });
            if let Ok(opened) = self.passage.part(server, request).await
                && let Some(connection) = opened.connection()
            {
                let reply = Reply::to(request, Arc::<Heard>::clone(&heard));
                if let Some(sending) = connection.send(request.clone(), Some(reply), None) {
                    sending.await;
                }
                heard.ended.notified().await;
            }
            if heard.settle(Phase::Ended) == Phase::Opening {
                self.said(server, None);
            } else {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A server has acknowledged resources, or will not.
    fn said(&self, server: &Server, granted: Option<Vec<String>>) {
        let mut state = self.lock();
        let roster = self.passage.whose().endpoint.roster();
        let label = |own: String| match roster.labelled(server, &own) {
            Some(label) => [label, &own].concat(),
            None => own,
        };
        state.granted.extend(granted.into_iter().flatten().map(label));
        if let Some(opening) = &mut state.opening {
            *opening = opening.saturating_sub(1);
        }
        drop(state);
        self.settled.notify_waiters();
    }

    /// A server is back, so all lists may have changed.
    fn tell_changes(&self) {
        for list in CHANGING {
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/{list}/list_changed","params":{{"_meta":{{"{SUBSCRIPTION_ID}":{}}}}}}}"#,
                self.raw_id()
            );
            if let Ok(message) = Message::parse(text.into()) {
                self.pass_on(&message, &[]);
            }
        }
    }

    /// Sends the client a notification that it asked for.
    fn pass_on(&self, notification: &Message, edits: &[Edit<'_>]) {
        let list = notification.method();
        let list = list.strip_prefix("notifications/").unwrap_or_default();
        let of_list = CHANGING.iter().any(|name| list.strip_prefix(name) == Some("/list_changed"));
        if of_list && !self.filter.admits(notification) {
            return;
        }
        let mut state = self.lock();
        if state.opening.is_some() {
            state.changed |= of_list;
        } else if let Some(reply) = &state.reply {
            reply.related_as(notification, edits);
        }
    }
}

impl Standing for Listening {
    fn end(&self) {
        self.ended.cancel();
        let reply = self.lock().reply.take();
        if let Some(reply) = reply {
            reply.stream_ended();
        }
    }
}

/// The filter for each server that a caller with these claims may listen to. Refused if there is an
/// objection from all servers, or from one whose resources are requested.
fn parts(
    roster: &Roster,
    filter: &Filter,
    request: &Message,
    claims: Option<&Claims>,
) -> Result<Parts, Objection> {
    let (mut parts, mut objections, mut wants_others) = (Vec::new(), Vec::new(), false);
    for server in &roster.servers {
        let Some((part, has_own)) = part(roster, server, filter, request) else { continue };
        if server.sleeps() && !has_own {
            continue;
        }
        match server.backend.objection(&part, claims) {
            None => parts.push((Arc::clone(server), part)),
            Some(objection) => {
                wants_others |= has_own;
                objections.push(objection);
            }
        }
    }
    match all_of(objections) {
        Some(objection) if wants_others || parts.is_empty() => Err(objection),
        _ => Ok(parts),
    }
}

/// One objection that names all missing scopes; without any, the first objection.
fn all_of(objections: Vec<Objection>) -> Option<Objection> {
    let lacking = objections.iter().filter_map(|objection| match objection {
        Objection::Denied(Denied::Scope(scopes)) => Some(scopes),
        _ => None,
    });
    let mut scopes: Vec<String> = lacking.flatten().cloned().collect();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return objections.into_iter().next();
    }
    Some(Objection::Denied(Denied::Scope(scopes)))
}

/// The filter for one server; and whether it contains resources of that server.
fn part(
    roster: &Roster,
    server: &Arc<Server>,
    filter: &Filter,
    request: &Message,
) -> Option<(Message, bool)> {
    let own = |uri: &String| {
        let (owner, own) = roster.owner(uri)?;
        Arc::ptr_eq(owner, server).then(|| own.to_owned())
    };
    let own: Vec<String> = filter.resource_subscriptions.iter().filter_map(own).collect();
    let bytes = request.bytes();
    let member = |object: Span, name| find_member(bytes, object, name);
    let wanted = member(request.params()?, "notifications")?;
    let Some(span) = member(wanted, "resourceSubscriptions") else {
        return Some((request.clone(), false));
    };
    let has_own = !own.is_empty();
    let list = serde_json::Value::from(own).to_string();
    Some((request.replaced(span, list.as_bytes()), has_own))
}

/// The state of one server's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    Ended,
}

/// Receives the changes from one server.
struct Heard {
    listening: Weak<Listening>,
    server: Arc<Server>,
    /// Whether the server was listened to before.
    returns: bool,
    phase: Mutex<Phase>,
    ended: Notify,
}

impl Heard {
    /// The phase before this one.
    fn settle(&self, phase: Phase) -> Phase {
        std::mem::replace(&mut self.phase.lock().unwrap_or_else(PoisonError::into_inner), phase)
    }

    fn hear(&self, message: &Message, edits: &[Edit<'_>]) {
        let Some(listening) = self.listening.upgrade() else { return };
        match Notification::of(&message.method()) {
            Notification::Acknowledged => {
                if self.settle(Phase::Open) != Phase::Opening {
                    return;
                }
                listening.said(&self.server, Some(granted(message)));
                if self.returns {
                    listening.tell_changes();
                }
            }
            Notification::ResourceUpdated => {
                let roster = listening.passage.whose().endpoint.roster();
                let uri = message.uri_span().and_then(|span| {
                    let own = string_text(message.text(span))?;
                    let label = roster.labelled(&self.server, &own)?;
                    Some((span, crate::jsonrpc::escape(&[label, &own].concat())))
                });
                let uri =
                    uri.as_ref().map(|(span, uri)| Edit { span: *span, with: uri.as_bytes() });
                let mut edits: Vec<Edit<'_>> = edits.iter().copied().chain(uri).collect();
                edits.sort_by_key(Edit::place);
                listening.pass_on(message, &edits);
            }
            _ => {
                if message.method() == "notifications/resources/list_changed" {
                    self.server.changed();
                }
                listening.pass_on(message, edits);
            }
        }
    }
}

/// The resources whose changes the server reports.
fn granted(acknowledgement: &Message) -> Vec<String> {
    let bytes = acknowledgement.bytes();
    let path = ["notifications", "resourceSubscriptions"];
    let list = acknowledgement.params().and_then(|params| {
        path.iter().try_fold(params, |span, name| find_member(bytes, span, name))
    });
    let uris = list.into_iter().flat_map(|list| elements(bytes, list));
    uris.filter_map(|span| Some(string_text(span.of(bytes))?.into_owned())).collect()
}

impl Sink for Heard {
    fn write(&self, outgoing: Outgoing<'_>) {
        if outgoing.response {
            return self.ended.notify_one();
        }
        let edits = if outgoing.parsed().is_some() { outgoing.edits } else { &[] };
        if let Some(message) = outgoing.message() {
            self.hear(&message, edits);
        }
    }

    fn forget(&self) {
        self.ended.notify_one();
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }
}

impl Reader for Heard {
    fn is_heard(&self) -> bool {
        true
    }
}
