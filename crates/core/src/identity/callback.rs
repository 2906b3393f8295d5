//! The embedding program's own way to identify callers.

use std::{fmt, sync::Arc};

use futures_util::future::{BoxFuture, ready};
use http::request::Parts;

use super::{Claims, Denial, Identity};
use crate::host::{Caller, Host, Refusal, Visited};

/// The issuer in identities from a callback.
const ISSUER: &str = "authenticate";

/// See the module. It is asked about requests whose head the port has kept (a [`Caller`] among the
/// extensions), with the session that they name ([`Visited`]).
pub(crate) struct Callback(Arc<dyn Host>);

impl Callback {
    /// The host's callback, if it has one.
    pub(crate) fn of(host: &Arc<dyn Host>) -> Option<Self> {
        host.authenticates().then(|| Self(Arc::clone(host)))
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Callback").finish()
    }
}

impl Callback {
    /// Who sends this request, according to the program.
    pub(crate) fn authenticate<'a>(
        &'a self,
        head: &'a Parts,
    ) -> BoxFuture<'a, Result<Identity, Denial>> {
        let Some(caller) = head.extensions.get::<Arc<Caller>>() else {
            return Box::pin(ready(Err(Denial::Host(Refusal::Unusable))));
        };
        let answer = self.0.authenticate(caller, head.extensions.get::<Visited>());
        Box::pin(async move {
            let subject = answer.await.map_err(Denial::Host)?;
            Ok(subject
                .map_or_else(Identity::default, |subject| Claims::new(ISSUER, subject).into()))
        })
    }
}
