//! Replicas, a store and a network that fail in every order, each run from one seed.
//!
//! A world consists of messages under way. A generator of random numbers decides which one arrives
//! next and what breaks in between, so every run can be repeated. What must hold: no call runs
//! twice, every call is answered once, no replica replaces an owner without having tried to reach
//! it, no two replicas have a session in the same epoch, and the store accepts no write with an
//! outdated epoch.

use std::collections::{BTreeMap, BTreeSet};

use super::{Epoch, Held, Lease, Next, Record, found, hold, next, take};
use crate::cluster::replica::ReplicaId;

const REPLICAS: usize = 3;
const SESSIONS: usize = 2;
const CALLS: usize = 24;
/// Steps for which a sign of life is valid.
const LIFE: u64 = 12;

/// The rules of a world: the right ones, or one of several wrong ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    Right,
    /// A replica that finds no sign of life takes the session, even if its lease has changed since.
    BlindTaking,
    /// A call whose replica was lost is sent again.
    SendsAgain,
    /// Every replica may write.
    NoFence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Result,
    MayHaveRun,
    /// It was not run, and its client knows.
    Refused,
}

type Call = usize;
type Place = usize;

#[derive(Clone, Copy, Debug)]
enum Message {
    /// A client's call arrives at a replica.
    Call {
        call: Call,
        at: Place,
    },
    /// The store is asked; it answers the replica at once or not at all.
    Read {
        call: Call,
        by: Place,
        lost: bool,
    },
    Take {
        call: Call,
        by: Place,
        seen: Lease,
        lost: bool,
    },
    /// The store's answer arrives.
    Told {
        call: Call,
        by: Place,
        record: Record,
        lost: bool,
    },
    Taken {
        call: Call,
        by: Place,
        taken: Option<Lease>,
        lost: bool,
    },
    /// A call that is forwarded arrives at its owner.
    Forwarded {
        call: Call,
        from: Place,
        at: Place,
    },
    /// Its answer arrives at the replica that forwarded it.
    Back {
        call: Call,
        to: Place,
        answer: Option<Answer>,
    },
    /// An owner writes what it has done.
    Append {
        session: usize,
        by: Place,
        mine: Lease,
    },
    Appended {
        session: usize,
        to: Place,
        mine: Lease,
        held: Held,
    },
    Beat {
        by: Place,
    },
}

struct Replica {
    lives: bool,
    paused: bool,
    /// Its sessions and their epochs.
    sessions: BTreeMap<usize, Epoch>,
}

struct World {
    rules: Rules,
    random: u64,
    now: u64,
    under_way: Vec<Message>,
    replicas: Vec<Replica>,
    /// Pairs that cannot reach each other; the store has the index after the last replica.
    apart: BTreeSet<(Place, Place)>,
    records: BTreeMap<usize, Lease>,
    beats: BTreeMap<Place, u64>,
    /// The highest epoch that the store has seen since it was last emptied.
    seen: BTreeMap<usize, Epoch>,
    executed: BTreeMap<Call, usize>,
    answered: BTreeMap<Call, Vec<Answer>>,
    /// Calls and the replica that their client is connected to.
    clients: BTreeMap<Call, Place>,
    wrong: Vec<String>,
}

const STORE: Place = REPLICAS;

fn id(place: Place) -> ReplicaId {
    ReplicaId([u8::try_from(place).expect("few replicas"); 8])
}

impl World {
    fn new(seed: u64, rules: Rules) -> Self {
        let replica = || Replica { lives: true, paused: false, sessions: BTreeMap::new() };
        let mut world = Self {
            rules,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now: 0,
            under_way: Vec::new(),
            replicas: (0..REPLICAS).map(|_| replica()).collect(),
            apart: BTreeSet::new(),
            records: BTreeMap::new(),
            beats: BTreeMap::new(),
            seen: BTreeMap::new(),
            executed: BTreeMap::new(),
            answered: BTreeMap::new(),
            clients: BTreeMap::new(),
            wrong: Vec::new(),
        };
        for session in 0..SESSIONS {
            let lease = found(None, id(session), 0).expect("a new session");
            world.records.insert(session, lease);
            world.replicas[session].sessions.insert(session, lease.epoch);
        }
        for place in 0..REPLICAS {
            world.beats.insert(place, LIFE);
            world.under_way.push(Message::Beat { by: place });
        }
        world
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).expect("31 bits") % bound
    }

    /// Whether a message from one reaches the other.
    fn reaches(&self, one: Place, other: Place) -> bool {
        let up = |place: Place| place == STORE || self.replicas[place].lives;
        up(one) && up(other) && !self.apart.contains(&(one.min(other), one.max(other)))
    }

    fn is_stuck(&self, message: &Message) -> bool {
        let place = match *message {
            Message::Call { at, .. } | Message::Forwarded { at, .. } => at,
            Message::Told { by, .. } | Message::Taken { by, .. } | Message::Beat { by } => by,
            Message::Back { to, .. } | Message::Appended { to, .. } => to,
            Message::Read { .. } | Message::Take { .. } | Message::Append { .. } => return false,
        };
        self.replicas[place].paused
    }

    fn run(&mut self) {
        let mut calls = 0;
        for _ in 0..4000 {
            self.now += 1;
            if calls < CALLS && self.below(6) == 0 {
                let at = self.below(REPLICAS);
                self.clients.insert(calls, at);
                self.under_way.push(Message::Call { call: calls, at });
                calls += 1;
            }
            if calls < CALLS && self.below(12) == 0 {
                self.break_something();
            }
            if calls == CALLS {
                self.heal();
            }
            self.deliver_one();
            self.look();
            let only_beats = |message: &Message| matches!(message, Message::Beat { .. });
            if calls == CALLS && self.under_way.iter().all(only_beats) {
                break;
            }
        }
        self.settle();
    }

    fn break_something(&mut self) {
        let (one, other) = (self.below(REPLICAS), self.below(REPLICAS + 1));
        match self.below(8) {
            0 if one != 0 => self.kill(one),
            1 | 2 => self.replicas[one].paused = true,
            3 => self.replicas[one].paused = false,
            4 | 5 if one != other => {
                self.apart.insert((one.min(other), one.max(other)));
            }
            6 => {
                self.apart.clear();
            }
            7 if self.below(4) == 0 => {
                self.records.clear();
                self.seen.clear();
                self.beats.clear();
            }
            _ => {}
        }
    }

    fn kill(&mut self, place: Place) {
        let replica = &mut self.replicas[place];
        replica.lives = false;
        replica.paused = false;
        replica.sessions.clear();
    }

    fn heal(&mut self) {
        self.apart.clear();
        for replica in &mut self.replicas {
            replica.paused = false;
        }
    }

    fn deliver_one(&mut self) {
        let ready: Vec<usize> = (0..self.under_way.len())
            .filter(|index| !self.is_stuck(&self.under_way[*index]))
            .collect();
        if ready.is_empty() {
            return;
        }
        let chosen = ready[self.below(ready.len())];
        let message = self.under_way.swap_remove(chosen);
        self.deliver(message);
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Call { call, at } => self.arrive(call, at),
            Message::Read { call, by, lost } => {
                let record = self.read(call % SESSIONS, by);
                self.under_way.push(Message::Told { call, by, record, lost });
            }
            Message::Told { call, by, record, lost } => self.decide(call, by, record, lost),
            Message::Take { call, by, seen, lost } => {
                let taken = self.take(call % SESSIONS, by, seen);
                self.under_way.push(Message::Taken { call, by, taken, lost });
            }
            Message::Taken { call, by, taken, lost } => self.taken(call, by, taken, lost),
            Message::Forwarded { call, from, at } => self.forwarded(call, from, at),
            Message::Back { call, to, answer } => self.back(call, to, answer),
            Message::Append { session, by, mine } => self.append(session, by, mine),
            Message::Appended { session, to, mine, held } => {
                let known = self.replicas[to].sessions.get(&session) == Some(&mine.epoch);
                if known && matches!(held, Held::Fenced(_)) {
                    self.replicas[to].sessions.remove(&session);
                }
            }
            Message::Beat { by } => self.beat(by),
        }
    }

    fn beat(&mut self, by: Place) {
        if !self.replicas[by].lives {
            return;
        }
        if self.reaches(by, STORE) {
            self.beats.insert(by, self.now + LIFE);
            // With its sign of life, an owner writes again what it has.
            for (session, epoch) in self.replicas[by].sessions.clone() {
                let mine = Lease { owner: id(by), epoch };
                self.under_way.push(Message::Append { session, by, mine });
            }
        }
        self.under_way.push(Message::Beat { by });
    }

    fn arrive(&mut self, call: Call, at: Place) {
        if !self.replicas[at].lives {
            return self.answer(call, Answer::Refused);
        }
        if self.replicas[at].sessions.contains_key(&(call % SESSIONS)) {
            self.execute(call, at);
            return self.answer(call, Answer::Result);
        }
        self.under_way.push(Message::Read { call, by: at, lost: false });
    }

    fn read(&self, session: usize, by: Place) -> Record {
        if !self.reaches(by, STORE) {
            return Record::Unknown;
        }
        let Some(lease) = self.records.get(&session) else { return Record::Absent };
        let owner = usize::from(lease.owner.0[0]);
        let lives = self.beats.get(&owner).is_some_and(|until| *until > self.now);
        Record::Leased { lease: *lease, lives }
    }

    /// The client is gone if its replica is.
    fn is_cut_off(&mut self, call: Call, by: Place) -> bool {
        if !self.replicas[by].lives {
            self.answer(call, Answer::MayHaveRun);
            return true;
        }
        false
    }

    fn decide(&mut self, call: Call, by: Place, record: Record, lost: bool) {
        if self.is_cut_off(call, by) {
            return;
        }
        if self.replicas[by].sessions.contains_key(&(call % SESSIONS)) {
            return self.taken(call, by, None, lost);
        }
        let answers = |owner: ReplicaId| {
            let place = usize::from(owner.0[0]);
            self.reaches(by, place) && !self.replicas[place].paused
        };
        match next(record, id(call % SESSIONS), id(by), answers) {
            // A call that may have run is not sent again.
            _ if lost && self.rules != Rules::SendsAgain => match record {
                Record::Leased { lease, lives: false } if !answers(lease.owner) => {
                    self.under_way.push(Message::Take { call, by, seen: lease, lost });
                }
                _ => self.answer(call, Answer::MayHaveRun),
            },
            Next::Forward(owner) => {
                let at = usize::from(owner.0[0]);
                self.under_way.push(Message::Forwarded { call, from: by, at });
            }
            Next::Take(seen) => self.under_way.push(Message::Take { call, by, seen, lost }),
            Next::Later | Next::Gone => self.answer(call, Answer::Refused),
        }
    }

    fn take(&mut self, session: usize, by: Place, seen: Lease) -> Option<Lease> {
        if !self.reaches(by, STORE) {
            return None;
        }
        let record = self.records.get(&session).copied();
        let taken = match self.rules {
            Rules::BlindTaking => {
                Some(Lease { owner: id(by), epoch: self.now.max(seen.epoch + 1) })
            }
            _ => take(record, seen, id(by), self.now).ok(),
        }?;
        if record.is_some_and(|record| record != seen && self.is_served(session, record)) {
            self.wrong.push(format!("two owners of session {session}, and both live"));
        }
        self.records.insert(session, taken);
        self.note(session, taken.epoch);
        Some(taken)
    }

    /// Whether this owner has the session and has said so lately.
    fn is_served(&self, session: usize, lease: Lease) -> bool {
        let owner = usize::from(lease.owner.0[0]);
        self.replicas[owner].sessions.get(&session) == Some(&lease.epoch)
            && self.beats.get(&owner).is_some_and(|until| *until > self.now)
    }

    fn taken(&mut self, call: Call, by: Place, taken: Option<Lease>, lost: bool) {
        if self.is_cut_off(call, by) {
            return;
        }
        if let Some(lease) = taken {
            let sessions = &mut self.replicas[by].sessions;
            let known = sessions.entry(call % SESSIONS).or_default();
            *known = lease.epoch.max(*known);
        }
        let is_here = self.replicas[by].sessions.contains_key(&(call % SESSIONS));
        match (lost, is_here) {
            (true, _) if self.rules != Rules::SendsAgain => self.answer(call, Answer::MayHaveRun),
            (_, true) => {
                self.execute(call, by);
                self.answer(call, Answer::Result);
            }
            (_, false) => self.answer(call, Answer::Refused),
        }
    }

    fn forwarded(&mut self, call: Call, from: Place, at: Place) {
        if !self.reaches(from, at) {
            return self.under_way.push(Message::Back { call, to: from, answer: None });
        }
        let answer = if self.replicas[at].sessions.contains_key(&(call % SESSIONS)) {
            self.execute(call, at);
            Answer::Result
        } else {
            Answer::Refused
        };
        self.under_way.push(Message::Back { call, to: from, answer: Some(answer) });
    }

    /// Now and then an answer is lost on its way.
    fn back(&mut self, call: Call, to: Place, answer: Option<Answer>) {
        if self.is_cut_off(call, to) {
            return;
        }
        let is_lost = self.below(5) == 0;
        match answer.filter(|_| !is_lost) {
            Some(answer) => self.answer(call, answer),
            None => self.under_way.push(Message::Read { call, by: to, lost: true }),
        }
    }

    fn append(&mut self, session: usize, by: Place, mine: Lease) {
        if !self.replicas[by].lives || !self.reaches(by, STORE) {
            return;
        }
        let (record, held) = match self.rules {
            Rules::NoFence => (mine, Held::Kept),
            _ => hold(self.records.get(&session).copied(), mine),
        };
        self.records.insert(session, record);
        if held == Held::Kept {
            self.note(session, mine.epoch);
        }
        self.under_way.push(Message::Appended { session, to: by, mine, held });
    }

    /// The store has accepted a write of this epoch.
    fn note(&mut self, session: usize, epoch: Epoch) {
        let seen = self.seen.entry(session).or_default();
        if epoch < *seen {
            self.wrong.push(format!("epoch {epoch} was written after epoch {seen}"));
        }
        *seen = epoch.max(*seen);
    }

    fn execute(&mut self, call: Call, at: Place) {
        *self.executed.entry(call).or_default() += 1;
        let session = call % SESSIONS;
        let mine = Lease { owner: id(at), epoch: self.replicas[at].sessions[&session] };
        self.under_way.push(Message::Append { session, by: at, mine });
    }

    fn answer(&mut self, call: Call, answer: Answer) {
        self.answered.entry(call).or_default().push(answer);
    }

    /// Two owners in different epochs are possible while they cannot reach each other.
    fn look(&mut self) {
        let mut owners = BTreeSet::new();
        for replica in &self.replicas {
            for owned in &replica.sessions {
                if !owners.insert((*owned.0, *owned.1)) {
                    self.wrong
                        .push(format!("two owners of session {} in epoch {}", owned.0, owned.1));
                }
            }
        }
    }

    /// Once everything works again, every owner writes, and replaced owners learn of it.
    fn settle(&mut self) {
        for _ in 0..2 {
            for by in 0..REPLICAS {
                for (session, epoch) in self.replicas[by].sessions.clone() {
                    self.append(session, by, Lease { owner: id(by), epoch });
                }
            }
            while let Some(message) = self.under_way.pop() {
                if matches!(message, Message::Appended { .. }) {
                    self.deliver(message);
                }
            }
        }
    }

    fn verdict(&mut self) -> Result<(), Vec<String>> {
        for (call, times) in &self.executed {
            if *times > 1 {
                self.wrong.push(format!("call {call} ran {times} times"));
            }
        }
        for call in self.clients.keys() {
            let answers = self.answered.get(call).map_or(&[][..], Vec::as_slice);
            if answers.len() != 1 {
                self.wrong.push(format!("call {call} was answered with {answers:?}"));
            }
            if answers == [Answer::Refused] && self.executed.contains_key(call) {
                self.wrong.push(format!("call {call} ran and was refused"));
            }
        }
        for session in 0..SESSIONS {
            let has = |replica: &&Replica| replica.sessions.contains_key(&session);
            if self.replicas.iter().filter(has).count() > 1 {
                self.wrong.push(format!("session {session} still has two owners"));
            }
        }
        if self.wrong.is_empty() { Ok(()) } else { Err(std::mem::take(&mut self.wrong)) }
    }
}

fn play(seed: u64, rules: Rules) -> Result<(), Vec<String>> {
    let mut world = World::new(seed, rules);
    world.run();
    world.verdict()
}

#[test]
fn thousands_of_worlds_hold() {
    for seed in 1..=5000 {
        if let Err(wrong) = play(seed, Rules::Right) {
            panic!("seed {seed}: {wrong:#?}");
        }
    }
}

#[test]
fn planted_faults_are_found() {
    for (rules, words) in [
        (Rules::BlindTaking, "two owners"),
        (Rules::SendsAgain, "ran 2 times"),
        (Rules::NoFence, "was written after"),
    ] {
        let is_found = |seed: u64| {
            play(seed, rules).is_err_and(|wrong| wrong.iter().any(|it| it.contains(words)))
        };
        assert!((1..=5000).any(is_found), "{rules:?} was not found");
    }
}

#[test]
fn a_world_can_be_had_again() {
    let log = |seed: u64| {
        let mut world = World::new(seed, Rules::BlindTaking);
        world.run();
        (world.executed, world.answered.len(), world.wrong)
    };
    assert_eq!(log(77), log(77));
}

#[test]
fn most_calls_are_answered_with_their_results() {
    let (mut results, mut all) = (0, 0);
    for seed in 1..=200 {
        let mut world = World::new(seed, Rules::Right);
        world.run();
        let answers = world.answered.values().flatten();
        results += answers.clone().filter(|answer| **answer == Answer::Result).count();
        all += answers.count();
    }
    assert!(results * 2 > all, "{results} of {all}");
}
