//! Sessions that outlive their replica: what is stored about them, and how another replica
//! continues them.

use std::{iter, net::IpAddr, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::timeout};

use crate::{
    cluster::{Cluster, Founding, RemoteSession, Store, Taken, Taking},
    downstream::http::{
        mount::Mount,
        reject::Rejection,
        session::{Ledger, Name, Session, Stream},
    },
    era::Era,
    host::Caller,
    identity::{Identity, Portable},
    jsonrpc::{Code, Message},
    protocol::{INITIALIZED, primes_streams},
    relay::{
        Client, Connection, Continuation, Memory, OpenError, Sink, reply_to, requested_version,
    },
};

/// Time limit for setting a new server up as the client had set up its predecessor.
const PATIENCE: Duration = Duration::from_secs(30);

impl Mount {
    /// The store in which sessions of this endpoint are kept.
    pub(super) fn store(&self) -> Option<&Arc<Store>> {
        self.common.cluster.as_ref()?.store()
    }

    /// Stores everything that is needed to continue a new session, which began with this message.
    pub(super) fn record(&self, store: &Arc<Store>, session: &Session, initialize: &Message) {
        let founding = Founding {
            endpoint: self.paths.stream.clone().unwrap_or_default(),
            who: Portable::from(session.owner()),
            name: session.name().as_str().to_owned(),
            initialize: String::from_utf8_lossy(initialize.bytes()).into_owned(),
            initialized: false,
            level: None,
            subscriptions: std::collections::BTreeMap::new(),
            remote: None,
            remotes: std::collections::BTreeMap::new(),
        };
        let ledger = Ledger::new(Arc::clone(store), session.id(), Store::now(), founding);
        session.keep(Arc::new(ledger));
    }

    /// Continues a session of another replica. An embedding program creates its server for the
    /// request that asks for the session, whose address it counts for.
    pub(in crate::downstream::http) async fn revive(
        self: &Arc<Self>,
        cluster: &Cluster,
        taking: Taking,
        address: Option<IpAddr>,
        caller: Option<Arc<Caller>>,
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
        let session = self.registry.create_as(
            name,
            owner,
            self.events.clone(),
            self.common.terms().max_in_flight,
        );
        let unsolicited: Arc<dyn Sink> = Arc::<Stream>::clone(session.standalone());
        let client = Client {
            era: Era::Legacy,
            principal: session.owner().clone(),
            address,
            unsolicited: Some(unsolicited),
            session: Some(session.name().as_str().to_owned()),
            hang_up: caller.is_some().then(|| self.registry.ending(&session)),
            caller: caller.clone(),
            ..Client::default()
        };
        let opening = self.backend.open(client).await;
        let connection = opening.map_err(|error| not_opened(&error))?;
        let initialize = Message::parse(founding.initialize.clone().into());
        let version = initialize.as_ref().ok().and_then(requested_version);
        if !goes_on(&*connection, &founding) {
            settle(&*connection, &founding, caller.as_ref()).await;
        }
        session.connect(connection, version.is_some_and(|version| primes_streams(&version)));
        let ledger = Ledger::new(Arc::clone(store), session.id(), lease.epoch, founding);
        session.restore(logged);
        session.keep(Arc::new(ledger));
        tracing::info!(session = %session.id(), "a session of another replica continues here");
        self.registry.insert(session, seat);
        Ok(())
    }
}

/// The answer if a session has no server here. It may have one in a moment, or at another replica.
fn not_opened(error: &OpenError) -> Rejection {
    match error {
        OpenError::Upstream(error) if error.code == Code::Unavailable => {
            Rejection::NoServer(error.message.clone())
        }
        _ => Rejection::ReplicaAway,
    }
}

fn owner(founding: &Founding) -> Option<Identity> {
    // It is parsed once more, because the same text must not be turned into an identity twice.
    let text = serde_json::to_string(&founding.who).ok()?;
    serde_json::from_str::<Portable>(&text).ok()?.identity()
}

/// Whether another replica's sessions with remote servers are continued.
fn goes_on(connection: &dyn Connection, founding: &Founding) -> bool {
    if founding.remote.is_none() && founding.remotes.is_empty() {
        return false;
    }
    let mut memory = Memory::default();
    let settled = founding.level.iter().chain(founding.subscriptions.values());
    for request in iter::once(&founding.initialize).chain(settled) {
        if let Ok(request) = Message::parse(request.clone().into()) {
            memory.note(&request);
        }
    }
    let kept = |RemoteSession { number, id, version }| Continuation { number, id, version };
    if let Some(one) = founding.remote.clone() {
        return connection.go_on(&kept(one), &memory, founding.initialized);
    }
    let several = founding.remotes.clone().into_iter().map(|(server, one)| (server, kept(one)));
    connection.go_on_with(&several.collect(), &memory, founding.initialized)
}

/// Sets a server up as the client had set up its predecessor.
async fn settle(connection: &dyn Connection, founding: &Founding, caller: Option<&Arc<Caller>>) {
    ask(connection, &founding.initialize, caller).await;
    if founding.initialized
        && let Ok(message) = Message::parse(INITIALIZED.into())
        && let Some(sending) = connection.send(message, None, caller)
    {
        sending.await;
    }
    for request in founding.level.iter().chain(founding.subscriptions.values()) {
        ask(connection, request, caller).await;
    }
}

/// Sends a client's earlier request again, and waits for its answer, which is dropped.
async fn ask(connection: &dyn Connection, request: &str, caller: Option<&Arc<Caller>>) {
    let Ok(message) = Message::parse(request.to_owned().into()) else { return };
    let (answered, answer) = oneshot::channel();
    let reply = reply_to(&message, move |_| {
        if answered.send(()).is_err() {
            tracing::debug!("an answer came too late");
        }
    });
    let asking = async {
        if let Some(sending) = connection.send(message, Some(reply), caller) {
            sending.await;
        }
        drop(answer.await);
    };
    if timeout(PATIENCE, asking).await.is_err() {
        tracing::warn!("a server did not answer a request that its predecessor had answered");
    }
}
