//! Legacy servers of an embedding program for modern clients.
//!
//! Each was created for one request and ends with its answer. While its client is asked something
//! it stays, and the request with the answers finds it.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::BoxFuture;

use super::{
    crossings::Crossings,
    key::Key,
    lease::Lease,
    leases::Leases,
    legacy::{Legacy, Subscribed, Unsubscribed},
    origin::Origin,
    passage::Passage,
};
use crate::{
    era::modern_to_legacy::LegacyRequest,
    identity::Identity,
    jsonrpc::{Code, ErrorBody, Message},
    protocol::header::annotation::MirroredParameter,
    relay::{Connection, Sink},
};

/// State that their clients share.
#[derive(Debug, Default)]
pub(in crate::relay) struct Hosted(Arc<Crossings>);

impl Hosted {
    /// The connection of the request for which this server was created; `server` gets the sink for
    /// its standalone messages.
    pub(in crate::relay) fn open(
        &self,
        principal: Identity,
        request: &Message,
        server: impl FnOnce(Arc<dyn Sink>) -> Arc<dyn Connection>,
    ) -> Arc<dyn Connection> {
        let key = Key::of(&principal, request);
        self.passage(principal, Some(Lease::open(key, Weak::<Leases>::new(), server)))
    }

    /// The connection of a request that continues a call; `None` if this request does not.
    pub(in crate::relay) fn returning(
        &self,
        principal: &Identity,
        request: &Message,
    ) -> Option<Arc<dyn Connection>> {
        let state = LegacyRequest::state_of(request)?;
        let is_held = self.0.rounds.holds(request.text(state));
        is_held.then(|| self.passage(principal.clone(), None))
    }

    fn passage(&self, principal: Identity, lease: Option<Arc<Lease>>) -> Arc<dyn Connection> {
        let crossings = Arc::clone(&self.0);
        let visit = Visit { crossings, lease, is_called: AtomicBool::new(false) };
        Arc::new(Passage::new(Arc::new(visit), principal, None))
    }

    /// Remembers the tools of this result, for this principal.
    pub(in crate::relay) fn learn_tools(&self, principal: &Identity, response: &Message) {
        self.0.learn(principal, response);
    }

    /// The arguments of this tool that callers mirror in headers.
    pub(in crate::relay) fn mirrored(
        &self,
        principal: &Identity,
        tool: &str,
    ) -> Option<Arc<[MirroredParameter]>> {
        self.0.schemas.of(principal, tool)
    }

    /// Passes a change on to the subscriptions that asked for it.
    pub(in crate::relay) fn pass_on(&self, notification: &Message) {
        for subscription in self.0.subscriptions() {
            subscription.pass_on(notification);
        }
    }

    /// Ends every subscription with its result, and ends the calls whose clients are being asked.
    pub(in crate::relay) fn end(&self) {
        self.0.end_subscriptions();
        self.0.give_up_held();
    }
}

/// One request and the server that was created for it, if it needed one.
struct Visit {
    crossings: Arc<Crossings>,
    lease: Option<Arc<Lease>>,
    /// The server ends with its call.
    is_called: AtomicBool,
}

impl Visit {
    fn lease(&self) -> Result<Arc<Lease>, ErrorBody> {
        let over = || ErrorBody::new(Code::InvalidParams, "the call has ended");
        self.lease.clone().ok_or_else(over)
    }
}

impl Legacy for Visit {
    fn crossings(&self) -> &Arc<Crossings> {
        &self.crossings
    }

    fn origin(self: Arc<Self>, _: &Message) -> Result<Arc<dyn Origin>, ErrorBody> {
        self.is_called.store(true, Ordering::Relaxed);
        Ok(self.lease()?)
    }

    fn subscribe(
        self: Arc<Self>,
        _: &Message,
        sink: Arc<dyn Sink>,
    ) -> BoxFuture<'static, Subscribed> {
        Box::pin(async move {
            let lease = self.lease()?;
            let greeting = lease.greeted().await.map_err(Unsubscribed::NotGreeted)?;
            lease.heard_by(&sink);
            Ok((lease as Arc<dyn Connection>, greeting))
        })
    }

    fn notify(&self, notification: Message) -> Option<BoxFuture<'static, ()>> {
        let lease = self.lease.clone()?;
        Some(Box::pin(async move {
            if lease.greeted().await.is_err() {
                return;
            }
            if let Some(sending) = Connection::send(&*lease, notification, None, None) {
                sending.await;
            }
        }))
    }

    fn close(&self) {
        if let Some(lease) = &self.lease
            && !self.is_called.load(Ordering::Relaxed)
        {
            lease.end();
        }
    }
}
