//! Limits repeated warnings: a peer that causes one can cause many.
//!
//! Warnings from the same place in the code are of one kind. The ones that are left out are
//! counted, and the next one that is written reports the number.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use tracing::{Event, Level, Metadata, callsite::Identifier};
use tracing_subscriber::layer::{Context, Filter};

/// Warnings of one kind in a row.
const BURST: f64 = 100.0;
/// Further ones per second.
const PER_SECOND: f64 = 10.0;

/// See the module.
pub(super) struct Sparing {
    kinds: Mutex<HashMap<Identifier, Kind>>,
    tell: Box<dyn Fn(u64) + Send + Sync>,
}

struct Kind {
    left: f64,
    since: Instant,
    left_out: u64,
}

impl Sparing {
    /// Reports with `tell` how many were left out.
    pub(super) fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { kinds: Mutex::default(), tell: Box::new(tell) }
    }

    /// Whether one more may be written; if so, how many before it were left out.
    fn admit(&self, kind: Identifier, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = || Kind { left: BURST, since: now, left_out: 0 };
        let kind = kinds.entry(kind).or_insert_with(begun);
        let passed = now.saturating_duration_since(kind.since).as_secs_f64();
        kind.left = (kind.left + passed * PER_SECOND).min(BURST);
        kind.since = now;
        if kind.left < 1.0 {
            kind.left_out += 1;
            return None;
        }
        kind.left -= 1.0;
        Some(std::mem::take(&mut kind.left_out))
    }
}

impl<S> Filter<S> for Sparing {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        if *event.metadata().level() != Level::WARN {
            return true;
        }
        let admitted = self.admit(event.metadata().callsite(), Instant::now());
        if let Some(left_out) = admitted.filter(|left_out| *left_out > 0) {
            (self.tell)(left_out);
        }
        admitted.is_some()
    }
}
