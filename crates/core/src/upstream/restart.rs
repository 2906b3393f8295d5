//! Decides when a server is restarted, without a clock or a process.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use crate::config::{RestartConfig, RestartWhen};

/// Pause before the first restart in a row; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// A server that has served for this long ends a crash loop.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Time from its handshake to its end; `None` without a handshake.
    pub(super) served: Duration,
    /// It exited by itself with code 0.
    pub(super) succeeded: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Restart {
        attempt: u32,
        after: Duration,
    },
    /// No restart for now.
    Rest {
        reason: String,
        after: Duration,
    },
    GiveUp(String),
}

/// The failed restarts so far.
#[derive(Debug, Default)]
pub(super) struct History {
    attempts: u32,
}

impl History {
    /// What to do after a run. `chance` is between 0 and 1; it keeps servers of several proxies
    /// that ended for the same reason from starting at the same moment.
    pub(super) fn judge(&mut self, config: &RestartConfig, run: Run, chance: f64) -> Verdict {
        if config.when == RestartWhen::Never {
            return Verdict::GiveUp("it is not restarted (--restart never)".to_owned());
        }
        if run.succeeded && config.when == RestartWhen::OnFailure {
            let reason =
                "it exited with code 0 and is not restarted (--restart always would restart it)";
            return Verdict::GiveUp(reason.to_owned());
        }
        if run.served >= STABLE_AFTER {
            self.attempts = 0;
        }
        if let Some(limit) = config.max_restarts.filter(|limit| self.attempts >= *limit) {
            let restarts = format!("after {limit} restarts in a row (--maxRestarts)");
            return match config.retry {
                None => Verdict::GiveUp(format!("it is not restarted {restarts}")),
                Some(after) => Verdict::Rest {
                    reason: format!(
                        "{restarts} the proxy tries again only every {} ms (--retryInterval)",
                        after.as_millis()
                    ),
                    after,
                },
            };
        }
        let after = pause(self.attempts, chance);
        self.attempts += 1;
        Verdict::Restart { attempt: self.attempts, after }
    }
}

/// Time before the next attempt after this many failures; `chance` as for [`History::judge`].
pub(super) fn pause(attempts: u32, chance: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.min(16)).min(MAX_PAUSE);
    doubled.mul_f64(0.5 + chance / 2.0)
}

/// A number between 0 and 1.
pub(super) fn chance() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRASH: Run = Run { served: Duration::ZERO, succeeded: false };

    fn config(when: RestartWhen, max_restarts: Option<u32>) -> RestartConfig {
        RestartConfig { when, max_restarts, ..RestartConfig::default() }
    }

    fn pauses(config: &RestartConfig, chance: f64) -> Vec<u128> {
        let mut history = History::default();
        let mut pauses = Vec::new();
        while let Verdict::Restart { after, .. } = history.judge(config, CRASH, chance) {
            pauses.push(after.as_millis());
        }
        pauses
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_end() {
        let config = config(RestartWhen::OnFailure, Some(11));
        let full = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000];
        assert_eq!(pauses(&config, 1.0), full);
        assert_eq!(pauses(&config, 0.0), full.map(|pause| pause / 2));
    }

    #[test]
    fn a_server_that_served_for_a_while_starts_the_count_anew() {
        let config = config(RestartWhen::Always, Some(1));
        let mut history = History::default();
        let stable = Run { served: STABLE_AFTER, succeeded: false };
        for run in [CRASH, stable, stable] {
            let verdict = history.judge(&config, run, 1.0);
            assert_eq!(verdict, Verdict::Restart { attempt: 1, after: FIRST_PAUSE });
        }
        assert!(matches!(history.judge(&config, CRASH, 1.0), Verdict::Rest { .. }));
        let config = RestartConfig { retry: None, ..config };
        assert!(matches!(history.judge(&config, CRASH, 1.0), Verdict::GiveUp(_)));
    }

    #[test]
    fn whoever_rests_goes_on_once_it_has_served_for_a_while() {
        let retry = Some(Duration::from_secs(7));
        let config = RestartConfig { retry, ..config(RestartWhen::OnFailure, Some(1)) };
        let mut history = History::default();
        let mut judge = |served| match history.judge(&config, Run { served, succeeded: false }, 1.0)
        {
            Verdict::Rest { reason, after } => {
                assert!(reason.contains("every 7000 ms"), "{reason}");
                after.as_millis()
            }
            Verdict::Restart { after, .. } => after.as_millis(),
            Verdict::GiveUp(reason) => panic!("{reason}"),
        };
        let none = Duration::ZERO;
        assert_eq!(
            [none, none, none, STABLE_AFTER, none].map(&mut judge),
            [100, 7000, 7000, 100, 7000]
        );
    }

    #[test]
    fn what_counts_as_a_failure_is_a_setting() {
        let ended = Run { served: STABLE_AFTER, succeeded: true };
        for (when, run, restarts) in [
            (RestartWhen::OnFailure, CRASH, true),
            (RestartWhen::OnFailure, ended, false),
            (RestartWhen::Always, ended, true),
            (RestartWhen::Never, CRASH, false),
        ] {
            let verdict = History::default().judge(&config(when, None), run, 0.5);
            assert_eq!(matches!(verdict, Verdict::Restart { .. }), restarts, "{when:?} {run:?}");
        }
    }

    #[test]
    fn without_a_limit_it_goes_on() {
        let config = config(RestartWhen::Always, None);
        let mut history = History { attempts: 1000 };
        let verdict = history.judge(&config, CRASH, 1.0);
        assert_eq!(verdict, Verdict::Restart { attempt: 1001, after: MAX_PAUSE });
    }
}
