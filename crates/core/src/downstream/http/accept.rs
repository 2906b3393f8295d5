//! Which types of answer a client accepts (RFC 9110, 12.5.1).

use http::{HeaderMap, header};

/// Which of the two types of an answer a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) json: bool,
    pub(super) events: bool,
}

/// What MCP's SDKs send: both types, without weights.
const BOTH: [&[u8]; 2] =
    [b"application/json, text/event-stream", b"text/event-stream, application/json"];

impl Accepted {
    /// Without media ranges, everything is accepted.
    pub(super) fn by(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::ACCEPT).iter();
        match (values.next(), values.next()) {
            (Some(only), None) if BOTH.contains(&only.as_bytes()) => {
                Self { json: true, events: true }
            }
            _ => Self::by_ranges(headers),
        }
    }

    fn by_ranges(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter();
        let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        let ranges: Vec<Range<'_>> =
            texts.iter().flat_map(|text| pieces(text, ',')).filter_map(Range::of).collect();
        let accepts = |kind: &str, subtype: &str| {
            let fits = |range: &&Range<'_>| range.precision(kind, subtype).is_some();
            let best = ranges
                .iter()
                .filter(fits)
                .max_by_key(|range| (range.precision(kind, subtype), range.is_wanted));
            ranges.is_empty() || best.is_some_and(|range| range.is_wanted)
        };
        Self { json: accepts("application", "json"), events: accepts("text", "event-stream") }
    }
}

/// One media range.
#[derive(Clone, Copy, Debug)]
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// Whether its weight is above zero.
    is_wanted: bool,
}

impl<'a> Range<'a> {
    /// `None` if the text is not a media range.
    fn of(text: &'a str) -> Option<Self> {
        let mut parts = pieces(text, ';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let (kind, subtype) = (kind.trim(), subtype.trim());
        if kind.is_empty() || subtype.is_empty() || (kind == "*" && subtype != "*") {
            return None;
        }
        let weight = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())
        });
        let is_wanted = weight.flatten().is_none_or(|weight| weight > 0.0);
        Some(Self { kind, subtype, is_wanted })
    }

    /// How precisely it names this type; `None` if it does not cover it.
    fn precision(&self, kind: &str, subtype: &str) -> Option<u8> {
        if self.kind == "*" {
            return Some(0);
        }
        if !self.kind.eq_ignore_ascii_case(kind) {
            return None;
        }
        match self.subtype {
            "*" => Some(1),
            own => own.eq_ignore_ascii_case(subtype).then_some(2),
        }
    }
}

/// The parts of a field between these separators; separators inside of quotes do not count.
fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == separator && !quoted,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(values: &[&str]) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        assert_eq!(Accepted::by(&headers), Accepted::by_ranges(&headers));
        let Accepted { json, events } = Accepted::by(&headers);
        (json, events)
    }

    #[test]
    fn a_type_is_accepted_unless_it_is_excluded() {
        let (both, json, events, none) =
            ((true, true), (true, false), (false, true), (false, false));
        for (values, expected) in [
            (&[][..], both),
            (&[""], both),
            (&["*/*"], both),
            (&["application/json, text/event-stream"], both),
            (&["text/event-stream, application/json"], both),
            (&["application/json, text/event-stream", "text/event-stream;q=0"], both),
            (&["application/json", "text/event-stream"], both),
            (&["text/event-stream;q=0.5 , application/json;q=1"], both),
            (&["application/*, text/*"], both),
            (&["APPLICATION/JSON, Text/Event-Stream"], both),
            (&["application/json;charset=utf-8, text/event-stream; charset=\"utf-8\""], both),
            (&["text/html, */*;q=0.1"], both),
            (&["nonsense"], both),
            (&["application/json, nonsense, text/event-stream"], both),
            (&["*/*;q=0, application/json, text/event-stream"], both),
            (&["application/json"], json),
            (&["application/*"], json),
            (&["application/json;profile=\"a,b;text/event-stream\""], json),
            (&["*/*, text/event-stream;q=0"], json),
            (&["*/*, text/*;q=0.0"], json),
            (&["text/event-stream"], events),
            (&["text/*"], events),
            (&["*/*, application/json; q=0"], events),
            (&["text/event-stream, application/json;q=0.000"], events),
            (&["text/html"], none),
            (&["*/*;q=0"], none),
            (&["application/json;q=0, text/event-stream;q=0"], none),
            (&["application/jsonp, text/event-streams"], none),
            (&["application/vnd.api+json"], none),
        ] {
            assert_eq!(accepted(values), expected, "{values:?}");
        }
    }
}
