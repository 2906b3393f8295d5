//! Reads the members of an object one by one, and knows which were not used.

use std::cell::RefCell;

use super::{
    document::{Member, Node, Source, Value},
    fault::{Fault, printable, quoted},
};

/// Longest string that is used: Linux gives a program none that is longer.
const LONGEST: usize = 128 * 1024;

/// A string of the file, not expanded yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub(super) value: String,
    /// Offset of its first byte, which is a quote.
    pub(super) at: usize,
}

/// A member that means nothing to the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Its path from the top: `mcpServers.files.autoApprove`.
    pub path: String,
    /// Where it is.
    pub position: super::fault::Position,
    /// Why it is not used, if that is known; otherwise empty.
    pub reason: &'static str,
}

/// The members of one object.
#[derive(Debug)]
pub(super) struct Members<'a> {
    pub(super) source: &'a Source,
    /// Offset of the object.
    pub(super) at: usize,
    path: String,
    list: &'a [Member],
    /// Members that were read, by index, with the reason if they are not used.
    asked: RefCell<Vec<(usize, Option<&'static str>)>>,
}

impl<'a> Members<'a> {
    /// The members of this object at this `path`.
    pub(super) fn of(node: &'a Node, path: &str, source: &'a Source) -> Result<Self, Fault> {
        let Value::Table(list) = &node.value else {
            let message = format!("{} is {}; it must be an object", quoted(path), node.kind());
            return Err(source.fault(node.at, message));
        };
        let asked = RefCell::default();
        Ok(Self { source, at: node.at, path: path.to_owned(), list, asked })
    }

    /// All of them, in the order of the file.
    pub(super) fn all(&self) -> &'a [Member] {
        self.list
    }

    /// The path of a member.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The member of this name, unless its value is `null`.
    pub(super) fn get(&self, name: &str) -> Option<&'a Member> {
        let at = self.list.iter().position(|member| member.name == name)?;
        self.asked.borrow_mut().push((at, None));
        self.list.get(at).filter(|member| member.node.value != Value::Null)
    }

    /// Notes why a member is not used.
    pub(super) fn ignore(&self, name: &str, reason: &'static str) {
        if let Some(at) = self.list.iter().position(|member| member.name == name) {
            self.asked.borrow_mut().push((at, Some(reason)));
        }
    }

    /// The unused members, in the order of the file.
    pub(super) fn unused(&self) -> Vec<Unused> {
        let asked = self.asked.borrow();
        let reason = |index| match asked.iter().rev().find(|(at, _)| *at == index) {
            Some((_, reason)) => *reason,
            None => Some(""),
        };
        let unused = |(index, member): (usize, &Member)| {
            let position = self.source.position(member.at);
            let path = printable(&self.path(&member.name));
            Some(Unused { path, position, reason: reason(index)? })
        };
        self.list.iter().enumerate().filter_map(unused).collect()
    }

    /// A string.
    pub(super) fn text(&self, name: &str) -> Result<Option<Text>, Fault> {
        self.get(name).map(|member| self.as_text(&member.node, &self.path(name))).transpose()
    }

    /// Strings.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<Text>>, Fault> {
        let Some(member) = self.get(name) else { return Ok(None) };
        let path = self.path(name);
        let Value::List(list) = &member.node.value else {
            return Err(self.wrong(&member.node, &path, "an array of strings"));
        };
        let item = |(index, node)| self.as_text(node, &format!("{path}[{index}]"));
        list.iter().enumerate().map(item).collect::<Result<_, _>>().map(Some)
    }

    /// Names and strings; numbers and booleans are taken as written, as clients do with variables.
    pub(super) fn pairs(&self, name: &str) -> Result<Vec<(Text, Text)>, Fault> {
        let Some(member) = self.get(name) else { return Ok(Vec::new()) };
        let path = self.path(name);
        let Value::Table(list) = &member.node.value else {
            return Err(self.wrong(&member.node, &path, "an object of strings"));
        };
        let pair = |Member { name, at, node }: &Member| {
            let value = match &node.value {
                Value::Boolean(is) => Text { value: is.to_string(), at: node.at },
                Value::Number(number) => Text { value: number.clone(), at: node.at },
                _ => self.as_text(node, &format!("{path}.{name}"))?,
            };
            Ok((Text { value: name.clone(), at: *at }, value))
        };
        list.iter().map(pair).collect()
    }

    /// A boolean.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Fault> {
        let Some(member) = self.get(name) else { return Ok(None) };
        match member.node.value {
            Value::Boolean(is) => Ok(Some(is)),
            _ => Err(self.wrong(&member.node, &self.path(name), "true or false")),
        }
    }

    /// A number that is not negative, with its place.
    pub(super) fn number(&self, name: &str) -> Result<Option<(f64, usize)>, Fault> {
        let Some(member) = self.get(name) else { return Ok(None) };
        let wrong = || self.wrong(&member.node, &self.path(name), "a number from 0 on");
        let Value::Number(text) = &member.node.value else { return Err(wrong()) };
        let number = text.replace('_', "").parse::<f64>().ok();
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        number.map(|number| Some((number, member.node.at))).ok_or_else(wrong)
    }

    fn as_text(&self, node: &Node, path: &str) -> Result<Text, Fault> {
        match &node.value {
            Value::Text(text) if text.contains('\0') => {
                let message = format!("{} holds a NUL character", quoted(path));
                Err(self.source.fault(node.at, message))
            }
            Value::Text(text) if text.len() > LONGEST => {
                let message = format!(
                    "{} has {} bytes; a string for a server may have {LONGEST}",
                    quoted(path),
                    text.len()
                );
                Err(self.source.fault(node.at, message))
            }
            Value::Text(value) => Ok(Text { value: value.clone(), at: node.at }),
            _ => Err(self.wrong(node, path, "a string")),
        }
    }

    /// A value of the wrong kind.
    pub(super) fn wrong(&self, node: &Node, path: &str, wanted: &str) -> Fault {
        let message = format!("{} is {}; it must be {wanted}", quoted(path), node.kind());
        self.source.fault(node.at, message)
    }
}
