//! The state that a client sends back with its answers: sealed, valid once, for its owner, and for
//! a limited time.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;
use uuid::Uuid;

use super::waiting::Waiting;
use crate::{
    era::input_required::InvalidAnswers,
    identity::Identity,
    jsonrpc::{Fingerprint, Fingerprints, Message, decode_string},
};

/// Most rounds that wait for their clients.
const MAX_ROUNDS: usize = 4096;

/// A question to a client.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) principal: Identity,
    /// The call whose request was answered with the question. The request itself is not kept,
    /// because a client may never return.
    pub(super) call: Fingerprint,
    pub(super) until: Instant,
    pub(super) waits: Waits,
}

/// What waits for the answer.
#[derive(Debug)]
pub(super) enum Waits {
    /// A call that runs at its server.
    Call(Arc<dyn Suspended>),
    /// Nothing: the call has failed, and is repeated.
    Nothing,
}

/// A call whose client may return to it.
pub(super) trait Suspended: fmt::Debug + Send + Sync {
    /// The client returns; yields its new turn, or the reply for a refusal.
    fn resume(
        self: Arc<Self>,
        waiting: Waiting,
        responses: Option<&[u8]>,
    ) -> Result<u64, Box<(Waiting, InvalidAnswers)>>;

    /// The connection of this turn is closed.
    fn leave(&self, turn: u64);

    /// The client has not returned in time.
    fn expire(&self);
}

/// Rounds by their tokens. A token is random, so nobody can make one up or learn anything from it.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    open: Mutex<HashMap<String, Round>>,
    fingerprints: Fingerprints,
}

impl Rounds {
    /// The part of a request that is kept: the state of one call is not valid for another.
    pub(super) fn fingerprint(&self, request: &Message) -> Fingerprint {
        self.fingerprints.of(request, &["name", "uri", "arguments"])
    }

    /// Keeps a round; returns its token, unless there are too many rounds.
    pub(super) fn seal(&self, round: Round, name: impl FnOnce(String) -> String) -> Option<String> {
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let token = name(token);
        let mut rounds = self.lock();
        if rounds.len() >= MAX_ROUNDS {
            rounds.retain(|_, round| round.until > Instant::now() || round.is_held());
        }
        if rounds.len() >= MAX_ROUNDS {
            return None;
        }
        rounds.insert(token.clone(), round);
        Some(token)
    }

    /// Takes the round that a retry continues, if it belongs to this owner and this call, and has
    /// not expired. This uses the token up.
    pub(super) fn take(
        &self,
        state: &[u8],
        principal: &Identity,
        request: &Message,
        now: Instant,
    ) -> Option<(String, Round)> {
        let token = decode_string(state)?;
        if request.is_ambiguous() || !self.lock().contains_key(&token) {
            return None;
        }
        let call = self.fingerprint(request);
        let mut rounds = self.lock();
        let round = rounds.get(&token)?;
        if round.until <= now || round.principal != *principal || !round.call.is_same(call) {
            return None;
        }
        rounds.remove_entry(&token)
    }

    /// Whether a call waits for a request with this state.
    pub(super) fn holds(&self, state: &[u8]) -> bool {
        let Some(token) = decode_string(state) else { return false };
        self.lock().get(&token).is_some_and(Round::is_held)
    }

    /// Takes all rounds.
    pub(super) fn all(&self) -> Vec<Round> {
        self.lock().drain().map(|(_, round)| round).collect()
    }

    /// Restores a round whose answers were malformed.
    pub(super) fn restore(&self, token: String, round: Round) {
        self.lock().insert(token, round);
    }

    /// Takes the rounds that have expired.
    pub(super) fn expired(&self, now: Instant) -> Vec<Round> {
        let mut rounds = self.lock();
        rounds.extract_if(|_, round| round.until <= now).map(|(_, round)| round).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Round>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Round {
    fn is_held(&self) -> bool {
        matches!(self.waits, Waits::Call(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::exchange::LONGEST_ANSWER;

    fn call(params: &str) -> Message {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a",{params}}}}}"#
        );
        Message::parse(text.into()).unwrap()
    }

    fn sealed(rounds: &Rounds, until: Instant) -> String {
        let round = Round {
            principal: Identity::named("me"),
            call: rounds.fingerprint(&call(r#""arguments":{"x":1,"y":2}"#)),
            until,
            waits: Waits::Nothing,
        };
        format!("\"{}\"", rounds.seal(round, |token| token).unwrap())
    }

    #[test]
    fn a_state_is_good_once_for_its_owner_and_its_call() {
        let (rounds, now) = (Rounds::default(), Instant::now());
        let state = sealed(&rounds, now + LONGEST_ANSWER);
        let (me, same) = (Identity::named("me"), call(r#""arguments":{"y":2,"x":1}"#));
        let take = |state: &str, principal: &Identity, request: &Message, now| {
            rounds.take(state.as_bytes(), principal, request, now).is_some()
        };
        assert!(!take(&state, &Identity::default(), &same, now));
        assert!(!take(&state, &Identity::named("you"), &same, now));
        assert!(!take(&state, &me, &call(r#""arguments":{"x":1}"#), now));
        assert!(!take(&state, &me, &call(r#""uri":"x""#), now));
        let other = call(r#""arguments":{"x":"\ud800","y":[1e999]}"#);
        assert!(!take(&state, &me, &other, now), "what nobody can read is not the same");
        let twice = call(r#""arguments":{"x":1,"y":2},"arguments":{"x":1,"y":2}"#);
        assert!(!take(&state, &me, &twice, now), "two readers may read two calls");
        assert!(!take(&state.replacen('"', "\"x", 1), &me, &same, now));
        assert!(!take("7", &me, &same, now));
        assert!(!take(&state, &me, &same, now + LONGEST_ANSWER));
        assert!(take(&state, &me, &same, now));
        assert!(!take(&state, &me, &same, now));
    }

    #[test]
    fn expired_rounds_are_taken_once() {
        let (rounds, now) = (Rounds::default(), Instant::now());
        sealed(&rounds, now);
        sealed(&rounds, now + LONGEST_ANSWER);
        assert_eq!(rounds.expired(now).len(), 1);
        assert_eq!(rounds.expired(now).len(), 0);
        assert!(!rounds.is_empty());
    }

    #[test]
    fn rounds_are_bounded() {
        let (rounds, now) = (Rounds::default(), Instant::now());
        for _ in 0..MAX_ROUNDS {
            sealed(&rounds, now + LONGEST_ANSWER);
        }
        let round = Round {
            principal: Identity::default(),
            call: rounds.fingerprint(&call(r#""uri":"x""#)),
            until: now,
            waits: Waits::Nothing,
        };
        assert!(rounds.seal(round, |token| token).is_none());
    }
}
