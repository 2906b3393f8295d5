//! Headers as they are written. Most requests of a client have the same ones, which are redacted
//! and formatted once.

use std::hash::{BuildHasher as _, RandomState};

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{Headers, Redaction};

/// How many different ones are kept.
const PLACES: usize = 256;
/// Size in bytes of the largest headers that are kept beside others.
const LONGEST: usize = 2048;

/// See the module.
#[derive(Debug)]
pub(super) struct Rendered {
    hasher: RandomState,
    /// Each of these has one possible place; there is one more for all that are too large.
    places: Vec<Option<(Headers, Box<RawValue>)>>,
    current: usize,
}

impl Rendered {
    pub(super) fn new() -> Self {
        let places = std::iter::repeat_with(|| None).take(PLACES + 1).collect();
        Self { hasher: RandomState::new(), places, current: PLACES }
    }

    /// Makes these headers the current ones.
    pub(super) fn turn_to(&mut self, headers: &Headers, redaction: &Redaction) {
        if self.is_at(headers) {
            return;
        }
        self.current = self.place_of(headers);
        if self.is_at(headers) {
            return;
        }
        let text = to_raw_value(&Clean(redaction, headers));
        self.places[self.current] = text.ok().map(|text| (headers.clone(), text));
    }

    fn is_at(&self, headers: &Headers) -> bool {
        self.places[self.current].as_ref().is_some_and(|(known, _)| known == headers)
    }

    fn place_of(&self, headers: &Headers) -> usize {
        if headers.text().len() > LONGEST {
            return PLACES;
        }
        let hash = self.hasher.hash_one(headers.text());
        usize::try_from(hash % PLACES as u64).unwrap_or(PLACES)
    }

    /// The current headers: pairs of names and values, without secrets.
    pub(super) fn current(&self) -> &RawValue {
        self.places[self.current].as_ref().map_or(RawValue::NULL, |(_, text)| text)
    }
}

/// Headers without their secrets.
struct Clean<'a>(&'a Redaction, &'a Headers);

impl Serialize for Clean<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(redaction, headers) = self;
        serializer.collect_seq(redaction.headers(headers))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::config::RedactionConfig;

    fn headers(value: &str) -> Headers {
        let mut headers = HeaderMap::new();
        headers.insert("accept", value.parse().unwrap());
        headers.insert("authorization", "Bearer secret-of-one-client".parse().unwrap());
        Headers::from(&headers)
    }

    #[test]
    fn each_request_gets_its_own_headers_however_many_there_are() {
        let redaction = Redaction::new(&RedactionConfig::default());
        let mut rendered = Rendered::new();
        let long = "x".repeat(2 * LONGEST);
        let values: Vec<_> = (0..3 * PLACES).map(|number| number.to_string()).collect();
        for _ in 0..2 {
            for value in values.iter().chain([&long, &format!("{long}y")]) {
                rendered.turn_to(&headers(value), &redaction);
                let pairs: Vec<(&str, &str)> =
                    serde_json::from_str(rendered.current().get()).unwrap();
                let authorization = ("authorization", "Bearer [redacted]");
                assert_eq!(pairs, [("accept", value.as_str()), authorization]);
            }
        }
    }
}
