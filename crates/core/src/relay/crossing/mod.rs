//! Modern clients of legacy servers.
//!
//! A front opens one connection for each modern request, and drops it with the response. Here that
//! connection is a [`Passage`]: it translates the request and sends it over a legacy connection
//! like any other client, and the [`Call`] that waits for the answer translates that. What outlives
//! the request (a waiting call, a subscription) is kept in [`Crossings`].

mod call;
mod errand;
mod hosted;
mod key;
mod lease;
mod leases;
mod listen;
mod member;
mod passage;
mod rounds;
mod schemas;
mod task_tools;

pub(super) use hosted::Hosted;
pub(crate) use leases::{Keep, Leases, OpenServer, ServerSource};
pub(super) use member::open as open_member;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use self::{
    call::Call,
    listen::Subscription,
    passage::Passage,
    rounds::{Round, Rounds, Waits},
    schemas::Schemas,
    task_tools::TaskTools,
};
use super::{Connection, OpenError, Reply, Sink};
use crate::{
    era::modern_to_legacy::Greeting,
    identity::Identity,
    jsonrpc::{ErrorBody, Message},
    protocol::{LogLevel, header::annotation::MirroredParameter},
    runtime::seats::Seats,
    runtime::task,
};

/// Most subscriptions at a time, as in the official server.
const MAX_SUBSCRIPTIONS: usize = 1024;
/// How often clients that did not return are looked for.
const WATCH: Duration = Duration::from_millis(500);

/// State that the modern clients of one upstream share.
#[derive(Debug)]
pub(super) struct Crossings {
    rounds: Rounds,
    /// Whether a task looks for clients that did not return.
    watches: AtomicBool,
    schemas: Schemas,
    task_tools: TaskTools,
    seats: Arc<Seats>,
    subscriptions: Mutex<Vec<Weak<Subscription>>>,
}

impl Default for Crossings {
    fn default() -> Self {
        Self {
            rounds: Rounds::default(),
            watches: AtomicBool::new(false),
            schemas: Schemas::default(),
            task_tools: TaskTools::default(),
            seats: Seats::new(Some(MAX_SUBSCRIPTIONS)),
            subscriptions: Mutex::default(),
        }
    }
}

impl Crossings {
    fn remember(&self, subscription: &Arc<Subscription>) {
        let mut subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        subscriptions.retain(|subscription| subscription.strong_count() > 0);
        subscriptions.push(Arc::downgrade(subscription));
    }

    /// Remembers which arguments of the tools listed here this principal mirrors in headers, and
    /// how these tools are run.
    pub(super) fn learn(&self, principal: &Identity, tools: &Message) {
        self.schemas.learn(principal, tools);
        self.task_tools.learn(principal, tools);
    }

    /// The arguments of this tool that are mirrored.
    pub(super) fn mirrored(
        &self,
        principal: &Identity,
        tool: &str,
    ) -> Option<Arc<[MirroredParameter]>> {
        self.schemas.of(principal, tool)
    }

    /// How many subscriptions are open.
    #[cfg(test)]
    pub(super) fn subscribed(&self) -> usize {
        self.seats.taken()
    }

    /// Restores a round whose answers were malformed.
    fn restore(self: &Arc<Self>, token: String, round: Round) {
        self.rounds.restore(token, round);
        self.watch();
    }

    /// The subscriptions that are open.
    fn subscriptions(&self) -> Vec<Arc<Subscription>> {
        let subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        subscriptions.iter().filter_map(Weak::upgrade).collect()
    }

    /// Ends every subscription with its result.
    pub(super) fn end_subscriptions(&self) {
        for subscription in self.subscriptions() {
            subscription.end();
        }
    }

    /// Keeps a round for as long as its client may take; returns its token, unless there are too
    /// many rounds.
    fn seal(self: &Arc<Self>, round: Round, name: impl FnOnce(String) -> String) -> Option<String> {
        let token = self.rounds.seal(round, name)?;
        self.watch();
        Some(token)
    }

    fn watch(self: &Arc<Self>) {
        if !self.watches.swap(true, Ordering::Relaxed) {
            task::spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Ends the calls whose clients have not returned in time; `false` if there are none left, or
    /// another task watches them.
    fn expire(&self, now: Instant) -> bool {
        give_up(self.rounds.expired(now));
        self.watches.store(false, Ordering::Relaxed);
        !self.rounds.is_empty() && !self.watches.swap(true, Ordering::Relaxed)
    }

    /// Ends the calls whose clients are being asked.
    fn give_up_held(&self) {
        give_up(self.rounds.all());
    }
}

async fn watch(crossings: Weak<Crossings>) {
    loop {
        tokio::time::sleep(WATCH).await;
        let Some(crossings) = crossings.upgrade() else { return };
        if !crossings.expire(Instant::now()) {
            return;
        }
    }
}

fn give_up(rounds: Vec<Round>) {
    for round in rounds {
        if let Waits::Call(call) = round.waits {
            call.expire();
        }
    }
}

/// A legacy connection, and what its server said about itself.
pub(super) type Subscribed = Result<(Arc<dyn Connection>, Greeting), Unsubscribed>;

/// Why a subscription has no connection.
#[derive(Debug)]
pub(super) enum Unsubscribed {
    NotOpened(OpenError),
    /// The handshake was answered with this.
    NotGreeted(Option<Message>),
}

impl From<ErrorBody> for Unsubscribed {
    fn from(error: ErrorBody) -> Self {
        Self::NotOpened(error.into())
    }
}

/// The request that sets a server's log level.
fn set_level(level: LogLevel) -> Option<Message> {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":"level","method":"logging/setLevel","params":{{"level":"{}"}}}}"#,
        level.name()
    );
    Message::parse(text.into()).ok()
}

/// Provides the legacy server for modern requests.
trait Legacy: Send + Sync {
    fn crossings(&self) -> &Arc<Crossings>;

    /// The server for this request.
    fn origin(self: Arc<Self>, request: &Message) -> Result<Arc<dyn Origin>, ErrorBody>;

    /// A legacy connection that sends standalone messages to this sink, and what its server said
    /// about itself.
    fn subscribe(
        self: Arc<Self>,
        request: &Message,
        sink: Arc<dyn Sink>,
    ) -> BoxFuture<'static, Subscribed>;

    /// Passes a notification on, if that makes sense.
    fn notify(&self, _notification: Message) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// After a refusal because of missing room: what to wait for before one more attempt.
    fn room(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// The request has ended, in any way.
    fn close(&self);
}

/// The legacy server that serves one request.
trait Origin: fmt::Debug + Send + Sync {
    /// What it said about itself, if it has done so.
    fn greeting(&self) -> Option<Greeting>;

    /// Sends it a request; see [`Connection::send`].
    fn send(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>>;

    /// Answers a `server/discover`.
    fn discover(&self, reply: Reply) -> Option<BoxFuture<'static, ()>>;

    /// Sets the log level of its next request; its other clients get no more than before.
    fn log_from(&self, level: LogLevel);

    /// The client of a discovery has disconnected.
    fn leave(&self) {}

    /// Its next request belongs to this call.
    fn serves(&self, _call: &Arc<Call>) {}

    /// It sent something that belongs to its call and is not the answer.
    fn unasked(&self, _message: &Message) {}

    /// The client has answered its questions.
    fn answer(&self, _responses: Vec<Vec<u8>>) {}

    /// Nobody waits for this task of its call any more.
    fn end_task(&self, _id: &str) {}

    /// It has answered its call.
    fn finished(&self) {}

    /// Nobody waits for its call any more; `responses` answer its open questions, and `task` is what
    /// has become of it, if that is known.
    fn give_up(&self, responses: Vec<Vec<u8>>, task: Option<&str>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_round_that_is_put_back_expires_too() {
        let crossings = Arc::<Crossings>::default();
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
        let request = Message::parse(text.into()).unwrap();
        let (until, principal) = (Instant::now() + 8 * WATCH, Identity::default());
        let round = Round {
            principal: principal.clone(),
            call: crossings.rounds.fingerprint(&request),
            until,
            waits: Waits::Nothing,
        };
        let token = crossings.seal(round, |token| token).unwrap();
        let state = format!("\"{token}\"");
        let found = crossings.rounds.take(state.as_bytes(), &principal, &request, Instant::now());
        let (token, round) = found.unwrap();
        // The list may have become empty meanwhile.
        tokio::time::sleep(2 * WATCH).await;
        crossings.restore(token, round);
        tokio::time::sleep(10 * WATCH).await;
        assert!(crossings.rounds.is_empty());
    }
}
