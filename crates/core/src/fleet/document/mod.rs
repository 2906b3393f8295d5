//! A configuration file as a tree that knows the place of each part.
//!
//! JSON with comments and TOML become the same tree, so the rest of the code is written once.

mod json;
mod source;
mod toml;

pub(super) use source::Source;

use super::fault::Fault;

/// A value in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    /// Offset of its first byte.
    pub(super) at: usize,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    /// The raw number.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; no name appears twice.
    Table(Vec<Member>),
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) name: String,
    /// Offset of the name.
    pub(super) at: usize,
    pub(super) node: Node,
}

impl Node {
    /// The value of this member, if this is a table that has it.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Value::Table(members) = &self.value else { return None };
        members.iter().find(|member| member.name == name).map(|member| &member.node)
    }

    /// The kind of value with its article, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Boolean(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "an array",
            Value::Table(_) => "an object",
        }
    }
}

/// Reads a file; its name and its first character decide whether it is JSON or TOML.
pub(super) fn read(source: &Source) -> Result<Node, Fault> {
    if is_toml(source) { toml::read(source) } else { json::read(source) }
}

fn is_toml(source: &Source) -> bool {
    let named = |extension: &str| source.extension().is_some_and(|found| found == extension);
    let first = source.text().trim_start().bytes().next();
    named("toml") || !(named("json") || named("jsonc") || matches!(first, None | Some(b'{' | b'/')))
}

/// A member that appears twice is ambiguous, so the file is refused.
fn refuse_twins(members: &[Member], source: &Source) -> Result<(), Fault> {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by(|one, other| one.name.cmp(&other.name).then(one.at.cmp(&other.at)));
    let twin = sorted.windows(2).find(|pair| pair[0].name == pair[1].name);
    let Some([first, second]) = twin else { return Ok(()) };
    let message = format!(
        "{} is here for the second time; the first one is at {}",
        super::fault::quoted(&second.name),
        source.position(first.at),
    );
    Err(source.fault(second.at, message))
}
