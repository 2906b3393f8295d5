//! One port: limits and settings that apply to every request on it.

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

/// How often running calls are checked for.
const LOOK: Duration = Duration::from_millis(10);

/// See the module.
pub(crate) struct Port {
    pub(super) common: Arc<Common>,
    routes: watch::Sender<Arc<Routes>>,
    pub(super) admin: axum::Router,
    meter: Meter,
    /// Whether `/metrics` is served here too, behind the key.
    pub(super) shows_metrics: bool,
    pub(super) trusted_proxies: TrustedProxies,
    pub(super) keep_alive: HeaderValue,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("common", &self.common).finish_non_exhaustive()
    }
}

/// Reads a proxy's metrics, at any time, and even after the proxy has ended.
#[derive(Clone, Debug)]
pub struct Meter(Box<Admin>);

impl Meter {
    /// All metrics as they are now, in the order of `/metrics`; empty if
    /// [`MetricsConfig`](crate::config::MetricsConfig) does not enable any.
    pub fn read(&self) -> Vec<Family> {
        self.0.families()
    }
}

impl Port {
    /// A port that serves only health so far.
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

    /// What mounts of this port are built with.
    pub(crate) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// The current table of routes.
    pub(crate) fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.borrow())
    }

    /// Exchanges the table of routes; returns the previous one. Mounts that are only in the old
    /// table serve their requests and streams to their end.
    pub(crate) fn exchange(&self, routes: Routes) -> Arc<Routes> {
        self.routes.send_replace(Arc::new(routes))
    }

    /// Applies this configuration to requests from now on, except for what cannot change while the
    /// port is open.
    pub(crate) fn adopt(&self, config: &HttpConfig, bearer: Option<Arc<Bearer>>) {
        self.common.adopt(terms(config, bearer, &self.routes));
        self.common.seats.limit_to(config.max_sessions);
        for mount in self.routes().mounts() {
            mount.adopt(config);
        }
    }

    /// Reads everything that is counted here.
    pub(crate) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Health and metrics, for a port of their own.
    pub(crate) fn admin(&self) -> axum::Router {
        self.admin.clone()
    }

    /// Waits until no call is running, at most this long.
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
