//! Questions to a client during its call, and its answers.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::asked::{Abandoned, Asking};
use crate::{
    era::modern_server::{Failure, Progress, Round},
    jsonrpc::Message,
    protocol::cancelled,
    relay::{
        Outgoing, Reply, Shared, Sink,
        about::write,
        exchange::{LONGEST_ANSWER, MemberId},
        member::Member,
    },
};

impl Shared {
    /// Asks a client on the stream of its call.
    pub(super) fn ask(
        &self,
        member: MemberId,
        reply: Reply,
        round: Box<Round>,
        questions: &[Message],
    ) {
        let mut state = self.lock();
        let Some(attached) = state.members.get(&member) else {
            if let Some(task) = round.task() {
                state.end_task(task);
            }
            drop(state);
            return reply.forget();
        };
        let sink = audience(&reply, attached.unsolicited.as_ref());
        let due = Instant::now() + LONGEST_ANSWER;
        // Registered before writing, since the answer may come at once.
        state.bridge.asked.insert(Asking { member, reply, round, due });
        drop(state);
        for question in questions {
            tell(sink.as_deref(), question.bytes());
        }
        self.due.notify_one();
    }

    /// Ends a call whose answers will not come.
    pub(super) fn give_up(&self, member: MemberId, reply: Reply, progress: Progress) {
        let Progress::Fail(failure, withdrawn, task) = progress else { return };
        let mut state = self.lock();
        if let Some(task) = task {
            state.end_task(&task);
        }
        let unsolicited = state.members.get(&member).and_then(|member| member.unsolicited.clone());
        drop(state);
        withdraw(&reply, unsolicited.as_ref(), &withdrawn, "another answer is missing");
        fail(reply, failure);
    }
}

impl Member {
    /// Takes a client's answer, if it answers a question.
    pub(in crate::relay) fn answered(&self, response: &Message) -> Option<BoxFuture<'static, ()>> {
        if response.is_ambiguous() {
            tracing::debug!("a client's answer is dropped because it can be read in two ways");
            return None;
        }
        let question = response.id().and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        let mut state = self.shared().lock();
        let asked = question.and_then(|id| Some((id, state.bridge.asked.answered(self.id(), id)?)));
        let Some((question, asking)) = asked else {
            tracing::debug!("a client answered a question that it was not asked");
            return None;
        };
        let Asking { member, reply, round, due } = asking;
        match round.answer(question, response) {
            Progress::Open(round) => {
                state.bridge.asked.insert(Asking { member, reply, round, due });
                None
            }
            Progress::Again(call) => {
                drop(state);
                self.dispatch(call, reply, None)
            }
            failed @ Progress::Fail(..) => {
                drop(state);
                self.shared().give_up(member, reply, failed);
                None
            }
        }
    }

    /// Ends a call that the client cancels while it is asked; `false` if there is no such call.
    pub(in crate::relay) fn cancel_asked(&self, id: &[u8]) -> bool {
        let mut state = self.shared().lock();
        let taken = state.bridge.take(|member, reply| member == self.id() && reply.id() == id);
        let taken: Vec<_> = taken.into_iter().map(|left| state.dropped(left)).collect();
        let unsolicited =
            state.members.get(&self.id()).and_then(|member| member.unsolicited.clone());
        drop(state);
        let found = !taken.is_empty();
        for Abandoned { reply, open, .. } in taken {
            withdraw(&reply, unsolicited.as_ref(), &open, "the call was cancelled");
            reply.forget();
        }
        found
    }
}

/// Ends a call with this failure.
pub(super) fn fail(reply: Reply, failure: Failure) {
    match failure.outcome() {
        Ok(result) => reply.result(result.as_bytes()),
        Err(error) => reply.error(&error),
    }
}

/// Where a client is asked something about its call: on the call's stream, or on its own stream if
/// only that is being read. The call's stream keeps what is not read.
fn audience(reply: &Reply, unsolicited: Option<&Arc<dyn Sink>>) -> Option<Arc<dyn Sink>> {
    let own = unsolicited.filter(|sink| sink.is_heard() && !reply.is_heard());
    own.cloned().or_else(|| reply.sink())
}

/// Withdraws questions that have become pointless.
fn withdraw(reply: &Reply, unsolicited: Option<&Arc<dyn Sink>>, open: &[u64], reason: &str) {
    let sink = audience(reply, unsolicited);
    for id in open {
        tell(sink.as_deref(), &cancelled(id, reason).into());
    }
}

fn tell(sink: Option<&dyn Sink>, source: &bytes::Bytes) {
    if let Some(sink) = sink {
        write(sink, Outgoing::new(source, &[], false));
    }
}
