//! A flag: its name, its section in `--help`, and the kind of its value.
//!
//! A flag is one constant of the table in `flags`. Its kind parses and checks the given words, so
//! later code gets a typed value or an error and never sees the words.

use std::ffi::OsString;

/// One flag of the command line.
pub(crate) struct Flag<K> {
    /// The camelCase name that is shown; the other spellings are derived from it.
    pub(crate) name: &'static str,
    /// Its section in `--help`.
    pub(crate) section: Section,
    /// What its value means and which values are accepted.
    pub(crate) kind: K,
    /// A description of at most 50 bytes, for `-h`.
    pub(crate) short: &'static str,
    /// One or two sentences for `--help`, without the final full stop.
    pub(crate) help: &'static str,
}

/// Sections of `--help`, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Serving,
    Config,
    Upstream,
    Remote,
    Security,
    Sessions,
    Replicas,
    Limits,
    Timeouts,
    Tunnel,
    Calling,
    Diagnostics,
}

impl Section {
    /// The heading as printed.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Serving => "Serving",
            Self::Config => "Config",
            Self::Upstream => "Upstream",
            Self::Remote => "Remote",
            Self::Security => "Security",
            Self::Sessions => "Sessions",
            Self::Replicas => "Replicas",
            Self::Limits => "Limits",
            Self::Timeouts => "Timeouts",
            Self::Tunnel => "Tunnel",
            Self::Calling => "Calling",
            Self::Diagnostics => "Diagnostics",
        }
    }
}

/// How a flag takes its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No word, `true` or `false`; `--no-x` is the same as `--x=false`.
    Switch,
    /// One word; if repeated, the last one counts.
    ///
    /// Differs from mcp-proxy: there, a repeated flag becomes an array, with which the start fails.
    Single,
    /// Any number of words; all of them count.
    List,
    /// One word and the `key=value` words after it; all of them count.
    Call,
    /// Two words each time, joined by [`BETWEEN`]; all of them count.
    Pairs,
}

/// Separates the two words of a pair.
pub(crate) const BETWEEN: char = '\u{1f}';

/// Why a value was refused, without the name of the flag.
#[derive(Debug)]
pub(crate) struct Complaint {
    /// The accepted values, to be read after "must be".
    pub(crate) accepted: String,
    /// What the word was understood as.
    pub(crate) got: String,
    /// A hint that the user may not think of.
    pub(crate) advice: &'static str,
}

/// A kind of value: how it is parsed, checked and described.
pub(crate) trait Kind: Sync {
    /// What the configuration is given.
    type Value;

    /// How the flag takes its words.
    fn shape(&self) -> Shape;

    /// The value if neither the command line nor the environment sets one.
    fn absent(&self) -> Self::Value;

    /// Parses the given words, of which there is at least one.
    fn read(&self, words: &[OsString]) -> Result<Self::Value, Complaint>;

    /// Name of the value in `--help`; empty for a switch.
    fn placeholder(&self) -> &'static str;

    /// The default as `--help` shows it.
    fn default_shown(&self) -> Option<String> {
        None
    }

    /// The accepted words, if there is a fixed list.
    fn choices(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Its type in a JSON file.
    fn json(&self) -> Json {
        match self.shape() {
            Shape::Switch => Json::Boolean,
            Shape::Single => Json::Text,
            Shape::List | Shape::Call | Shape::Pairs => Json::Texts,
        }
    }
}

/// The type of a value in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Boolean,
    /// A whole number within these bounds.
    Number {
        min: u32,
        max: Option<u32>,
    },
    Text,
    /// An array of strings, or one string.
    Texts,
}

/// A flag without the type of its value: everything that parsing and `--help` need.
pub(crate) trait Definition: Sync {
    fn name(&self) -> &'static str;
    fn section(&self) -> Section;
    fn shape(&self) -> Shape;
    fn placeholder(&self) -> &'static str;
    fn short(&self) -> &'static str;
    fn help(&self) -> &'static str;
    fn default_shown(&self) -> Option<String>;
    fn choices(&self) -> Vec<&'static str>;
    fn json(&self) -> Json;
}

impl<K: Kind> Definition for Flag<K> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn section(&self) -> Section {
        self.section
    }

    fn shape(&self) -> Shape {
        self.kind.shape()
    }

    fn placeholder(&self) -> &'static str {
        self.kind.placeholder()
    }

    fn short(&self) -> &'static str {
        self.short
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn default_shown(&self) -> Option<String> {
        self.kind.default_shown()
    }

    fn choices(&self) -> Vec<&'static str> {
        self.kind.choices()
    }

    fn json(&self) -> Json {
        self.kind.json()
    }
}

/// `streamEndpoint` as `stream-endpoint`.
pub(crate) fn kebab(name: &str) -> String {
    separated(name, '-')
}

/// `streamEndpoint` as `MCP_PROXY_STREAM_ENDPOINT`.
pub(crate) fn variable(name: &str) -> String {
    format!("MCP_PROXY_{}", separated(name, '_').to_uppercase())
}

/// Lower case, with a separator before each former capital.
fn separated(name: &str, separator: char) -> String {
    let mut spelled = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            spelled.push(separator);
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    spelled
}
