//! The lock for state that several threads use.
//!
//! With the feature `shuttle`, a scheduler chooses the order of the threads; such a build is only
//! for the tests named `interleavings`.

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{Mutex, MutexGuard};
