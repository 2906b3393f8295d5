//! From one upstream to its successor.
//!
//! The supervisor of the upstream reports its changes. When it ends, running calls fail. While it
//! is away, new calls wait. Everything that clients have set at it (subscriptions, log levels) is
//! set again at its successor.

use std::{mem, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{sync::oneshot, time::timeout};

use super::{
    Cause, InitializeResult, Outbox, Reply, Shared,
    exchange::Purpose,
    link::{Link, calls},
    member::Member,
    owed::Owed,
    state::{INITIAL_LEVEL, State},
    subscription::Effect,
};
use crate::{
    era::{Era, modern_server::DISCOVER},
    jsonrpc::{Code, ErrorBody, Message},
    protocol::List,
};

impl Shared {
    /// An upstream has been initialized: calls go to it from now on.
    pub(crate) fn connected(
        &self,
        outbox: Arc<Outbox>,
        initialize: InitializeResult,
        pid: Option<u32>,
    ) {
        self.greeted(initialize.greeting());
        let mut state = self.lock();
        let server = initialize.clone();
        self.speak(server.era());
        let link = Link::Up { outbox, initialize, pid };
        let before = mem::replace(&mut state.link, link);
        if server.era() == Era::Modern {
            state.listen_to(&server);
            self.watch(&mut state);
        }
        if matches!(before, Link::Away { cause: Some(_), .. } | Link::Down(_)) {
            state.restarts += 1;
            tracing::warn!("the MCP server serves again (restart {})", state.restarts);
            state.settle_again();
            self.watch(&mut state);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// The upstream has ended and will be restarted: every running call fails.
    pub(crate) fn lost(&self, cause: &Cause, attempt: u32) {
        self.gone(Link::Away { cause: Some(cause.clone()), attempt }, cause);
    }

    /// The upstream has ended for good: every running call fails, and so do later ones.
    pub(crate) fn closed(&self, cause: &Cause) {
        self.gone(Link::Down(cause.clone()), cause);
        self.crossings().end_subscriptions();
    }

    fn gone(&self, link: Link, cause: &Cause) {
        let mut state = self.lock();
        state.link = link;
        let exchanges = state.exchanges.take();
        let subscribing = state.subscriptions.lost();
        let tasks = state.bridge.lost();
        state.tasks.clear();
        for member in state.members.values_mut() {
            member.in_flight = 0;
        }
        for reply in calls(exchanges).chain(subscribing).chain(tasks) {
            state.owe(Owed::Error(reply, cause.error()));
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until the upstream is up or has ended for good.
    pub(crate) async fn settled(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.lock().is_settled() {
                return;
            }
            changed.await;
        }
    }

    /// Waits until the upstream is up, within the configured limit.
    pub(super) async fn back(self: Arc<Self>) -> Result<(), ErrorBody> {
        let limit = self.restart_wait();
        timeout(limit, self.settled()).await.map_err(|_| self.still_away(limit))
    }

    /// Waits until the upstream has ended for good; returns why.
    pub(crate) async fn ended(&self) -> Cause {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Link::Down(cause) = &self.lock().link {
                return cause.clone();
            }
            changed.await;
        }
    }

    /// Whether the upstream has ended for good.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.lock().link, Link::Down(_))
    }

    /// Pings the upstream; the receiver gets the answer, or an error if the upstream ends.
    pub(crate) fn ping(&self) -> oneshot::Receiver<()> {
        let (answered, answer) = oneshot::channel();
        let mut state = self.lock();
        // The newer era has no ping, but a request that every server answers.
        let method = if self.is_modern() { DISCOVER } else { "ping" };
        state.request(method, "", Purpose::Ping(answered));
        drop(state);
        answer
    }

    fn still_away(&self, waited: Duration) -> ErrorBody {
        let state = self.lock();
        let message = match &state.link {
            Link::Away { cause: Some(cause), attempt } => format!(
                "{}; it was not back within {} ms (restart {attempt})",
                cause.message,
                waited.as_millis()
            ),
            _ => format!("the MCP server was not ready within {} ms", waited.as_millis()),
        };
        ErrorBody::new(Code::Internal, message)
    }
}

impl State {
    fn is_settled(&self) -> bool {
        match &self.link {
            Link::Up { outbox, .. } => !outbox.is_closed(),
            Link::Away { .. } => false,
            Link::Down(_) => true,
        }
    }

    /// Compares a list of the upstream with that of its predecessor.
    pub(super) fn relisted(&mut self, list: List, response: &Message) {
        if !self.lists.learn(list, response) {
            return;
        }
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/{}/list_changed"}}"#,
            list.capability()
        );
        let audience = self.everybody();
        self.owe(Owed::Told(audience, text.into(), Vec::new()));
    }

    /// Sets at a new upstream what was set at its predecessor, and asks for lists that may have
    /// changed.
    fn settle_again(&mut self) {
        let Link::Up { initialize, .. } = &self.link else { return };
        let stale: Vec<List> =
            self.lists.read().into_iter().filter(|list| initialize.notifies_of(*list)).collect();
        if self.level < INITIAL_LEVEL && initialize.has_logging() {
            let params = format!("\"level\":\"{}\"", self.level.name());
            self.request("logging/setLevel", &params, Purpose::Housekeeping);
        }
        for uri in self.subscriptions.renew() {
            self.apply(Effect::Subscribe, uri);
        }
        for list in stale {
            self.request(list.method(), "", Purpose::Relist(list));
        }
    }
}

impl Member {
    /// Holds a request until the upstream is up, within the configured limit.
    pub(super) fn wait(&self, request: Message, reply: Reply) -> BoxFuture<'static, ()> {
        let back = Arc::clone(self.shared()).back();
        self.hold(reply, back, |member, reply| member.request(request, reply))
    }
}
