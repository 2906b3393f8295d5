//! The parts of the proxy that a port uses.

use std::{fmt, sync::Arc};

use crate::{
    cluster::Cluster, host::Host, identity::Bearer, metrics::Metrics, relay::Readiness,
    runtime::seats::Seats,
};

/// See the module.
#[derive(Clone)]
pub(crate) struct Behind {
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) connections: Arc<Seats>,
    pub(crate) metrics: Option<Arc<Metrics>>,
    pub(crate) shows_metrics: bool,
    /// Answers what only the embedding program knows.
    pub(crate) host: Option<Arc<dyn Host>>,
    /// Checks tokens, if any are accepted.
    pub(crate) bearer: Option<Arc<Bearer>>,
    /// The other replicas.
    pub(crate) cluster: Option<Arc<Cluster>>,
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}
