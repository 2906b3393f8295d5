//! Logs every refusal that matters for security: who, what and why, without secrets. This is the
//! only place that does.
//!
//! Somebody may be refused very often, so the rate of lines for one reason is limited.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::on_one_line;

/// Lines for one reason in a row.
const BURST: f64 = 20.0;
/// Further lines per second.
const PER_SECOND: f64 = 1.0;
/// Most characters of a text from outside.
const MAX_WRITTEN: usize = 100;

/// How often lines were written, by reason.
#[derive(Debug, Default)]
pub(crate) struct Audit(Mutex<HashMap<&'static str, Lines>>);

#[derive(Debug)]
struct Lines {
    left: f64,
    since: Instant,
    left_out: u64,
}

/// A refusal. Unknown values are left out of the line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Refused<'a> {
    /// A word for programs; the limit counts by it.
    pub(crate) reason: &'static str,
    /// Where the request came from.
    pub(crate) peer: Option<IpAddr>,
    /// The HTTP status of the answer.
    pub(crate) status: Option<u16>,
    /// Method and path of an HTTP request, without its query, which may hold a session or a token.
    pub(crate) request: Option<&'a str>,
    /// What the client calls itself.
    pub(crate) client: Option<&'a str>,
    /// Who issued the credentials.
    pub(crate) issuer: Option<&'a str>,
    /// The caller's pseudonym.
    pub(crate) subject: Option<&'a str>,
    /// The MCP method of a call.
    pub(crate) method: Option<&'a str>,
    /// The tool, prompt or resource.
    pub(crate) tool: Option<&'a str>,
    /// The outcome, if it says more than the reason.
    pub(crate) outcome: Option<&'static str>,
    /// Why, as a sentence for people.
    pub(crate) why: Option<&'a str>,
}

impl Audit {
    /// Writes the line, unless there were too many for this reason.
    pub(crate) fn write(&self, refused: &Refused<'_>) {
        let Some(left_out) = self.admit(refused.reason, Instant::now()) else { return };
        let Refused { reason, status, issuer, subject, outcome, .. } = *refused;
        let cut = |text: Option<&str>| text.map(|text| on_one_line(&shortened(text)).into_owned());
        let peer = refused.peer.map(|peer| peer.to_canonical().to_string());
        let [request, client, method, tool] =
            [refused.request, refused.client, refused.method, refused.tool].map(cut);
        let why = refused.why.map(|why| format!(": {why}")).unwrap_or_default();
        let what = if method.is_some() { "call" } else { "request" };
        tracing::warn!(
            target: "mcp_proxy::audit",
            peer, status, reason, request, client, issuer, subject, method, tool, outcome,
            left_out, "refused a {what}{why}"
        );
    }

    /// Whether one more may be written; if so, how many were left out before it.
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

/// The beginning of it, for a line of the log.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_WRITTEN).collect()
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
