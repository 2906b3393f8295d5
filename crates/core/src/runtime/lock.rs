//! The lock of what several threads use at once.
//!
//! With the feature `shuttle` it is one whose threads a scheduler interleaves; such a build is for
//! the tests named `interleavings` and runs nothing else.

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{Mutex, MutexGuard};
