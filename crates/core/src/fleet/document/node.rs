//! The tree of a file, whatever its syntax is.

use super::{
    super::fault::{Fault, quoted},
    source::Source,
};

/// A value in a file.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fleet) struct Node {
    pub(in crate::fleet) value: Value,
    /// Offset of its first byte.
    pub(in crate::fleet) at: usize,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fleet) enum Value {
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
pub(in crate::fleet) struct Member {
    pub(in crate::fleet) name: String,
    /// Offset of the name.
    pub(in crate::fleet) at: usize,
    pub(in crate::fleet) node: Node,
}

impl Node {
    /// The value of this member, if this is a table that has it.
    pub(in crate::fleet) fn get(&self, name: &str) -> Option<&Self> {
        let Value::Table(members) = &self.value else { return None };
        members.iter().find(|member| member.name == name).map(|member| &member.node)
    }

    /// The kind of value with its article, for messages.
    pub(in crate::fleet) fn kind(&self) -> &'static str {
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

/// A member that appears twice is ambiguous, so the file is refused.
pub(super) fn refuse_twins(members: &[Member], source: &Source) -> Result<(), Fault> {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by(|one, other| one.name.cmp(&other.name).then(one.at.cmp(&other.at)));
    let twin = sorted.windows(2).find(|pair| pair[0].name == pair[1].name);
    let Some([first, second]) = twin else { return Ok(()) };
    let message = format!(
        "{} appears twice; the first one is at {}",
        quoted(&second.name),
        source.position(first.at),
    );
    Err(source.fault(second.at, message))
}
