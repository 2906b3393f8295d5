//! Settings in the form of command-line flags.
//!
//! The skin knows the flags; here only the name and the kind of the value are checked. The words
//! are then parsed as if they had been typed.

use super::{
    document::{Member, Value},
    fault::{Fault, Position, quoted, suggestion},
    members::{Members, Text},
    variables::Expansion,
};

/// The names that a block may contain, and the kinds of their values.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Of the block at the top.
    pub top: Vec<Known>,
    /// Of the block of a server.
    pub server: Vec<Known>,
}

/// A flag of the command line.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// In camel case: `sessionIdleTimeout`.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// A sentence that describes it.
    pub help: &'static str,
}

/// The JSON kinds of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A non-negative number.
    Number,
    /// A string.
    Text,
    /// An array of strings, or one string.
    List,
}

/// A flag's value in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The flag.
    pub name: &'static str,
    /// Its values, at least one, with variables expanded.
    pub words: Vec<String>,
    /// The file as the user named it.
    pub file: std::sync::Arc<str>,
    /// Where it is.
    pub position: Position,
}

/// A setting before its variables are expanded.
#[derive(Clone, Debug)]
pub(super) struct DraftSetting {
    name: &'static str,
    at: usize,
    words: Vec<Word>,
}

/// A word: a text, perhaps with a fixed prefix: `NAME=` and the value.
#[derive(Clone, Debug)]
struct Word {
    before: String,
    text: Text,
}

impl DraftSetting {
    /// One word.
    pub(super) fn one(name: &'static str, text: Text) -> Self {
        let at = text.at;
        Self { name, at, words: vec![Word { before: String::new(), text }] }
    }

    /// A fixed word.
    pub(super) fn fixed(name: &'static str, word: &str, at: usize) -> Self {
        Self::one(name, Text { value: word.to_owned(), at })
    }

    /// The flag.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// `NAME=value` for each pair.
    pub(super) fn pairs(name: &'static str, between: &str, pairs: Vec<(Text, Text)>) -> Vec<Self> {
        let Some(at) = pairs.first().map(|(name, _)| name.at) else { return Vec::new() };
        let word =
            |(name, text): (Text, Text)| Word { before: format!("{}{between}", name.value), text };
        vec![Self { name, at, words: pairs.into_iter().map(word).collect() }]
    }

    /// The setting with its variables expanded.
    pub(super) fn expand(&self, expansion: &Expansion<'_>) -> Result<Setting, Fault> {
        let expansion = Expansion { keeps_claims: self.name == "env", ..*expansion };
        let word = |word: &Word| Ok(format!("{}{}", word.before, expansion.expand(&word.text)?));
        Ok(Setting {
            name: self.name,
            words: self.words.iter().map(word).collect::<Result<_, Fault>>()?,
            file: expansion.source.file().into(),
            position: expansion.source.position(self.at),
        })
    }
}

/// Reads the members of a block that are flags; `others` are its other members.
pub(super) fn read(
    block: &Members<'_>,
    known: &[Known],
    others: &[&str],
) -> Result<Vec<DraftSetting>, Fault> {
    let mut settings = Vec::new();
    for member in block.all() {
        if others.contains(&member.name.as_str()) {
            continue;
        }
        let Some(flag) = known.iter().find(|flag| flag.name == member.name) else {
            let names = known.iter().map(|flag| flag.name).chain(others.iter().copied());
            let message = format!(
                "{} is unknown{}",
                quoted(&block.path(&member.name)),
                suggestion(&member.name, names)
            );
            return Err(block.source.fault(member.at, message));
        };
        if member.node.value == Value::Null {
            continue;
        }
        settings.push(flagged(block, member, flag)?);
    }
    Ok(settings)
}

/// A member that stands for this flag under another name.
pub(super) fn flagged(
    block: &Members<'_>,
    member: &Member,
    flag: &Known,
) -> Result<DraftSetting, Fault> {
    let node = &member.node;
    let plain = |value: String| Ok(DraftSetting::one(flag.name, Text { value, at: node.at }));
    let wrong = |wanted: &str| Err(block.wrong(node, &block.path(&member.name), wanted));
    match (flag.kind, &node.value) {
        (Kind::Switch, Value::Boolean(is)) => plain(is.to_string()),
        (Kind::Number, Value::Number(number)) => plain(number.clone()),
        (Kind::Text | Kind::List, Value::Text(text)) => plain(text.clone()),
        // A variable may stand for any kind.
        (Kind::Switch | Kind::Number, Value::Text(text)) if text.contains("${") => {
            plain(text.clone())
        }
        (Kind::List, Value::List(_)) => {
            let texts = block.texts(&member.name)?.unwrap_or_default();
            let words = texts.into_iter().map(|text| Word { before: String::new(), text });
            Ok(DraftSetting { name: flag.name, at: node.at, words: words.collect() })
        }
        (Kind::Switch, _) => wrong("true or false"),
        (Kind::Number, _) => wrong("a number"),
        (Kind::Text, _) => wrong("a string"),
        (Kind::List, _) => wrong("an array of strings"),
    }
}
