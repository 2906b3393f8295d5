//! One port: what every request that comes through it is held to, whatever it is for.

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::sync::watch;

use super::{
    admin::{self, Admin},
    common::Common,
    cors::Cors,
    routes::{Reserved, Routes},
    well_known::well_known,
};
use crate::{
    cluster::Cluster,
    config::{AllowedHosts, AuthConfig, CorsConfig, HttpConfig, TrustedProxies},
    host::Host,
    identity::Bearer,
    metrics::Metrics,
    relay::Readiness,
    runtime::seats::Seats,
};

/// How often it is looked whether calls are under way.
const LOOK: Duration = Duration::from_millis(10);

/// What a port shares with the rest of the proxy.
#[derive(Clone)]
pub(crate) struct Behind {
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) connections: Arc<Seats>,
    pub(crate) metrics: Option<Arc<Metrics>>,
    pub(crate) shows_metrics: bool,
    /// Asked whatever only the embedding program can answer.
    pub(crate) host: Option<Arc<dyn Host>>,
    /// Asked about tokens, if any are accepted.
    pub(crate) bearer: Option<Arc<Bearer>>,
    /// The other replicas.
    pub(crate) cluster: Option<Arc<Cluster>>,
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

/// See the module.
pub(crate) struct Port {
    pub(super) common: Arc<Common>,
    routes: watch::Sender<Arc<Routes>>,
    /// Where the endpoints say who grants access to them.
    pub(super) well_known: Option<Reserved>,
    pub(super) admin: axum::Router,
    /// `/metrics` is served here too, behind the key.
    pub(super) shows_metrics: bool,
    pub(super) cors: Option<Cors>,
    pub(super) allowed_hosts: AllowedHosts,
    pub(super) trusted_proxies: TrustedProxies,
    pub(super) keep_alive: HeaderValue,
    pub(super) normalize_charset: bool,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("common", &self.common).finish_non_exhaustive()
    }
}

impl Port {
    /// A port that serves nothing but health yet.
    pub(crate) fn new(config: &HttpConfig, behind: Behind) -> Self {
        let routes = watch::Sender::default();
        let well_known = behind.bearer.clone().and_then(|bearer| well_known(bearer, &routes));
        let common = Arc::new(Common::new(config, behind.clone()));
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
            well_known,
            common,
            routes,
            admin: admin::routes(admin),
            shows_metrics: behind.shows_metrics,
            cors: config.cors.clone().map(|cors| Cors::new(exposing(cors, &config.auth))),
            allowed_hosts: config.allowed_hosts.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
            keep_alive: HeaderValue::try_from(format!("timeout={seconds}"))
                .unwrap_or(HeaderValue::from_static("timeout=300")),
            normalize_charset: config.normalize_charset,
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

/// A page that is to sign in has to see the challenge.
fn exposing(mut cors: CorsConfig, auth: &AuthConfig) -> CorsConfig {
    let name = "WWW-Authenticate";
    let known = cors.exposed_headers.iter().any(|one| one.eq_ignore_ascii_case(name));
    if auth.resource_server.is_some() && !known {
        cors.exposed_headers.push(name.to_owned());
    }
    cors
}
