//! Whether and when something is sent again: a decision without clock, randomness or network.
//!
//! Nothing runs twice: what a server may have run is repeated only if that is harmless.

use std::time::Duration;

use super::fault::{Fault, Kind};
use crate::{jsonrpc::Message, protocol::Method};

/// Pause before the first retry; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause that a server may request.
const MAX_ASKED_PAUSE: Duration = Duration::from_mins(1);
/// Sessions that may be lost during one call before it fails.
const MAX_RENEWALS: u32 = 2;
/// How often one message gets new credentials: because they are missing or expired, and for a
/// nonce.
const MAX_SIGN_INS: u32 = 3;
/// How often one message gets further scopes.
const MAX_STEP_UPS: u32 = 1;
/// How often a busy server is tried again.
const MAX_BUSY: u32 = 5;

/// What to do after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Make the handshake again, then resend.
    Renew,
    /// Get credentials, then resend.
    Authorize,
    /// Resend after this pause.
    Again(Duration),
    Fail,
}

/// The attempts to send one message.
#[derive(Debug)]
pub(super) struct Attempts {
    repeatable: bool,
    patience: Duration,
    pauses: u32,
    renewals: u32,
    busy: u32,
    sign_ins: u32,
    step_ups: u32,
}

impl Attempts {
    /// For a message that may be retried for as long as `patience`.
    pub(super) fn at(message: &Message, patience: Duration) -> Self {
        let repeatable = message.id().is_some() && is_repeatable(&message.method());
        Self { repeatable, patience, pauses: 0, renewals: 0, busy: 0, sign_ins: 0, step_ups: 0 }
    }

    /// What to do about a fault, `waited` after the first attempt. `chance` is between 0 and 1; it
    /// keeps the clients of one server from returning at the same moment.
    pub(super) fn judge(&mut self, fault: &Fault, waited: Duration, chance: f64) -> Verdict {
        if fault.ran && !self.repeatable {
            return Verdict::Fail;
        }
        match fault.kind {
            Kind::SessionLost if self.renewals < MAX_RENEWALS => {
                self.renewals += 1;
                Verdict::Renew
            }
            Kind::Unauthorized => self.judge_challenge(fault),
            Kind::Busy { retry_after: Some(pause) } if pause <= MAX_ASKED_PAUSE => {
                self.busy += 1;
                if self.busy > MAX_BUSY { Verdict::Fail } else { Verdict::Again(pause) }
            }
            Kind::Unreachable | Kind::Broken | Kind::Busy { retry_after: None } => {
                let pause = pause(self.pauses, chance);
                self.pauses += 1;
                // A dead connection may be noticed late, so one retry on a fresh one is allowed.
                if fault.kind == Kind::Broken && self.pauses == 1 {
                    return Verdict::Again(pause);
                }
                if waited + pause > self.patience { Verdict::Fail } else { Verdict::Again(pause) }
            }
            _ => Verdict::Fail,
        }
    }
}

impl Attempts {
    fn judge_challenge(&mut self, fault: &Fault) -> Verdict {
        let Some(challenge) = &fault.challenge else { return Verdict::Fail };
        let (taken, most) = if challenge.wants_more_scope() {
            (&mut self.step_ups, MAX_STEP_UPS)
        } else {
            (&mut self.sign_ins, MAX_SIGN_INS)
        };
        *taken += 1;
        if *taken > most { Verdict::Fail } else { Verdict::Authorize }
    }
}

/// The pause before retry number `attempt`.
pub(super) fn pause(attempt: u32, chance: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(MAX_PAUSE);
    doubled.mul_f64(0.5 + chance / 2.0)
}

/// Requests without side effects.
fn is_repeatable(method: &str) -> bool {
    match Method::of(method) {
        Method::Initialize
        | Method::Ping
        | Method::SetLevel
        | Method::Subscribe
        | Method::Unsubscribe
        | Method::List(_) => true,
        Method::Tasks | Method::Other => matches!(
            method,
            "resources/read"
                | "prompts/get"
                | "completion/complete"
                | "tasks/get"
                | "tasks/list"
                | "server/discover"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::auth::challenge::Challenge, *};

    fn attempts(method: &str) -> Attempts {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
        Attempts::at(&Message::parse(text.into()).unwrap(), Duration::from_secs(10))
    }

    fn judge(method: &str, fault: &Fault) -> Verdict {
        attempts(method).judge(fault, Duration::ZERO, 0.0)
    }

    const SOON: Verdict = Verdict::Again(Duration::from_millis(50));

    #[test]
    fn a_call_that_may_have_run_is_never_sent_again() {
        let broken = Fault::new(Kind::Broken, "");
        assert_eq!(judge("tools/call", &broken), Verdict::Fail);
        assert_eq!(judge("some/extension", &broken), Verdict::Fail);
        assert_eq!(judge("tools/list", &broken), SOON);
        assert_eq!(judge("resources/read", &broken), SOON);
        let lost = Fault::new(Kind::SessionLost, "");
        assert_eq!(judge("tools/call", &lost), Verdict::Renew);
        assert_eq!(judge("tools/call", &lost.after_sending()), Verdict::Fail);
    }

    #[test]
    fn a_call_that_did_not_reach_the_server_is_sent_again_while_there_is_patience() {
        let unreachable = Fault::new(Kind::Unreachable, "");
        let mut attempts = attempts("tools/call");
        assert_eq!(attempts.judge(&unreachable, Duration::ZERO, 0.0), SOON);
        let next = attempts.judge(&unreachable, Duration::from_secs(1), 0.0);
        assert_eq!(next, Verdict::Again(Duration::from_millis(100)));
        assert_eq!(attempts.judge(&unreachable, Duration::from_secs(10), 0.0), Verdict::Fail);
    }

    #[test]
    fn a_connection_that_was_dead_for_long_costs_no_list() {
        let broken = Fault::new(Kind::Broken, "");
        let mut attempts = attempts("tools/list");
        assert_eq!(attempts.judge(&broken, Duration::from_secs(15), 0.0), SOON);
        assert_eq!(attempts.judge(&broken, Duration::from_secs(16), 0.0), Verdict::Fail);
    }

    #[test]
    fn further_scopes_are_asked_for_once() {
        let missed = |header: &str| {
            let mut fault = Fault::new(Kind::Unauthorized, "");
            fault.challenge = Some(Box::new(Challenge::parse([header], None)));
            fault
        };
        let mut attempts = attempts("tools/call");
        let mut judge = |header: &str| attempts.judge(&missed(header), Duration::ZERO, 0.0);
        let further = "Bearer error=insufficient_scope, scope=\"a\"";
        assert_eq!(
            [judge("Bearer"), judge(further), judge(further)],
            [Verdict::Authorize, Verdict::Authorize, Verdict::Fail]
        );
        assert_eq!(
            [judge("Bearer"), judge("Bearer"), judge("Bearer")],
            [Verdict::Authorize, Verdict::Authorize, Verdict::Fail]
        );
    }

    #[test]
    fn a_busy_server_names_the_pause_within_reason() {
        let busy = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            Fault::new(Kind::Busy { retry_after }, "")
        };
        let mut attempts = attempts("tools/call");
        for _ in 0..5 {
            let verdict = attempts.judge(&busy(2), Duration::from_mins(1), 0.5);
            assert_eq!(verdict, Verdict::Again(Duration::from_secs(2)));
        }
        assert_eq!(attempts.judge(&busy(2), Duration::ZERO, 0.5), Verdict::Fail);
        assert_eq!(judge("tools/call", &busy(3600)), Verdict::Fail);
    }

    #[test]
    fn what_stays_as_it_is_is_not_tried_again() {
        for kind in [Kind::Final, Kind::Unauthorized, Kind::NoEndpoint] {
            assert_eq!(judge("tools/list", &Fault::new(kind, "")), Verdict::Fail);
        }
    }
}
