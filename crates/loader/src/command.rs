//! The way into the addon, whose other end is `crates/node/src/command.rs`.

use std::{error::Error, ffi::OsString, path::Path};

use libloading::Library;

/// What the addon exports: it takes the words, each ended by a zero, and returns the exit status.
type Command = unsafe extern "C" fn(words: *const u8, length: usize) -> u8;

/// Runs the command that is in the addon; its exit status.
pub(crate) fn run(addon: &Path, words: impl Iterator<Item = OsString>) -> Result<u8, String> {
    // SAFETY: the constructors of our addon register functions for Node, and nothing else.
    let library = unsafe { Library::new(addon) }.map_err(|error| described(&error))?;
    // Never unloaded: what the command has started may run until the process has ended.
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: the addon is of the same build, and declares the function as it is declared here.
    let command = unsafe { library.get::<Command>(b"mcp_proxy_main\0") };
    let command = command.map_err(|error| described(&error))?;
    let words = joined(words);
    // SAFETY: the bytes live until the command has ended.
    Ok(unsafe { command(words.as_ptr(), words.len()) })
}

/// No word holds a zero, on any system.
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
