//! Options as given, and the types that they can have.
//!
//! JavaScript passes them as JSON. Values that JSON does not have are `{"$": "function"}`, `{"$":
//! "object"}` for an object that is not data, `{"$": "NaN"}`, `{"$": "Infinity"}`, `{"$":
//! "symbol"}` or `{"$": "bigint"}`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The error for an option of the wrong type.
pub(crate) type Wrong = String;

/// The options of one object; `null` and missing ones are the same.
#[derive(Debug, Default)]
pub(super) struct Given {
    values: Map<String, Value>,
    /// The prefix of their names in messages.
    prefix: &'static str,
}

/// A type of value.
pub(super) trait Kind: Sized {
    /// Its name in messages.
    fn what() -> String;

    /// The value, if it has this type.
    fn read(value: &Value) -> Option<Self>;
}

impl Given {
    pub(super) fn parse(json: &str) -> Result<Self, Wrong> {
        Self::of(Some(serde_json::from_str(json).unwrap_or_default()))
    }

    /// From a value; `null` yields no options.
    pub(super) fn of(value: Option<Value>) -> Result<Self, Wrong> {
        match value {
            None => Ok(Self::default()),
            Some(Value::Object(values)) => Ok(Self { values, prefix: "" }),
            Some(_) => Err("its argument must be an object of options".to_owned()),
        }
    }

    /// The options of a part; its name is the prefix of theirs.
    pub(super) fn named(self, prefix: &'static str) -> Self {
        Self { prefix, ..self }
    }

    /// Whether it is `null`, which turns some things off.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(Value::is_null)
    }

    /// Whether it was given, even if it is empty.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| !value.is_null())
    }

    /// An option as it was given.
    pub(super) fn raw(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// An optional option.
    pub(super) fn take<K: Kind>(&self, name: &str) -> Result<Option<K>, Wrong> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                K::read(value).map(Some).ok_or_else(|| self.wrong::<K>(name, &describe(value)))
            }
        }
    }

    /// A required option.
    pub(super) fn need<K: Kind>(&self, name: &str) -> Result<K, Wrong> {
        self.take(name)?.ok_or_else(|| self.wrong::<K>(name, "undefined"))
    }

    /// A switch, with its default.
    pub(super) fn switch(&self, name: &str, default: bool) -> Result<bool, Wrong> {
        Ok(self.take(name)?.unwrap_or(default))
    }

    fn wrong<K: Kind>(&self, name: &str, value: &str) -> Wrong {
        format!("option \"{}{name}\" must be {}, not {value}", self.prefix, K::what())
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => match tag(value) {
            Some("function") => "a function".to_owned(),
            Some(number @ ("NaN" | "Infinity")) => number.to_owned(),
            Some(kind @ ("symbol" | "bigint")) => format!("a {kind}"),
            _ => "an object".to_owned(),
        },
        value => value.to_string(),
    }
}

fn tag(value: &Value) -> Option<&str> {
    value.get("$")?.as_str()
}

impl Kind for bool {
    fn what() -> String {
        "a boolean".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Kind for String {
    fn what() -> String {
        "a string".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

/// A text that is not empty.
pub(super) struct Filled(pub(super) String);

impl Kind for Filled {
    fn what() -> String {
        "a string that is not empty".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        String::read(value).filter(|text| !text.is_empty()).map(Self)
    }
}

impl Kind for Vec<String> {
    fn what() -> String {
        "an array of strings".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(String::read).collect()
    }
}

impl Kind for BTreeMap<String, String> {
    fn what() -> String {
        "an object whose values are strings".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        let entries = value.as_object()?.iter();
        entries.map(|(name, value)| Some((name.clone(), String::read(value)?))).collect()
    }
}

impl Kind for f64 {
    fn what() -> String {
        "a number".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        match tag(value) {
            Some("NaN") => Some(Self::NAN),
            Some("Infinity") => Some(Self::INFINITY),
            _ => value.as_f64(),
        }
    }
}

impl Kind for u16 {
    fn what() -> String {
        "an integer from 0 to 65535".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

/// A number of at least 1.
pub(super) struct Count(pub(super) f64);

impl Kind for Count {
    fn what() -> String {
        "a number of at least 1".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        f64::read(value).filter(|count| *count >= 1.0).map(Self)
    }
}

/// A whole number of this range.
pub(super) struct Whole<const LEAST: u32, const MOST: u32>(pub(super) u32);

impl<const LEAST: u32, const MOST: u32> Kind for Whole<LEAST, MOST> {
    fn what() -> String {
        format!("an integer from {LEAST} to {MOST}")
    }

    fn read(value: &Value) -> Option<Self> {
        let number = u32::try_from(value.as_u64()?).ok()?;
        (LEAST..=MOST).contains(&number).then_some(Self(number))
    }
}

/// A callback.
pub(super) struct Callback;

impl Kind for Callback {
    fn what() -> String {
        "a function".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        (tag(value) == Some("function")).then_some(Self)
    }
}

/// `false`, if that turns something off.
pub(super) struct Off;

impl Kind for Off {
    fn what() -> String {
        "false".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        (*value == Value::Bool(false)).then_some(Self)
    }
}

/// One of the words of `W`.
pub(super) struct Word<W>(pub(super) W);

/// The words that an option can be.
pub(super) trait Words: Copy + 'static {
    /// Each word, and its meaning.
    const ALL: &'static [(&'static str, Self)];
}

impl<W: Words> Kind for Word<W> {
    fn what() -> String {
        let words: Vec<String> = W::ALL.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        words.join(" or ")
    }

    fn read(value: &Value) -> Option<Self> {
        let given = value.as_str()?;
        W::ALL.iter().find(|(word, _)| *word == given).map(|(_, meant)| Self(*meant))
    }
}

/// Either of two types.
pub(super) enum Either<A, B> {
    This(A),
    That(B),
}

impl<A: Kind, B: Kind> Kind for Either<A, B> {
    fn what() -> String {
        format!("{} or {}", A::what(), B::what())
    }

    fn read(value: &Value) -> Option<Self> {
        A::read(value).map(Self::This).or_else(|| B::read(value).map(Self::That))
    }
}

impl Kind for Given {
    fn what() -> String {
        "an object".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        let values = value.as_object().filter(|_| matches!(tag(value), None | Some("object")))?;
        let values = values.clone();
        Some(Self { values, prefix: "" })
    }
}
