//! Decides when an issuer's keys are fetched, and whether a token must wait for them. Pure.
//!
//! The `kid` of a token is chosen by its sender, so no token may cause more than one fetch per
//! minute. While an issuer is unreachable, its last keys stay in use for a limited time.

use std::sync::Arc;

use crate::identity::token::{Algorithm, Because, KeySet, Seconds};

/// Shortest time between two fetches, once there are keys.
const INTERVAL: Seconds = 60;
/// First pause after a fetch that failed while there are no keys; it doubles up to `INTERVAL`.
const FIRST_PAUSE: Seconds = 1;
/// Longest validity of keys, whatever their source says.
const SHORTEST: Seconds = 5 * 60;
const LONGEST: Seconds = 24 * 3600;
/// Their validity if the source says nothing.
const USUAL: Seconds = 3600;
/// How much longer they are used while the issuer is unreachable.
const STALE: Seconds = 24 * 3600;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    keys: Option<Known>,
    fetching: bool,
    /// The earliest time of the next fetch.
    next: Seconds,
    failures: u32,
    /// Why there are no (new) keys.
    problem: Option<String>,
}

#[derive(Debug)]
struct Known {
    set: Arc<KeySet>,
    fresh_until: Seconds,
}

/// What to do for a token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Verify with these.
    Use(Arc<KeySet>),
    /// Verify with these; the caller must fetch new ones at the same time.
    UseAndFetch(Arc<KeySet>),
    /// Fetch, then ask again.
    Fetch,
    /// Another caller is fetching; ask again afterwards.
    Wait,
    Refuse(Because),
}

impl Machine {
    /// A token with this key needs verification.
    pub(crate) fn want(
        &mut self,
        (id, algorithm): (Option<&str>, Algorithm),
        now: Seconds,
    ) -> Step {
        let known = self.keys.as_ref().filter(|known| now < known.fresh_until + STALE);
        let Some(known) = known else {
            let why = self.problem.clone().unwrap_or_else(|| {
                "they were not fetched \
                                                              yet"
                .to_owned()
            });
            return self.fetch_or(now, Step::Refuse(Because::NoKeys(why)));
        };
        match known.set.find(id, algorithm) {
            Ok(_) if now < known.fresh_until || self.fetching || now < self.next => {
                Step::Use(Arc::clone(&known.set))
            }
            Ok(_) => {
                let set = Arc::clone(&known.set);
                self.begin(now);
                Step::UseAndFetch(set)
            }
            Err(because @ Because::UnknownKey(_)) => self.fetch_or(now, Step::Refuse(because)),
            Err(because) => Step::Refuse(because),
        }
    }

    fn fetch_or(&mut self, now: Seconds, otherwise: Step) -> Step {
        if self.fetching {
            return Step::Wait;
        }
        if now < self.next {
            return otherwise;
        }
        self.begin(now);
        Step::Fetch
    }

    /// Whether to fetch although no token waits: at the start.
    pub(crate) fn begin_early(&mut self, now: Seconds) -> bool {
        let idle = !self.fetching && self.keys.is_none();
        if idle {
            self.begin(now);
        }
        idle
    }

    fn begin(&mut self, now: Seconds) {
        self.fetching = true;
        self.next = now + INTERVAL;
    }

    /// New keys; `lifetime` comes from their source.
    pub(crate) fn fetched(&mut self, set: KeySet, lifetime: Option<Seconds>, now: Seconds) {
        let lifetime = lifetime.unwrap_or(USUAL).clamp(SHORTEST, LONGEST);
        self.keys = Some(Known { set: Arc::new(set), fresh_until: now + lifetime });
        (self.fetching, self.failures, self.problem) = (false, 0, None);
    }

    /// The fetch has failed.
    pub(crate) fn failed(&mut self, why: String, now: Seconds) {
        self.fetching = false;
        self.problem = Some(why);
        if self.keys.is_none() {
            let pause = FIRST_PAUSE << self.failures.min(6);
            self.failures = self.failures.saturating_add(1);
            self.next = now + pause.min(INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ES256: (Option<&str>, Algorithm) = (Some("k1"), Algorithm::Es256);
    const OTHER: (Option<&str>, Algorithm) = (Some("k2"), Algorithm::Es256);

    fn set(id: &str) -> KeySet {
        let zeros = "A".repeat(43);
        let key = json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": zeros, "y": zeros });
        KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap()
    }

    fn stocked(now: Seconds) -> Machine {
        let mut machine = Machine::default();
        assert_eq!(machine.want(ES256, now), Step::Fetch);
        machine.fetched(set("k1"), None, now);
        machine
    }

    #[test]
    fn the_first_token_fetches_and_the_others_wait() {
        let mut machine = Machine::default();
        assert_eq!(machine.want(ES256, 1000), Step::Fetch);
        assert_eq!(machine.want(ES256, 1000), Step::Wait);
        assert_eq!(machine.want(OTHER, 1000), Step::Wait);
        machine.fetched(set("k1"), None, 1001);
        assert!(matches!(machine.want(ES256, 1001), Step::Use(_)));
        assert!(!machine.begin_early(1001));
    }

    #[test]
    fn a_flood_of_key_ids_fetches_once_in_a_minute() {
        let mut machine = stocked(1000);
        let mut fetches = 0;
        for tenth in 0..6000 {
            let now = 1000 + tenth / 10;
            match machine.want((Some(&format!("random{tenth}")), Algorithm::Es256), now) {
                Step::Fetch => {
                    fetches += 1;
                    if fetches % 2 == 0 {
                        machine.fetched(set("k1"), None, now);
                    } else {
                        machine.failed("away".to_owned(), now);
                    }
                }
                Step::Refuse(Because::UnknownKey(_)) => {}
                other => panic!("{other:?}"),
            }
            assert!(matches!(machine.want(ES256, now), Step::Use(_)), "nobody else notices");
        }
        assert_eq!(fetches, 9, "at 1060, 1120, …, 1540; the keys are fresh throughout");
    }

    #[test]
    fn a_new_key_is_found_by_the_first_token_that_has_it() {
        let mut machine = stocked(1000);
        assert_eq!(machine.want(OTHER, 1061), Step::Fetch);
        machine.fetched(set("k2"), None, 1061);
        assert!(matches!(machine.want(OTHER, 1061), Step::Use(_)));
        assert!(matches!(machine.want(ES256, 1061), Step::Refuse(Because::UnknownKey(_))));
    }

    #[test]
    fn old_keys_are_used_while_new_ones_are_fetched_and_while_the_issuer_is_away() {
        let mut machine = stocked(1000);
        let old = 1000 + USUAL;
        assert!(matches!(machine.want(ES256, old - 1), Step::Use(_)));
        assert!(matches!(machine.want(ES256, old), Step::UseAndFetch(_)));
        assert!(matches!(machine.want(ES256, old), Step::Use(_)), "one fetch");
        machine.failed("away".to_owned(), old + 1);
        assert!(matches!(machine.want(ES256, old + 2), Step::Use(_)), "not again at once");
        assert!(matches!(machine.want(ES256, old + INTERVAL), Step::UseAndFetch(_)));
        machine.failed("away".to_owned(), old + INTERVAL);
        let end = old + STALE;
        assert!(matches!(machine.want(ES256, end - 1), Step::UseAndFetch(_)));
        machine.failed("away".to_owned(), end);
        assert_eq!(machine.want(ES256, end), Step::Refuse(Because::NoKeys("away".to_owned())));
    }

    #[test]
    fn without_keys_it_is_tried_again_soon_and_then_less_often() {
        let mut machine = Machine::default();
        assert!(machine.begin_early(0));
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            machine.failed("away".to_owned(), now);
            let before = now;
            while machine.want(ES256, now) != Step::Fetch {
                now += 1;
            }
            pauses.push(now - before);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn how_long_keys_are_good_for_has_bounds() {
        for (said, kept) in
            [(Some(0), SHORTEST), (Some(600), 600), (Some(u64::MAX), LONGEST), (None, USUAL)]
        {
            let mut machine = Machine::default();
            machine.fetched(set("k1"), said, 1000);
            assert!(matches!(machine.want(ES256, 1000 + kept - 1), Step::Use(_)), "{said:?}");
            assert!(matches!(machine.want(ES256, 1000 + kept), Step::UseAndFetch(_)), "{said:?}");
        }
    }
}
