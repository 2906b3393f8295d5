//! What tasks share: how they are started, counted limits and rates, the lock, and the reaper of
//! processes that nobody waits for.

pub(crate) mod allowance;
pub(crate) mod beside;
pub(crate) mod environment;
pub(crate) mod lock;
pub(crate) mod network;
pub(crate) mod orphans;
pub(crate) mod seats;
pub(crate) mod task;
