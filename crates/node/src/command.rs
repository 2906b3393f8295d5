//! The command line, for a loader that stands for the executable in the packages of npm.
//!
//! Nothing of Node is used here: the process is not a Node process.

use std::{ffi::OsString, panic, slice};

/// Exit status of a Rust program that panicked.
const PANICKED: u8 = 101;

/// Runs the command to its end and returns its exit status.
///
/// The words are the process's arguments without its own name, each ended by a zero.
///
/// # Safety
///
/// `words` points at `length` bytes, which came from the loader of the same build and stay as they are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_proxy_main(words: *const u8, length: usize) -> u8 {
    // SAFETY: as promised by the caller.
    let bytes = unsafe { slice::from_raw_parts(words, length) };
    let words = bytes.split_inclusive(|&byte| byte == 0).map(|word| {
        let word = word.strip_suffix(&[0]).unwrap_or(word);
        // SAFETY: the loader, of the same build, took these bytes from an `OsString`, which has no
        // zero in it: so it is cut where the loader has joined.
        unsafe { OsString::from_encoded_bytes_unchecked(word.to_vec()) }
    });
    let words = words.collect();
    // A panic has been reported where it happened, and may not unwind into the loader.
    panic::catch_unwind(|| mcp_proxy_cli::run(words)).map_or(PANICKED, |ending| ending as u8)
}
