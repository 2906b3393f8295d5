//! A configuration file as a tree that knows the place of each part.
//!
//! JSON with comments and TOML become the same tree, so the rest of the code is written once.

mod json;
mod node;
mod source;
mod toml;
mod volume;

pub(super) use node::{Member, Node, Value};
pub(super) use source::Source;

use super::fault::Fault;

/// Reads a file; its name and its first character decide whether it is JSON or TOML.
pub(super) fn read(source: &Source) -> Result<Node, Fault> {
    let is_toml = is_toml(source);
    volume::check(source, is_toml)?;
    if is_toml { toml::read(source) } else { json::read(source) }
}

fn is_toml(source: &Source) -> bool {
    let named = |extension: &str| source.extension().is_some_and(|found| found == extension);
    let first = source.text().trim_start().bytes().next();
    named("toml") || !(named("json") || named("jsonc") || matches!(first, None | Some(b'{' | b'/')))
}
