//! One port: what every request that comes through it is held to, whatever it is for.

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::sync::watch;

use super::{
    admin::{self, Admin},
    behind::Behind,
    common::Common,
    routes::Routes,
    terms::Terms,
    well_known::well_known,
};
use crate::{
    config::{HttpConfig, TrustedProxies},
    identity::Bearer,
    metrics::Family,
};

/// How often it is looked whether calls are under way.
const LOOK: Duration = Duration::from_millis(10);

/// See the module.
pub(crate) struct Port {
    pub(super) common: Arc<Common>,
    routes: watch::Sender<Arc<Routes>>,
    pub(super) admin: axum::Router,
    meter: Meter,
    /// `/metrics` is served here too, behind the key.
    pub(super) shows_metrics: bool,
    pub(super) trusted_proxies: TrustedProxies,
    pub(super) keep_alive: HeaderValue,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("common", &self.common).finish_non_exhaustive()
    }
}

/// Reads what a proxy counts, at any time and as long as it is kept.
#[derive(Clone, Debug)]
pub struct Meter(Box<Admin>);

impl Meter {
    /// Everything, as it is now, in the order of `/metrics`; nothing where
    /// [`MetricsConfig`](crate::config::MetricsConfig) asks for no counting.
    pub fn read(&self) -> Vec<Family> {
        self.0.families()
    }
}

impl Port {
    /// A port that serves nothing but health yet.
    pub(crate) fn new(config: &HttpConfig, behind: Behind) -> Self {
        let routes = watch::Sender::default();
        let terms = terms(config, behind.bearer.clone(), &routes);
        let common = Arc::new(Common::new(config, behind.clone(), terms));
        let admin = Admin {
            readiness: behind.readiness,
            metrics: behind.metrics,
            routes: routes.subscribe(),
            connections: behind.connections,
            backlog: Arc::clone(&common.backlog),
            cluster: behind.cluster,
        };
        let seconds = config.keep_alive_timeout.as_secs();
        Self {
            common,
            routes,
            meter: Meter(Box::new(admin.clone())),
            admin: admin::routes(admin),
            shows_metrics: behind.shows_metrics,
            trusted_proxies: config.trusted_proxies.clone(),
            keep_alive: HeaderValue::try_from(format!("timeout={seconds}"))
                .unwrap_or(HeaderValue::from_static("timeout=300")),
        }
    }

    /// What endpoints of this port are made with.
    pub(crate) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// The table by which requests are served now.
    pub(crate) fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.borrow())
    }

    /// Serves requests by this table from now on; the one before it. Endpoints that are in the old
    /// one only serve the requests and streams that they have, to their end.
    pub(crate) fn exchange(&self, routes: Routes) -> Arc<Routes> {
        self.routes.send_replace(Arc::new(routes))
    }

    /// Holds requests to what this configuration says from now on, so far as that can change while
    /// the port is open.
    pub(crate) fn adopt(&self, config: &HttpConfig, bearer: Option<Arc<Bearer>>) {
        self.common.adopt(terms(config, bearer, &self.routes));
        self.common.seats.limit_to(config.max_sessions);
        for mount in self.routes().mounts() {
            mount.adopt(config);
        }
    }

    /// What reads everything that is counted here.
    pub(crate) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// What the proxy says about itself, for a port of its own.
    pub(crate) fn admin(&self) -> axum::Router {
        self.admin.clone()
    }

    /// Waits until no call is under way, but not for longer than this.
    pub(crate) async fn rest(&self, grace: Duration) {
        let resting = async {
            while self.routes().mounts().iter().any(|mount| mount.registry.is_busy()) {
                tokio::time::sleep(LOOK).await;
            }
        };
        drop(tokio::time::timeout(grace, resting).await);
    }

    /// Ends every session of every endpoint.
    pub(crate) fn close(&self) {
        for mount in self.routes().mounts() {
            mount.close();
        }
    }
}

fn terms(
    config: &HttpConfig,
    bearer: Option<Arc<Bearer>>,
    routes: &watch::Sender<Arc<Routes>>,
) -> Terms {
    let documents = |bearer| well_known(bearer, routes);
    let well_known = bearer.clone().map(documents).unwrap_or_default();
    Terms::new(config, bearer, well_known)
}
