//! Everything that a measurement needs.

use std::time::Duration;

use crate::{
    contestant::{Contestant, Places, Setup},
    failure::Failure,
    proxy::Proxy,
};

/// Durations and amounts.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    /// Load of the same kind before anything is measured.
    pub(crate) warm_up: Duration,
    /// Load that is measured.
    pub(crate) span: Duration,
    /// Sessions to hold.
    pub(crate) sessions: usize,
    /// Starts per measurement.
    pub(crate) starts: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    pub(crate) places: Places,
    pub(crate) effort: Effort,
    /// The standard error of contestants is discarded.
    pub(crate) quiet: bool,
}

impl Bench {
    /// Starts a contestant cold, without any load before.
    pub(crate) async fn start(
        &self,
        contestant: Contestant,
        setup: Setup,
    ) -> Result<Proxy, Failure> {
        Proxy::start(contestant, setup, &self.places, self.quiet).await
    }
}
