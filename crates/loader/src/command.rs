//! The call into the addon; its other end is `crates/node/src/command.rs`.

use std::{error::Error, ffi::OsString, path::Path};

use libloading::Library;

/// The addon's exported function: takes the words, each followed by a zero, and returns the exit
/// status.
type Command = unsafe extern "C" fn(words: *const u8, length: usize) -> u8;

/// Runs the command in the addon; returns its exit status.
pub(crate) fn run(addon: &Path, words: impl Iterator<Item = OsString>) -> Result<u8, String> {
    // SAFETY: the constructors of our addon only register functions for Node.
    let library = unsafe { Library::new(addon) }.map_err(|error| described(&error))?;
    // Never unloaded: threads of the command may run until the process has ended.
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: the addon is from the same build, and declares the function as here.
    let command = unsafe { library.get::<Command>(b"mcp_proxy_main\0") };
    let command = command.map_err(|error| described(&error))?;
    let words = joined(words);
    // SAFETY: the bytes live until the command has ended.
    Ok(unsafe { command(words.as_ptr(), words.len()) })
}

/// On no system can a word contain a zero.
fn joined(words: impl Iterator<Item = OsString>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in words {
        bytes.extend_from_slice(word.as_encoded_bytes());
        bytes.push(0);
    }
    bytes
}

fn described(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_with_a_zero_even_empty_ones() {
        let words = ["--", "", "é"].map(OsString::from);
        assert_eq!(joined(words.into_iter()), "--\0\0é\0".as_bytes());
        assert!(joined(std::iter::empty()).is_empty());
    }
}
