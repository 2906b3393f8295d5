//! Logs every refusal that matters for security: who, what and why, without secrets. This is the
//! only place that does.
//!
//! Somebody may be refused very often, so the rate of lines for one reason is limited.

use std::{net::IpAddr, time::Instant};

use super::on_one_line;
use crate::runtime::allowance::Allowance;

/// Lines for one reason in a row.
const BURST: f64 = 20.0;
/// Further lines per second.
const PER_SECOND: f64 = 1.0;
/// Most characters of a text from outside.
const MAX_WRITTEN: usize = 100;

/// Writes the lines, as often as each reason may have one.
#[derive(Debug)]
pub(crate) struct Audit(Allowance<&'static str>);

impl Default for Audit {
    fn default() -> Self {
        Self(Allowance::new(BURST, PER_SECOND))
    }
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
        let Some(left_out) = self.0.admit(refused.reason, Instant::now()) else { return };
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
}

/// The beginning of it, for a line of the log.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_WRITTEN).collect()
}
