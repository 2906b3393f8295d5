//! The kinds of value flags take: switches, numbers, texts, routes, files, lists and choices.
//!
//! Each parses the words of one flag in the form that users of the original know, and refuses
//! values that the original would have passed on.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use crate::args::{
    flag::{BETWEEN, Complaint, Json, Kind, Shape},
    number,
};

/// On or off.
///
/// Differs from mcp-proxy: there every word except for `true` means off, so `MCP_PROXY_MODERN=1`
/// turns off a feature that is on by default.
pub(crate) struct Switch {
    pub(crate) default: bool,
}

impl Kind for Switch {
    type Value = bool;

    fn shape(&self) -> Shape {
        Shape::Switch
    }

    fn absent(&self) -> bool {
        self.default
    }

    fn read(&self, words: &[OsString]) -> Result<bool, Complaint> {
        let word = text(words)?;
        match word.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(refused("true, 1, yes, on, false, 0, no or off", &word)),
        }
    }

    fn placeholder(&self) -> &'static str {
        ""
    }

    fn default_shown(&self) -> Option<String> {
        self.default.then(|| "true".to_owned())
    }
}

/// A whole number within bounds.
///
/// Differs from mcp-proxy: there only three numbers are checked and `NaN` is passed on.
pub(crate) struct Number {
    default: u64,
    min: u32,
    max: Option<u32>,
    unit: &'static str,
    advice: &'static str,
}

impl Number {
    /// A time in milliseconds.
    pub(crate) const fn millis(default: Duration) -> Self {
        let millis = default.as_secs() * 1000 + default.subsec_millis() as u64;
        Self { default: millis, min: 0, max: None, unit: "ms", advice: "" }
    }

    /// A size in bytes.
    pub(crate) const fn bytes(default: usize) -> Self {
        Self { default: default as u64, min: 0, max: None, unit: "bytes", advice: "" }
    }

    /// A count of something.
    pub(crate) const fn count(default: usize) -> Self {
        Self { default: default as u64, min: 0, max: None, unit: "n", advice: "" }
    }

    /// Refuses smaller numbers.
    pub(crate) const fn at_least(mut self, min: u32) -> Self {
        self.min = min;
        self
    }

    /// Refuses larger numbers.
    pub(crate) const fn at_most(mut self, max: u32) -> Self {
        self.max = Some(max);
        self
    }

    /// A hint for those whose number is refused.
    pub(crate) const fn or_else(mut self, advice: &'static str) -> Self {
        self.advice = advice;
        self
    }

    /// The limits, in the original's words.
    fn bounds(&self) -> String {
        match self.max {
            Some(max) => format!("from {} to {max}", self.min),
            None => format!(">= {}", self.min),
        }
    }
}

impl Kind for Number {
    type Value = u64;

    fn shape(&self) -> Shape {
        Shape::Single
    }

    fn absent(&self) -> u64 {
        self.default
    }

    fn read(&self, words: &[OsString]) -> Result<u64, Complaint> {
        let complaint = |sort: &str, got: String| Complaint {
            accepted: format!("a {sort} {}", self.bounds()),
            got,
            advice: self.advice,
        };
        let word = text(words)?;
        let Some(value) = number::parse(&word) else {
            return Err(complaint("number", "NaN".to_owned()));
        };
        let above = self.max.is_some_and(|max| value > f64::from(max));
        if value < f64::from(self.min) || above {
            return Err(complaint("number", number::shown(value)));
        }
        number::whole(value).ok_or_else(|| complaint("whole number", number::shown(value)))
    }

    fn placeholder(&self) -> &'static str {
        self.unit
    }

    fn default_shown(&self) -> Option<String> {
        Some(self.default.to_string())
    }

    fn json(&self) -> Json {
        Json::Number { min: self.min, max: self.max }
    }
}

/// An optional port; zero lets the system choose one.
pub(crate) struct Port;

impl Kind for Port {
    type Value = Option<u16>;

    fn shape(&self) -> Shape {
        Shape::Single
    }

    fn absent(&self) -> Option<u16> {
        None
    }

    fn read(&self, words: &[OsString]) -> Result<Option<u16>, Complaint> {
        let number = Number::count(0).at_most(65_535).read(words)?;
        Ok(u16::try_from(number).ok())
    }

    fn placeholder(&self) -> &'static str {
        "n"
    }

    fn json(&self) -> Json {
        Json::Number { min: 0, max: Some(65_535) }
    }
}

/// A name and the words after it.
pub(crate) struct Call;

impl Kind for Call {
    type Value = Vec<String>;

    fn shape(&self) -> Shape {
        Shape::Call
    }

    fn absent(&self) -> Vec<String> {
        Vec::new()
    }

    fn read(&self, words: &[OsString]) -> Result<Vec<String>, Complaint> {
        words.iter().map(|word| utf8(word)).collect()
    }

    fn placeholder(&self) -> &'static str {
        "name"
    }
}

/// An optional text; an empty one counts as missing.
pub(crate) struct Text {
    pub(crate) placeholder: &'static str,
}

impl Kind for Text {
    type Value = Option<String>;

    fn shape(&self) -> Shape {
        Shape::Single
    }

    fn absent(&self) -> Option<String> {
        None
    }

    fn read(&self, words: &[OsString]) -> Result<Option<String>, Complaint> {
        text(words).map(|word| Some(word).filter(|word| !word.is_empty()))
    }

    fn placeholder(&self) -> &'static str {
        self.placeholder
    }
}

/// A host to listen on; an empty one is the unspecified address, which is the default.
pub(crate) struct Host {
    pub(crate) default: &'static str,
}

impl Kind for Host {
    type Value = String;

    fn shape(&self) -> Shape {
        Shape::Single
    }

    fn absent(&self) -> String {
        self.default.to_owned()
    }

    fn read(&self, words: &[OsString]) -> Result<String, Complaint> {
        let word = text(words)?;
        Ok(if word.is_empty() { self.absent() } else { word })
    }

    fn placeholder(&self) -> &'static str {
        "host"
    }

    fn default_shown(&self) -> Option<String> {
        Some(self.default.to_owned())
    }
}

/// A secret, which is never empty.
///
/// Differs from mcp-proxy: there an empty key, for example from an unset variable, lets everybody
/// in.
pub(crate) struct Secret {
    pub(crate) placeholder: &'static str,
    /// A hint for those who gave an empty one.
    pub(crate) advice: &'static str,
}

impl Kind for Secret {
    type Value = Option<String>;

    fn shape(&self) -> Shape {
        Shape::Single
    }

    fn absent(&self) -> Option<String> {
        None
    }

    fn read(&self, words: &[OsString]) -> Result<Option<String>, Complaint> {
        match text(words)? {
            word if word.is_empty() => Err(Complaint {
                accepted: "a non-empty text".to_owned(),
                got: "an empty one".to_owned(),
                advice: self.advice,
            }),
            word => Ok(Some(word)),
        }
    }

    fn placeholder(&self) -> &'static str {
        self.placeholder
    }
}

/// Path of an endpoint; an empty one turns the endpoint off.
pub(crate) struct Route {
    pub(crate) default: Option<&'static str>,
}

impl Kind for Route {
    type Value = Option<String>;

    fn shape(&self) -> Shape {
        Shape::Single
    }

    fn absent(&self) -> Option<String> {
        self.default.map(str::to_owned)
    }

    fn read(&self, words: &[OsString]) -> Result<Option<String>, Complaint> {
        match text(words)? {
            word if word.is_empty() => Ok(None),
            word if word.starts_with('/') && !word.contains(['?', '#', ' ']) => Ok(Some(word)),
            word => Err(refused("a path that begins with /", &word)),
        }
    }

    fn placeholder(&self) -> &'static str {
        "path"
    }

    fn default_shown(&self) -> Option<String> {
        self.absent()
    }
}

/// Name of a file or directory, in any bytes that the system allows; an empty one counts as
/// missing.
pub(crate) enum PathName {
    File,
    Directory,
}

impl Kind for PathName {
    type Value = Option<PathBuf>;

    fn shape(&self) -> Shape {
        Shape::Single
    }

    fn absent(&self) -> Option<PathBuf> {
        None
    }

    fn read(&self, words: &[OsString]) -> Result<Option<PathBuf>, Complaint> {
        Ok(words.last().filter(|word| !word.is_empty()).map(PathBuf::from))
    }

    fn placeholder(&self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
        }
    }
}

/// Texts, one each time the flag is given.
pub(crate) struct List {
    pub(crate) placeholder: &'static str,
}

impl Kind for List {
    type Value = Vec<String>;

    fn shape(&self) -> Shape {
        Shape::List
    }

    fn absent(&self) -> Vec<String> {
        Vec::new()
    }

    fn read(&self, words: &[OsString]) -> Result<Vec<String>, Complaint> {
        words.iter().map(|word| utf8(word)).collect()
    }

    fn placeholder(&self) -> &'static str {
        self.placeholder
    }
}

/// A name and a text, each time the flag is given: two words, or one word with a space.
pub(crate) struct Pairs {
    pub(crate) placeholder: &'static str,
}

impl Kind for Pairs {
    type Value = Vec<(String, String)>;

    fn shape(&self) -> Shape {
        Shape::Pairs
    }

    fn absent(&self) -> Self::Value {
        Vec::new()
    }

    fn read(&self, words: &[OsString]) -> Result<Self::Value, Complaint> {
        let pair = |word: &OsString| {
            let word = utf8(word)?;
            let pair = word.split_once(BETWEEN).or_else(|| word.split_once(' '));
            let pair = pair.map(|(name, text)| (name.trim(), text.trim()));
            let pair = pair.filter(|(name, text)| !name.is_empty() && !text.is_empty());
            pair.map(|(name, text)| (name.to_owned(), text.to_owned()))
                .ok_or_else(|| refused("a name and a command, which may be in quotes", &word))
        };
        words.iter().map(pair).collect()
    }

    fn placeholder(&self) -> &'static str {
        self.placeholder
    }
}

/// One word of a list, each with its meaning.
pub(crate) struct Choice<T: 'static> {
    pub(crate) placeholder: &'static str,
    pub(crate) choices: &'static [(&'static str, T)],
    pub(crate) default: (&'static str, T),
}

impl<T: Copy + Sync> Kind for Choice<T> {
    type Value = T;

    fn shape(&self) -> Shape {
        Shape::Single
    }

    fn absent(&self) -> T {
        self.default.1
    }

    fn read(&self, words: &[OsString]) -> Result<T, Complaint> {
        let word = text(words)?;
        let chosen = self.choices.iter().find(|(choice, _)| *choice == word);
        chosen
            .map(|&(_, meaning)| meaning)
            .ok_or_else(|| refused(&format!("one of {}", self.choices().join(", ")), &word))
    }

    fn placeholder(&self) -> &'static str {
        self.placeholder
    }

    fn default_shown(&self) -> Option<String> {
        Some(self.default.0.to_owned())
    }

    fn choices(&self) -> Vec<&'static str> {
        self.choices.iter().map(|&(choice, _)| choice).collect()
    }
}

/// The word that counts, as text.
fn text(words: &[OsString]) -> Result<String, Complaint> {
    words.last().map_or_else(|| Ok(String::new()), |word| utf8(word))
}

fn utf8(word: &OsStr) -> Result<String, Complaint> {
    word.to_str().map(str::to_owned).ok_or_else(|| refused("valid UTF-8", "other bytes"))
}

fn refused(accepted: &str, got: &str) -> Complaint {
    Complaint { accepted: accepted.to_owned(), got: got.to_owned(), advice: "" }
}
