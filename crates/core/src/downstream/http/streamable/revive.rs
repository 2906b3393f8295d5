//! Sessions that outlive their replica: what is kept of them, and how another one goes on with them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    cluster::{Cluster, Founding, Store, Taken, Taking},
    downstream::http::{
        mount::Mount,
        reject::Rejection,
        session::{Ledger, Name, Session, Stream},
    },
    era::Era,
    identity::{Identity, Portable},
    jsonrpc::{Code, ErrorBody, Message},
    protocol::primes_streams,
    relay::{Client, Connection, Sink, reply_to, requested_version},
};

/// What is said of a call whose replica was lost.
const MAY_HAVE_RUN: &str = "the replica that served this call was lost; the call may have run";
/// Time that a server has for what the client has settled with its predecessor.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a client says when it is ready.
const INITIALIZED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

impl Mount {
    /// The store in which sessions of this endpoint are kept. Servers of an embedding program live
    /// in its process only.
    pub(super) fn store(&self) -> Option<&Arc<Store>> {
        self.common.cluster.as_ref().filter(|_| self.common.host.is_none())?.store()
    }

    /// Keeps what it takes to go on with a new session, which began with this message.
    pub(super) fn record(&self, store: &Arc<Store>, session: &Session, initialize: &Message) {
        let founding = Founding {
            endpoint: self.paths.stream.clone().unwrap_or_default(),
            who: Portable::from(session.owner()),
            name: session.name().as_str().to_owned(),
            initialize: String::from_utf8_lossy(initialize.bytes()).into_owned(),
            initialized: false,
            level: None,
            subscriptions: std::collections::BTreeMap::new(),
        };
        let ledger = Ledger::new(Arc::clone(store), session.id(), Store::now(), founding);
        session.keep(Arc::new(ledger));
    }

    /// Goes on with a session of another replica.
    pub(in crate::downstream::http) async fn revive(
        self: &Arc<Self>,
        cluster: &Cluster,
        taking: Taking,
    ) -> Result<(), Rejection> {
        let Some(store) = cluster.store() else { return Ok(()) };
        let Taken { lease, founding, logged } = taking.taken;
        if self.paths.stream.as_deref() != Some(&founding.endpoint) {
            return Err(Rejection::UnknownSession);
        }
        let (name, owner) = (Name::given(&founding.name), owner(&founding));
        let (Some(name), Some(owner)) = (name, owner) else {
            return Err(Rejection::UnknownSession);
        };
        let seat = self.common.seats.take(1).ok_or(Rejection::TooManySessions)?;
        let session =
            self.registry.create_as(name, owner, self.events, self.common.terms().max_in_flight);
        let unsolicited: Arc<dyn Sink> = Arc::<Stream>::clone(session.standalone());
        let client = Client {
            era: Era::Legacy,
            principal: session.owner().clone(),
            unsolicited: Some(unsolicited),
            session: Some(session.name().as_str().to_owned()),
            ..Client::default()
        };
        let opening = self.backend.open(client).await;
        let connection = opening.map_err(|_| Rejection::ReplicaAway)?;
        let initialize = Message::parse(founding.initialize.clone().into());
        let version = initialize.as_ref().ok().and_then(requested_version);
        settle(&*connection, &founding).await;
        session.connect(connection, version.is_some_and(|version| primes_streams(&version)));
        let ledger = Ledger::new(Arc::clone(store), session.id(), lease.epoch, founding);
        session.restore(logged, may_have_run);
        session.keep(Arc::new(ledger));
        tracing::info!(session = %session.id(), "a session of another replica goes on here");
        self.registry.insert(session, seat);
        Ok(())
    }
}

fn owner(founding: &Founding) -> Option<Identity> {
    // It is read once more, because an identity is not made twice of one text.
    let text = serde_json::to_string(&founding.who).ok()?;
    serde_json::from_str::<Portable>(&text).ok()?.identity()
}

fn may_have_run(id: &[u8]) -> Bytes {
    ErrorBody::new(Code::Unavailable, MAY_HAVE_RUN).response(id)
}

/// Settles with a server what the client had settled with its predecessor.
async fn settle(connection: &dyn Connection, founding: &Founding) {
    ask(connection, &founding.initialize).await;
    if founding.initialized
        && let Ok(message) = Message::parse(Bytes::from_static(INITIALIZED))
        && let Some(sending) = connection.send(message, None, None)
    {
        sending.await;
    }
    for request in founding.level.iter().chain(founding.subscriptions.values()) {
        ask(connection, request).await;
    }
}

/// Sends a request of the client's once more, and waits for its answer, which nobody gets.
async fn ask(connection: &dyn Connection, request: &str) {
    let Ok(message) = Message::parse(request.to_owned().into()) else { return };
    let (answered, answer) = oneshot::channel();
    let reply = reply_to(&message, move |_| {
        if answered.send(()).is_err() {
            tracing::debug!("an answer came too late");
        }
    });
    let asking = async {
        if let Some(sending) = connection.send(message, Some(reply), None) {
            sending.await;
        }
        drop(answer.await);
    };
    if timeout(PATIENCE, asking).await.is_err() {
        tracing::warn!("a server did not answer what its predecessor had");
    }
}
