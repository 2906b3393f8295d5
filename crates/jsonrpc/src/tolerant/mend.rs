//! Repairs objects that are almost messages: with members that are null, without a version or with
//! another one, or with an error in another form.

use bytes::Bytes;

use super::error_form::well_formed;
use crate::{Entry, Message, Span, members};

/// The members of a message, in no particular order.
const KNOWN: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// The members of an object, before its kind is decided.
#[derive(Debug, Default)]
struct Survey {
    /// How often each of [`KNOWN`] appears.
    counts: [u8; KNOWN.len()],
    /// Whether each of them has a value.
    values: [bool; KNOWN.len()],
    has_others: bool,
    version_is_wrong: bool,
    method_is_likely: bool,
}

/// The message that an object means: members that are null count as missing, and the version may be
/// missing if the object has only members of a message. Any version will do for an answer. `None` if
/// it is still not a message.
pub(super) fn mend(object: &[u8]) -> Option<Message> {
    let whole = Span::new(0, object.len());
    let survey = Survey::of(object, whole);
    if !survey.is_clear() {
        return None;
    }
    let mut mended = br#"{"jsonrpc":"2.0""#.to_vec();
    for entry in members(object, whole) {
        if survey.drops(object, &entry) {
            continue;
        }
        mended.push(b',');
        let value = entry.value.of(object);
        match entry.is("error").then(|| well_formed(value)).flatten() {
            Some(error) => {
                mended.extend_from_slice(b"\"error\":");
                mended.extend_from_slice(&error);
            }
            None => mended.extend_from_slice(entry.whole().of(object)),
        }
    }
    mended.push(b'}');
    Message::parse(Bytes::from(mended)).ok()
}

impl Survey {
    fn of(object: &[u8], whole: Span) -> Self {
        let mut survey = Self::default();
        for entry in members(object, whole) {
            let Some(place) = place(&entry) else {
                survey.has_others = true;
                continue;
            };
            let value = entry.value.of(object);
            survey.counts[place] = survey.counts[place].saturating_add(1);
            survey.values[place] = value != b"null";
            match KNOWN[place] {
                "jsonrpc" => survey.version_is_wrong = !is_version(value),
                "method" => {
                    survey.method_is_likely = value.contains(&b'/') || value == br#""ping""#;
                }
                _ => {}
            }
        }
        survey
    }

    fn has(&self, name: &str) -> bool {
        KNOWN.iter().zip(self.values).any(|(known, value)| *known == name && value)
    }

    /// Whether it is an answer; one may repeat the method of its request.
    fn is_answer(&self) -> bool {
        self.has("id") && (self.has("result") != self.has("error")) && !self.has("params")
    }

    /// A log line may also have any of these members: without a version, there may be no others. The
    /// method must look like one, unless the version is the right one.
    fn is_clear(&self) -> bool {
        let once = self.counts.iter().all(|count| *count <= 1);
        let is_likely = !self.has("method") || self.method_is_likely;
        let clear = match (self.has("jsonrpc"), self.version_is_wrong) {
            (true, false) => true,
            (true, true) => is_likely && (self.is_answer() || self.has("method")),
            (false, _) => !self.has_others && is_likely && !self.is_answer_to_method(),
        };
        once && clear
    }

    fn is_answer_to_method(&self) -> bool {
        self.has("method") && self.is_answer()
    }

    /// Whether a member counts as missing. A null result counts as present, unless there is an
    /// error.
    fn drops(&self, object: &[u8], entry: &Entry<'_>) -> bool {
        let is_null = entry.value.of(object) == b"null";
        let Some(place) = place(entry) else { return false };
        match KNOWN[place] {
            "jsonrpc" => true,
            "id" => is_null && self.has("method"),
            "method" => is_null || self.is_answer(),
            "result" => is_null && (self.has("error") || self.has("method")),
            _ => is_null,
        }
    }
}

fn place(entry: &Entry<'_>) -> Option<usize> {
    KNOWN.iter().position(|name| entry.is(name))
}

fn is_version(value: &[u8]) -> bool {
    matches!(value, b"null" | br#""2.0""# | br#""2""# | b"2" | b"2.0")
}
