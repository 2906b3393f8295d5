//! Calls that have become tasks of an older server, for whose progress their tokens still stand (MCP 2025-11-25, tasks).

use std::{fmt, sync::Arc};

use super::{Reply, Sink, about::About, exchange::MemberId, ids::ById};
use crate::jsonrpc::{Message, Raw};

/// By the numbers of the requests that they began as.
#[derive(Debug, Default)]
pub(super) struct Tasks(ById<Told>);

/// Who gets the progress of a task.
struct Told {
    member: MemberId,
    sink: Arc<dyn Sink>,
    /// The token that it knows.
    own: Raw,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("member", &self.member).finish_non_exhaustive()
    }
}

impl Tasks {
    /// The request with this number has become a task.
    pub(super) fn began(&mut self, number: u64, member: MemberId, reply: &Reply) {
        if let (Some(sink), Some(own)) = (reply.sink(), reply.token()) {
            self.0.insert(number, Told { member, sink, own: Raw::new(own) });
        }
    }

    /// The note for a progress notification of a task.
    pub(super) fn progress_of(&self, number: u64, notification: &Message) -> Option<About> {
        let Told { sink, own, .. } = self.0.get(&number)?;
        About::progress(Arc::clone(sink), notification, own.clone())
    }

    /// The client has gone.
    pub(super) fn leave(&mut self, member: MemberId) {
        if !self.0.is_empty() {
            self.0.retain(|_, told| told.member != member);
        }
    }

    /// The server has gone.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
