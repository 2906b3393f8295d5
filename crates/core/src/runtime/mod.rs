//! What tasks share: how they are started, how many of a thing there may be, the lock, and who reaps
//! the processes that nobody waits for.

pub(crate) mod environment;
pub(crate) mod lock;
pub(crate) mod orphans;
pub(crate) mod seats;
pub(crate) mod task;
