//! A line for every refusal that concerns whoever watches over access: who, what and why, no secret.
//!
//! Who can be refused can be refused often, so lines for one reason come at a bounded rate.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use http::{Method, Uri};

use crate::telemetry::on_one_line;

/// Lines for one reason in a row.
const BURST: f64 = 20.0;
/// Further ones in a second.
const PER_SECOND: f64 = 1.0;
/// Most letters of a path.
const MAX_PATH: usize = 100;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Audit(Mutex<HashMap<&'static str, Lines>>);

#[derive(Debug)]
struct Lines {
    left: f64,
    since: Instant,
    left_out: u64,
}

/// A request that was refused.
pub(super) struct Refused<'a> {
    pub(super) peer: IpAddr,
    /// A word for programs.
    pub(super) reason: &'static str,
    pub(super) status: u16,
    /// Nothing where none was read.
    pub(super) request: Option<(&'a Method, &'a Uri)>,
}

impl Audit {
    /// Writes the line, unless there were too many for this reason.
    pub(super) fn write(&self, refused: &Refused<'_>) {
        let Some(left_out) = self.admit(refused.reason, Instant::now()) else { return };
        let Refused { peer, reason, status, request } = refused;
        // Without the query, which may hold a session or a token.
        let request = request.map(|(method, target)| {
            let path: String = target.path().chars().take(MAX_PATH).collect();
            on_one_line(&format!("{method} {path}")).into_owned()
        });
        let request = request.unwrap_or_default();
        let peer = peer.to_canonical();
        tracing::warn!(
            target: "mcp_proxy::audit",
            %peer, status, reason, request, left_out, "refused a request"
        );
    }

    /// Whether one more is written; if so, how many before it were not.
    fn admit(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = || Lines { left: BURST, since: now, left_out: 0 };
        let lines = reasons.entry(reason).or_insert_with(begun);
        let passed = now.saturating_duration_since(lines.since).as_secs_f64();
        lines.left = (lines.left + passed * PER_SECOND).min(BURST);
        lines.since = now;
        if lines.left < 1.0 {
            lines.left_out += 1;
            return None;
        }
        lines.left -= 1.0;
        Some(std::mem::take(&mut lines.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_for_one_reason_come_at_a_bounded_rate_and_are_counted() {
        let (audit, start) = (Audit::default(), Instant::now());
        let written = (0..100).filter(|_| audit.admit("a", start).is_some()).count();
        assert_eq!(written, 20);
        assert_eq!(audit.admit("b", start), Some(0));
        assert_eq!(audit.admit("a", start + Duration::from_secs(1)), Some(80));
        assert_eq!(audit.admit("a", start + Duration::from_secs(1)), None);
    }
}
