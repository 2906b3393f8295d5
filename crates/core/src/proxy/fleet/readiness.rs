//! Whether a fleet can take calls, for load balancers and metrics.

use std::sync::Arc;

use super::{running::Running, shared::Shared};
use crate::relay::{Named, Readiness, Servers, Unready};

/// See the module.
#[derive(Debug)]
pub(super) struct FleetReadiness(pub(super) Arc<Shared>);

impl Readiness for FleetReadiness {
    fn unready(&self) -> Option<Unready> {
        let roster = self.0.roster();
        let down: Vec<_> =
            roster.servers.iter().filter_map(|server| Some((server, server.unready()?))).collect();
        let required = down.iter().find(|(server, _)| server.config.required);
        if let Some((server, unready)) = required {
            let reason = format!("the required server {:?}: {}", server.name(), unready.reason);
            return Some(Unready { reason, ..unready.clone() });
        }
        let lazy = roster.servers.iter().any(|server| server.config.lazy);
        if lazy || down.len() < roster.servers.len() {
            return None;
        }
        let starting = down.iter().any(|(_, unready)| unready.state == "starting");
        let state = if starting { "starting" } else { "failing" };
        let reason = match down.as_slice() {
            [] => "no server is switched on".to_owned(),
            _ => "no server is up".to_owned(),
        };
        Some(Unready { state, reason, retry_after: None })
    }

    fn degraded(&self) -> Vec<String> {
        let config = self.0.failed_reload().map(|reason| format!("config: {reason}"));
        let roster = self.0.roster();
        let down = roster.servers.iter().filter_map(|server| degraded(server));
        config.into_iter().chain(down).collect()
    }

    fn is_outdated(&self) -> Option<bool> {
        Some(self.0.failed_reload().is_some())
    }

    fn named(&self) -> Vec<Named> {
        let roster = self.0.roster();
        let named = roster.servers.iter().map(|server| Named {
            name: server.label(),
            up: server.unready().is_none(),
            servers: server.late.servers(),
        });
        named.collect()
    }

    fn servers(&self) -> Servers {
        let roster = self.0.roster();
        let all = roster.servers.iter().map(|server| server.late.servers());
        all.fold(Servers::default(), Servers::with)
    }
}

/// Why a server cannot take calls; an idle one can, since it starts when it is needed.
fn degraded(server: &Running) -> Option<String> {
    let unready = server.unready().filter(|unready| unready.state != "lazy")?;
    Some(format!("{}: {}", server.name(), unready.reason))
}
