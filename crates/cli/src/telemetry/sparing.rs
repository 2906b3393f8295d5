//! Limits repeated warnings: a peer that causes one can cause many.
//!
//! Warnings from the same place in the code are of one kind. The ones that are left out are
//! counted, and the next one that is written reports the number.

use std::time::Instant;

use mcp_proxy_core::telemetry::Allowance;
use tracing::{Event, Level, Metadata, callsite::Identifier, subscriber::Interest};
use tracing_subscriber::{
    filter::LevelFilter,
    layer::{Context, Filter},
};

/// Warnings of one kind in a row.
const BURST: f64 = 100.0;
/// Further ones per second.
const PER_SECOND: f64 = 10.0;

/// See the module.
pub(super) struct Sparing {
    kinds: Allowance<Identifier>,
    tell: Box<dyn Fn(u64) + Send + Sync>,
}

impl Sparing {
    /// Reports with `tell` how many were left out.
    pub(super) fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { kinds: Allowance::new(BURST, PER_SECOND), tell: Box::new(tell) }
    }
}

impl<S> Filter<S> for Sparing {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        if *event.metadata().level() != Level::WARN {
            return true;
        }
        let admitted = self.kinds.admit(event.metadata().callsite(), Instant::now());
        if let Some(left_out) = admitted.filter(|left_out| *left_out > 0) {
            (self.tell)(left_out);
        }
        admitted.is_some()
    }
}
