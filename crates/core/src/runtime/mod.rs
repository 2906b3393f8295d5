//! What tasks share: how they are started, how many of a thing there may be, and the lock.

pub(crate) mod lock;
pub(crate) mod seats;
pub(crate) mod task;
