//! Calls that cannot be sent to the upstream yet. They can be cancelled meanwhile.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::exchange::MemberId;
use crate::jsonrpc::Raw;

/// The calls that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    next: u64,
    calls: HashMap<u64, Call>,
}

#[derive(Debug)]
struct Call {
    member: MemberId,
    id: Raw,
    cancelled: oneshot::Sender<()>,
}

impl Waiting {
    pub(super) fn enter(&mut self, member: MemberId, id: &[u8]) -> (u64, oneshot::Receiver<()>) {
        let (cancelled, receiver) = oneshot::channel();
        let number = self.next;
        self.next += 1;
        self.calls.insert(number, Call { member, id: Raw::new(id), cancelled });
        (number, receiver)
    }

    /// This call waits no longer.
    pub(super) fn leave(&mut self, number: u64) {
        self.calls.remove(&number);
    }

    /// How many calls wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Ends the wait of this call; `false` if it does not wait.
    pub(super) fn cancel(&mut self, member: MemberId, id: &[u8]) -> bool {
        self.end(|call| call.member == member && call.id.as_bytes() == id)
    }

    /// Ends the wait of all calls of a disconnected client.
    pub(super) fn abandon(&mut self, member: MemberId) {
        self.end(|call| call.member == member);
    }

    fn end(&mut self, mut matching: impl FnMut(&Call) -> bool) -> bool {
        let ended = self.calls.extract_if(|_, call| matching(call));
        // If the call is dropped at this moment, nobody listens any more.
        ended.map(|(_, call)| call.cancelled.send(()).is_ok()).fold(false, |_, _| true)
    }
}
