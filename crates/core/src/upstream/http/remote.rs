//! A remote server as a backend.
//!
//! A server of the handshake era has a session with each of its clients; one of 2026-07-28 has
//! none, and is shared. Where both sides speak the same era, everything crosses as it is.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    arrival::Arrival,
    channel::Channel,
    endpoint::Endpoint,
    fault::{Fault, Kind},
    modern::{Carrier, Found, discover},
    session::Session,
};
use crate::{
    config::{PingConfig, RemoteConfig, RemoteTransport, UpstreamProtocol},
    era::Era,
    error::Error,
    identity::Identity,
    jsonrpc::ErrorBody,
    relay::{
        Backend, Client, Connection, Keep, Leases, Limits, OpenError, OpenServer, ServerSource,
        Sink,
    },
};

/// Time the end of a session may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Remote(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    protocol: UpstreamProtocol,
    /// Sessions that modern clients use for one call at a time.
    leases: Arc<Leases>,
    known: Mutex<Known>,
    /// One question to the server at a time.
    gate: Semaphore,
}

/// What all clients of a remote server have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) limits: Limits,
    /// Pings of sessions that are idle.
    pub(super) ping: Option<PingConfig>,
    /// Time a handshake or an acknowledgement may take.
    pub(super) patience: Duration,
    /// Time a call may wait for a server that cannot be reached.
    pub(super) wait: Duration,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    transport: RemoteTransport,
    outcome: Mutex<Outcome>,
    /// The server has answered as if it spoke another era than was found out.
    doubtful: AtomicBool,
}

/// What is known of the server.
#[derive(Debug, Default)]
struct Outcome {
    found: Option<RemoteTransport>,
    /// Why the last handshake failed.
    failure: Option<String>,
}

/// Whether the server is one of 2026-07-28.
#[derive(Clone, Debug, Default)]
enum Known {
    #[default]
    Nothing,
    Legacy,
    /// What carries messages to it.
    Modern(Arc<Carrier>),
}

impl Known {
    fn retire(self) {
        if let Self::Modern(carrier) = self {
            carrier.retire();
        }
    }

    /// How a client that speaks that revision gets there.
    fn way(self) -> Option<Way> {
        match self {
            Self::Modern(carrier) => Some(Way::Shared(carrier)),
            Self::Nothing => None,
            Self::Legacy => Some(Way::Leased),
        }
    }
}

/// How a client gets to the server.
#[derive(Debug)]
pub(super) enum Way {
    /// In a session of its own.
    Session,
    /// In sessions that are leased for its calls.
    Leased,
    /// Together with the others.
    Shared(Arc<Carrier>),
}

/// A client, as far as it matters to a remote server.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) era: Era,
    principal: Identity,
    unsolicited: Option<Arc<dyn Sink>>,
}

impl Remote {
    /// Nothing is sent before there is a client.
    pub(crate) fn new(config: &RemoteConfig) -> Result<Self, Error> {
        let only_sse = config.transport == RemoteTransport::Sse;
        if only_sse && config.protocol == UpstreamProtocol::Modern {
            let text = "revision 2026-07-28 is not spoken over HTTP+SSE";
            return Err(Error::Remote(text.to_owned()));
        }
        let shared = Arc::new(Shared {
            endpoint: Endpoint::new(config)?,
            limits: Limits { silence: config.request_timeout, total: config.max_request_time },
            ping: config.ping,
            patience: config.connection_timeout,
            wait: config.wait,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            transport: config.transport,
            outcome: Mutex::default(),
            doubtful: AtomicBool::new(false),
        });
        let sessions = Sessions(Arc::clone(&shared));
        Ok(Self(Arc::new(Inner {
            leases: Leases::new(Arc::new(sessions), shared.limits.silence, Keep::Everything),
            shared,
            protocol: if only_sse { UpstreamProtocol::Legacy } else { config.protocol },
            known: Mutex::default(),
            gate: Semaphore::new(1),
        })))
    }

    /// Why the last handshake with the server failed, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.0.shared.outcome().failure.clone()
    }

    /// Ends every session, within `budget`.
    pub(crate) async fn stop(self, budget: Duration) {
        let shared = &self.0.shared;
        self.0.leases.end();
        shared.stop.cancel();
        shared.tasks.close();
        if timeout(budget, shared.tasks.wait()).await.is_err() {
            tracing::warn!("some sessions with the server took too long to end");
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a client of this era has the server tried in that era before the other.
    pub(super) fn takes_own_era_first(&self, era: Era) -> bool {
        self.0.protocol == UpstreamProtocol::Auto && era == Era::Legacy
    }

    /// Whether the server may be spoken to in either era.
    pub(super) fn may_turn(&self) -> bool {
        self.0.protocol == UpstreamProtocol::Auto
    }

    /// How a client of this era gets to the server, if that is known.
    fn way(&self, era: Era) -> Option<Way> {
        let shakes_hands = self.0.shared.outcome().found.is_some();
        match (self.0.protocol, era) {
            (UpstreamProtocol::Legacy, Era::Legacy) => Some(Way::Session),
            (UpstreamProtocol::Legacy, Era::Modern) => Some(Way::Leased),
            _ if self.0.shared.is_doubtful() => None,
            (UpstreamProtocol::Auto, Era::Legacy) if shakes_hands => Some(Way::Session),
            (UpstreamProtocol::Auto, Era::Legacy) => None,
            (UpstreamProtocol::Auto, Era::Modern) | (UpstreamProtocol::Modern, _) => {
                self.known().clone().way()
            }
        }
    }

    /// Finds out how a client of this era gets to the server.
    pub(super) async fn find_way(&self, era: Era) -> Result<Way, Fault> {
        let gone = |_| Fault::new(Kind::Final, "the proxy is shutting down");
        let _turn = self.0.gate.acquire().await.map_err(gone)?;
        if let Some(way) = self.way(era) {
            return Ok(way);
        }
        let shared = &self.0.shared;
        let found = discover(shared).await;
        let found = found.inspect_err(|fault| shared.not_reached(fault.sentence()))?;
        let place = shared.endpoint.place();
        let before = mem::take(&mut *self.known());
        let known = match (found, before) {
            // It is what it was: its clients stay together.
            (Found::Modern(_), Known::Modern(carrier)) => Known::Modern(carrier),
            (found, before) => {
                before.retire();
                self.learned(found, &place)?
            }
        };
        shared.settled();
        *self.known() = known.clone();
        known.way().ok_or_else(|| Fault::new(Kind::Final, "no usable server at this URL"))
    }

    fn learned(&self, found: Found, place: &str) -> Result<Known, Fault> {
        let shared = &self.0.shared;
        Ok(match found {
            Found::Modern(introduction) => {
                tracing::info!("{place} speaks revision 2026-07-28");
                Known::Modern(Carrier::start(shared, introduction))
            }
            Found::Legacy(fault) if self.0.protocol == UpstreamProtocol::Modern => {
                let fault = fault.because("it does not speak revision 2026-07-28");
                shared.not_reached(fault.sentence());
                return Err(fault);
            }
            Found::Legacy(fault) => {
                tracing::info!("{place} is spoken to with a handshake: {}", fault.sentence());
                Known::Legacy
            }
        })
    }

    /// A session of the handshake era.
    pub(super) fn session(&self, visitor: &Visitor) -> Arc<Channel> {
        Channel::open(&self.0.shared, visitor.unsolicited.clone())
    }

    /// Lets a client in on this way.
    pub(super) async fn enter(
        &self,
        way: Way,
        visitor: &Visitor,
    ) -> Result<Arc<dyn Connection>, OpenError> {
        let Visitor { era, principal, unsolicited } = visitor.clone();
        match way {
            Way::Session => Ok(self.session(visitor)),
            Way::Leased => Ok(self.0.leases.open(principal)),
            Way::Shared(carrier) => {
                let client = Client { era, principal, unsolicited, ..Client::default() };
                carrier.backend().open(client).await
            }
        }
    }
}

impl Backend for Remote {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        let Client { era, principal, unsolicited, .. } = client;
        let visitor = Visitor { era, principal, unsolicited };
        let Some(way) = self.way(era) else {
            let arrival: Arc<dyn Connection> = Arrival::open(self.clone(), visitor, None);
            return Box::pin(std::future::ready(Ok(arrival)));
        };
        Box::pin(async move {
            let connection = self.enter(way, &visitor).await?;
            if !self.may_turn() {
                return Ok(connection);
            }
            Ok(Arrival::open(self.clone(), visitor, Some(connection)) as _)
        })
    }

    fn end_subscriptions(&self) {
        self.0.leases.end_subscriptions();
    }
}

/// Sessions with a server, for whoever needs one.
#[derive(Debug)]
struct Sessions(Arc<Shared>);

impl ServerSource for Sessions {
    fn reserve(&self) -> Result<OpenServer, ErrorBody> {
        let shared = Arc::clone(&self.0);
        Ok(Box::new(move |sink| Channel::open(&shared, Some(sink))))
    }

    /// There is always room.
    fn room(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Shared {
    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a task until this is cancelled.
    pub(super) fn spawn(
        &self,
        until: CancellationToken,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = async move {
            tokio::select! {
                () = until.cancelled() => {}
                () = task => {}
            }
        };
        self.tasks.spawn(task.boxed());
    }

    /// The transports to try, in this order.
    pub(super) fn transports(&self) -> &'static [RemoteTransport] {
        match (self.transport, self.outcome().found) {
            (RemoteTransport::Stream, _) => &[RemoteTransport::Stream],
            (RemoteTransport::Sse, _) => &[RemoteTransport::Sse],
            (RemoteTransport::Auto, Some(RemoteTransport::Sse)) => {
                &[RemoteTransport::Sse, RemoteTransport::Stream]
            }
            (RemoteTransport::Auto, _) => &[RemoteTransport::Stream, RemoteTransport::Sse],
        }
    }

    /// The server has answered as if it spoke another era than was found out.
    pub(super) fn doubt(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
    }

    fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Relaxed)
    }

    /// It is known again which era the server speaks.
    fn settled(&self) {
        self.doubtful.store(false, Ordering::Relaxed);
        self.outcome().failure = None;
    }

    /// A handshake has succeeded over this transport.
    pub(super) fn found(&self, transport: RemoteTransport) {
        self.doubtful.store(false, Ordering::Relaxed);
        *self.outcome() = Outcome { found: Some(transport), failure: None };
    }

    /// A handshake has failed.
    pub(super) fn not_found(&self, failure: String) {
        *self.outcome() = Outcome { found: None, failure: Some(failure) };
    }

    /// The server did not say who it is.
    fn not_reached(&self, failure: String) {
        self.outcome().failure = Some(failure);
    }

    /// Ends a session whose client has gone, and the calls that it had under way.
    pub(super) fn leave(self: &Arc<Self>, session: Arc<Session>, open: Vec<Vec<u8>>) {
        session.ended().cancel();
        if session.id().is_none() && open.is_empty() {
            return;
        }
        let shared = Arc::clone(self);
        let farewell = async move {
            match timeout(FAREWELL, shared.farewell(&session, open)).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => {
                    tracing::debug!("the session was not ended: {}", fault.sentence());
                }
                Err(_) => tracing::debug!("the server did not answer the end of the session"),
            }
        };
        self.tasks.spawn(farewell.boxed());
    }

    async fn farewell(&self, session: &Session, open: Vec<Vec<u8>>) -> Result<(), Fault> {
        for id in open {
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{},"reason":"Connection closed"}}}}"#,
                String::from_utf8_lossy(&id)
            );
            self.endpoint.post(session, text.into()).await?;
        }
        if session.id().is_none() {
            return Ok(());
        }
        self.endpoint.delete(session).await
    }
}
