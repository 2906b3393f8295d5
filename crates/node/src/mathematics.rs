//! The one function of the C library's mathematics that the command needs.
//!
//! tokio's scheduler takes one power, to weigh how long tasks run. From `libm.so`, that would map
//! the whole library into each process: a thirtieth of what an idle proxy has in memory.

/// `base` to the power of `exponent`.
// SAFETY: it has the signature and the meaning of the C library's function of this name.
#[unsafe(no_mangle)]
extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}
