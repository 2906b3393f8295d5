//! The command line, for the loader that is the executable in the npm packages.
//!
//! Nothing of Node is used here: the process is not a Node process.

use std::{ffi::OsString, panic, slice};

/// Exit status of a Rust program that panicked.
const PANICKED: u8 = 101;

/// Runs the command to its end and returns its exit status.
///
/// The words are the process's arguments without the program's own name, each followed by a zero.
///
/// # Safety
///
/// `words` must point to `length` bytes from the loader of the same build, which must not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_proxy_main(words: *const u8, length: usize) -> u8 {
    // SAFETY: the caller guarantees this.
    let bytes = unsafe { slice::from_raw_parts(words, length) };
    let words = bytes.split_inclusive(|&byte| byte == 0).map(|word| {
        let word = word.strip_suffix(&[0]).unwrap_or(word);
        // SAFETY: the loader, from the same build, took these bytes from an `OsString` without
        // zeros, so they are split where the loader has joined them.
        unsafe { OsString::from_encoded_bytes_unchecked(word.to_vec()) }
    });
    let words = words.collect();
    // A panic was reported where it happened, and must not unwind into the loader.
    panic::catch_unwind(|| mcp_proxy_cli::run(words)).map_or(PANICKED, |ending| ending as u8)
}
