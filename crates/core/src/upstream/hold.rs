//! The use of a server that others may use too, while it lasts.

use std::{fmt, sync::Arc};

use futures_util::future;

use crate::{
    identity::Identity,
    relay::{OpenError, Shared},
};

/// A starting server, shared by everybody who waits for it.
pub(super) type Coming = future::Shared<future::BoxFuture<'static, Result<Arc<Shared>, OpenError>>>;

/// The owner of servers.
pub(super) trait Source: fmt::Debug + Send + Sync {
    /// A use of this server has ended. A server without a principal ends with it.
    fn release(&self, number: u64, principal: Option<&Identity>);

    /// Ends what has waited too long, until nothing waits any more.
    fn sweep_from_now_on(&self);
}

/// One use of a server; ends when dropped.
#[derive(Debug)]
pub(super) struct Hold {
    source: Arc<dyn Source>,
    number: u64,
    /// The principal for which the server is kept, if any.
    principal: Option<Identity>,
}

impl Hold {
    /// A use of this server, which is kept for this principal, if there is one.
    pub(super) fn new(source: Arc<dyn Source>, number: u64, principal: Option<Identity>) -> Self {
        Self { source, number, principal }
    }

    /// The owner of its server.
    pub(super) fn source(&self) -> Arc<dyn Source> {
        Arc::clone(&self.source)
    }

    /// Whether its server ends with it.
    pub(super) fn is_sole(&self) -> bool {
        self.principal.is_none()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.source.release(self.number, self.principal.as_ref());
    }
}
