//! Rates of callers, counted over all replicas through their store.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::common::Common;
use crate::{cluster::Store, relay::Exchange};

/// See the module.
struct SharedRates {
    store: Arc<Store>,
    key: [u8; 32],
}

impl fmt::Debug for SharedRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRates").finish_non_exhaustive()
    }
}

impl Common {
    /// Exchanges with other replicas what the callers of the server with this name have used;
    /// `None` if there is no store.
    pub(crate) fn exchange(&self, server: &str) -> Option<Arc<dyn Exchange>> {
        let store = Arc::clone(self.cluster.as_ref()?.store()?);
        let key = store.key_for(server);
        Some(Arc::new(SharedRates { store, key }))
    }
}

impl Exchange for SharedRates {
    fn key(&self) -> [u8; 32] {
        self.key
    }

    fn tell<'a>(&'a self, spent: &'a [(u64, Duration)]) -> BoxFuture<'a, Option<Vec<Duration>>> {
        Box::pin(async move { self.store.spend(spent).await.ok() })
    }
}
