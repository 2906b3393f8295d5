//! The use of a server that others may use too, for as long as it is kept.

use std::{fmt, sync::Arc};

use futures_util::future;

use crate::{
    identity::Identity,
    relay::{OpenError, Shared},
};

/// A server that is being started, for everybody who waits for it.
pub(super) type Coming = future::Shared<future::BoxFuture<'static, Result<Arc<Shared>, OpenError>>>;

/// Where servers come from.
pub(super) trait Source: fmt::Debug + Send + Sync {
    /// A use of this server is over. One that is nobody's ends with it.
    fn release(&self, number: u64, principal: Option<&Identity>);

    /// Ends what waits for too long, as long as anything waits.
    fn sweep_from_now_on(&self);
}

/// Somebody's use of a server; ends when dropped.
#[derive(Debug)]
pub(super) struct Hold {
    source: Arc<dyn Source>,
    number: u64,
    /// Whose server it is, if it is to be kept.
    principal: Option<Identity>,
}

impl Hold {
    /// The use of this server, which is kept for this principal, if there is one.
    pub(super) fn new(source: Arc<dyn Source>, number: u64, principal: Option<Identity>) -> Self {
        Self { source, number, principal }
    }

    /// Where its server is from.
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
