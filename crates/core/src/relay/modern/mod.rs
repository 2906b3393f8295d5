//! A shared 2026-07-28 server: what its handshake clients need in between.
//!
//! Clients of its own era need nothing: ids and progress tokens are replaced as for everybody, and
//! every other byte passes. For handshake clients, each request carries what its client once said
//! about itself, results are translated, questions are asked in the client's form, and the proxy
//! listens for changes on behalf of all of them. Decisions are made in `era::modern_server` and
//! carried out here.

mod asked;
mod asking;
mod listening;
mod logging;
mod member;
mod receive;
mod tending;

pub(crate) use listening::{failure, tell_end, unreported};
pub(crate) use receive::untagged;

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Reply, exchange::MemberId};
use crate::era::modern_server::{Call, Envelope, Listen};
use asked::{Abandoned, Asked};

/// The request for a stream of changes.
pub(crate) const LISTEN: &str = "subscriptions/listen";

/// State for such a server and its clients.
#[derive(Debug)]
pub(super) struct Bridge {
    listen: Listen,
    asked: Asked,
    paused: Vec<Paused>,
    /// Tools whose output schema clients know in wrapped form, by their raw names.
    wrapped_tools: HashSet<Vec<u8>>,
    /// Represents the proxy, and clients without a handshake.
    own: Arc<Envelope>,
    epoch: Instant,
}

/// A call that its server wants again, a little later.
struct Paused {
    member: MemberId,
    reply: Reply,
    call: Box<Call>,
    due: Instant,
}

impl fmt::Debug for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paused").field("member", &self.member).finish_non_exhaustive()
    }
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            asked: Asked::default(),
            paused: Vec::new(),
            wrapped_tools: HashSet::new(),
            own: Arc::new(Envelope::of_proxy(crate::VERSION)),
            epoch: Instant::now(),
        }
    }
}

impl Bridge {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Members of `params._meta` of the proxy's own requests.
    pub(super) fn own_metadata(&self) -> &str {
        self.own.members()
    }

    /// The server has ended. Questions to clients stay open: no request is running for them, and
    /// the answers may go to the successor.
    pub(super) fn lost(&mut self) {
        self.listen.lost();
    }

    /// Removes what belongs to a disconnected client, or to its cancelled call.
    fn take(&mut self, concerns: impl Fn(MemberId, &Reply) -> bool) -> Vec<Abandoned> {
        let mut taken = self.asked.take(&concerns);
        let paused = self.paused.extract_if(.., |paused| concerns(paused.member, &paused.reply));
        taken.extend(paused.map(|paused| Abandoned { reply: paused.reply, open: Vec::new() }));
        taken
    }

    /// What belonged to a disconnected client.
    pub(super) fn leave(&mut self, member: MemberId) -> Vec<Reply> {
        self.take(|of, _| of == member).into_iter().map(|left| left.reply).collect()
    }
}
