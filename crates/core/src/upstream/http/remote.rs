//! A remote server, and the ways in which clients reach it.
//!
//! A server of the handshake era has a session with each of its clients; one of 2026-07-28 has
//! none, and all clients share it. If both sides speak the same era, everything passes unchanged.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    channel::Channel,
    fault::{Fault, Kind},
    modern::{Carrier, Found, discover},
    site::Site,
};
use crate::{
    config::{RemoteConfig, RemoteTransport, UpstreamProtocol},
    era::Era,
    error::Error,
    identity::Identity,
    jsonrpc::ErrorBody,
    relay::{
        Backend as _, Client, Connection, Keep, Leases, OpenError, OpenServer, ServerSource, Sink,
    },
};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Remote(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    site: Arc<Site>,
    protocol: UpstreamProtocol,
    /// Sessions that modern clients use for one call at a time.
    leases: Arc<Leases>,
    known: Mutex<Known>,
    /// Only one question to the server at a time.
    gate: Semaphore,
}

/// Whether the server speaks 2026-07-28.
#[derive(Clone, Debug, Default)]
enum Known {
    #[default]
    Nothing,
    Legacy,
    /// Carries messages to it.
    Modern(Arc<Carrier>),
}

impl Known {
    fn retire(self) {
        if let Self::Modern(carrier) = self {
            carrier.retire();
        }
    }

    /// How a client that speaks that revision reaches it.
    fn way(self) -> Option<Way> {
        match self {
            Self::Modern(carrier) => Some(Way::Shared(carrier)),
            Self::Nothing => None,
            Self::Legacy => Some(Way::Leased),
        }
    }
}

/// How a client reaches the server.
#[derive(Debug)]
pub(super) enum Way {
    /// In a session of its own.
    Session,
    /// In sessions that are leased for its calls.
    Leased,
    /// Together with the other clients.
    Shared(Arc<Carrier>),
}

/// What matters about a client of a remote server.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) era: Era,
    pub(super) principal: Identity,
    pub(super) unsolicited: Option<Arc<dyn Sink>>,
}

impl Remote {
    /// Nothing is sent before the first client comes.
    pub(crate) fn new(config: &RemoteConfig) -> Result<Self, Error> {
        let only_sse = config.transport == RemoteTransport::Sse;
        if only_sse && config.protocol == UpstreamProtocol::Modern {
            let text = "revision 2026-07-28 is not spoken over HTTP+SSE";
            return Err(Error::Remote(text.to_owned()));
        }
        let site = Arc::new(Site::new(config)?);
        let sessions = Sessions(Arc::clone(&site));
        Ok(Self(Arc::new(Inner {
            leases: Leases::new(Arc::new(sessions), site.limits.silence, Keep::Everything),
            site,
            protocol: if only_sse { UpstreamProtocol::Legacy } else { config.protocol },
            known: Mutex::default(),
            gate: Semaphore::new(1),
        })))
    }

    /// Why the last handshake with the server failed, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.0.site.failure()
    }

    /// Ends every session, within `budget`.
    pub(crate) async fn stop(self, budget: Duration) {
        let site = &self.0.site;
        self.0.leases.end();
        site.stop.cancel();
        site.tasks.close();
        if timeout(budget, site.tasks.wait()).await.is_err() {
            tracing::warn!("some sessions with the server took too long to end");
        }
    }

    /// Ends the subscriptions of modern clients.
    pub(super) fn end_leased_subscriptions(&self) {
        self.0.leases.end_subscriptions();
    }

    pub(super) fn site(&self) -> &Arc<Site> {
        &self.0.site
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this era is tried first for a client of this era.
    pub(super) fn takes_own_era_first(&self, era: Era) -> bool {
        self.0.protocol == UpstreamProtocol::Auto && era == Era::Legacy
    }

    /// Whether both eras may be used with the server.
    pub(super) fn may_turn(&self) -> bool {
        self.0.protocol == UpstreamProtocol::Auto
    }

    /// How a client of this era reaches the server, if that is known.
    pub(super) fn way(&self, era: Era) -> Option<Way> {
        let shakes_hands = self.0.site.has_shaken_hands();
        match (self.0.protocol, era) {
            (UpstreamProtocol::Legacy, Era::Legacy) => Some(Way::Session),
            (UpstreamProtocol::Legacy, Era::Modern) => Some(Way::Leased),
            _ if self.0.site.is_doubtful() => None,
            (UpstreamProtocol::Auto, Era::Legacy) if shakes_hands => Some(Way::Session),
            (UpstreamProtocol::Auto, Era::Legacy) => None,
            (UpstreamProtocol::Auto, Era::Modern) | (UpstreamProtocol::Modern, _) => {
                self.known().clone().way()
            }
        }
    }

    /// Finds out how a client of this era reaches the server.
    pub(super) async fn find_way(&self, era: Era) -> Result<Way, Fault> {
        let gone = |_| Fault::new(Kind::Final, "the proxy is shutting down");
        let _turn = self.0.gate.acquire().await.map_err(gone)?;
        if let Some(way) = self.way(era) {
            return Ok(way);
        }
        let site = &self.0.site;
        let found = discover(site).await;
        let found = found.inspect_err(|fault| site.not_reached(fault.sentence()))?;
        let place = site.endpoint.place();
        let before = mem::take(&mut *self.known());
        let known = match (found, before) {
            // Unchanged: its clients stay together.
            (Found::Modern(_), Known::Modern(carrier)) => Known::Modern(carrier),
            (found, before) => {
                before.retire();
                self.learned(found, &place)?
            }
        };
        site.settled();
        *self.known() = known.clone();
        known.way().ok_or_else(|| Fault::new(Kind::Final, "no usable server at this URL"))
    }

    fn learned(&self, found: Found, place: &str) -> Result<Known, Fault> {
        let site = &self.0.site;
        Ok(match found {
            Found::Modern(introduction) => {
                tracing::info!("{place} speaks revision 2026-07-28");
                Known::Modern(Carrier::start(site, introduction))
            }
            Found::Legacy(fault) if self.0.protocol == UpstreamProtocol::Modern => {
                let fault = fault.because("it does not speak revision 2026-07-28");
                site.not_reached(fault.sentence());
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
        Channel::open(&self.0.site, visitor.unsolicited.clone())
    }

    /// Connects a client in this way.
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

/// Opens sessions with a server.
#[derive(Debug)]
struct Sessions(Arc<Site>);

impl ServerSource for Sessions {
    fn reserve(&self) -> Result<OpenServer, ErrorBody> {
        let site = Arc::clone(&self.0);
        Ok(Box::new(move |sink| Channel::open(&site, Some(sink))))
    }

    /// There is always room.
    fn room(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
