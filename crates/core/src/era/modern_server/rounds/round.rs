//! A round of questions, until the client has answered them all.

use super::{
    Call, Progress, Round,
    question::{bare, refusal},
};
use crate::jsonrpc::{Kind, Message};

impl Round {
    /// Takes the client's answer to a question of this round.
    pub(crate) fn answer(mut self, id: u64, response: &Message) -> Progress {
        let result = response.result().filter(|span| response.text(*span).first() == Some(&b'{'));
        let Some(result) = result.filter(|_| response.kind() == Kind::Result) else {
            let reason = match response.error() {
                Some(error) => refusal(response, error),
                None => "the client's answer was not an object".to_owned(),
            };
            return self.give_up(id, &reason);
        };
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.id == id) {
            slot.answer = Some(bare(response, result));
        }
        if self.slots.iter().any(|slot| slot.answer.is_none()) {
            return Progress::Open(Box::new(self));
        }
        Progress::Again(self.again())
    }

    /// The client can no longer answer.
    pub(crate) fn expire(self) -> Progress {
        self.give_up(u64::MAX, "the client did not answer in time")
    }

    /// The unanswered questions.
    pub(crate) fn open(&self) -> Vec<u64> {
        self.slots.iter().filter(|slot| slot.answer.is_none()).map(|slot| slot.id).collect()
    }

    fn give_up(self, answered: u64, reason: &str) -> Progress {
        let open = self.open().into_iter().filter(|id| *id != answered).collect();
        let task = self.call.task().map(str::to_owned);
        Progress::Fail(self.call.fail(reason), open, task)
    }

    /// The task that the call has become, if it has.
    pub(crate) fn task(&self) -> Option<&str> {
        self.call.task()
    }

    pub(super) fn again(self) -> Box<Call> {
        let Self { mut call, state, slots } = self;
        if let Some(task) = &mut call.task {
            task.told(slots.iter().map(|slot| slot.key.clone()));
        }
        let mut answers = String::new();
        if !slots.is_empty() {
            let given: Vec<_> = slots
                .into_iter()
                .map(|slot| format!("{}:{}", slot.key, slot.answer.unwrap_or_default()))
                .collect();
            answers = format!("\"inputResponses\":{{{}}},", given.join(","));
        }
        if let Some(state) = state {
            answers.push_str("\"requestState\":");
            answers.push_str(&state);
            answers.push(',');
        }
        call.answers = answers;
        Box::new(call)
    }
}
