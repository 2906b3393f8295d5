//! Calls whose clients are being asked something.

use std::{collections::HashMap, fmt};

use tokio::time::Instant;

use crate::{
    era::modern_server::Round,
    relay::{Reply, exchange::MemberId},
};

/// Calls whose clients are being asked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    next_round: u64,
    rounds: HashMap<u64, Asking>,
    /// The round of a question.
    questions: HashMap<u64, u64>,
}

pub(super) struct Asking {
    pub(super) member: MemberId,
    pub(super) reply: Reply,
    pub(super) round: Box<Round>,
    pub(super) due: Instant,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("round", &self.round).finish_non_exhaustive()
    }
}

impl Asked {
    pub(super) fn insert(&mut self, asking: Asking) {
        let number = self.next_round;
        self.next_round += 1;
        self.questions.extend(asking.round.open().into_iter().map(|id| (id, number)));
        self.rounds.insert(number, asking);
    }

    /// The round of a question that this client was asked and has not answered.
    pub(super) fn answered(&mut self, member: MemberId, question: u64) -> Option<Asking> {
        let number = *self.questions.get(&question)?;
        self.rounds.get(&number).filter(|asking| asking.member == member)?;
        self.remove(number)
    }

    fn remove(&mut self, number: u64) -> Option<Asking> {
        let asking = self.rounds.remove(&number)?;
        for id in asking.round.open() {
            self.questions.remove(&id);
        }
        Some(asking)
    }

    pub(super) fn take(&mut self, concerns: impl Fn(MemberId, &Reply) -> bool) -> Vec<Abandoned> {
        let all = self.rounds.iter();
        let concerned: Vec<u64> = all
            .filter(|(_, asking)| concerns(asking.member, &asking.reply))
            .map(|(number, _)| *number)
            .collect();
        let removed = concerned.into_iter().filter_map(|number| self.remove(number));
        removed.map(Abandoned::from).collect()
    }

    /// The replies of the calls that an ended server ran as tasks.
    pub(super) fn lost(&mut self) -> Vec<Reply> {
        let all = self.rounds.iter();
        let lost: Vec<u64> = all
            .filter(|(_, asking)| asking.round.task().is_some())
            .map(|(number, _)| *number)
            .collect();
        lost.into_iter().filter_map(|number| Some(self.remove(number)?.reply)).collect()
    }

    /// When the next client runs out of time.
    pub(super) fn due(&self) -> Option<Instant> {
        self.rounds.values().map(|asking| asking.due).min()
    }

    /// The calls whose clients have run out of time.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<(MemberId, Reply, Box<Round>)> {
        let overdue: Vec<u64> = self
            .rounds
            .iter()
            .filter(|(_, asking)| asking.due <= now)
            .map(|(number, _)| *number)
            .collect();
        let removed = overdue.into_iter().filter_map(|number| self.remove(number));
        removed.map(|Asking { member, reply, round, .. }| (member, reply, round)).collect()
    }
}

/// A call that ended while no request was running for it.
pub(super) struct Abandoned {
    pub(super) reply: Reply,
    /// Questions that its client has not answered.
    pub(super) open: Vec<u64>,
    /// The task that the server runs for it.
    pub(super) task: Option<String>,
}

impl From<Asking> for Abandoned {
    fn from(asking: Asking) -> Self {
        let (open, task) = (asking.round.open(), asking.round.task().map(str::to_owned));
        Self { open, reply: asking.reply, task }
    }
}
