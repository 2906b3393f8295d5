//! Compares headers with the body that they mirror, and makes them from it.

use std::{borrow::Cow, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue, header::GetAll};
use serde_json::Number;

use super::{
    annotation::MirroredParameter,
    value::{InvalidValue, decode, encode},
};
use crate::jsonrpc::{Message, Span, find_member, members, string_text};

const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Largest integer that every peer represents exactly.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A header that differs from the body (-32020).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("the body has a value for {header} but the header is absent")]
    Missing { header: String },
    #[error("{header} is given more than once")]
    Repeated { header: String },
    #[error("{header} {problem}")]
    Malformed { header: String, problem: InvalidValue },
    #[error("{header} says {said:?} but the body says {body:?}")]
    Different { header: String, said: String, body: String },
    #[error("{header} cannot be compared with the body: that {problem}")]
    Incomparable { header: String, problem: Incomparable },
}

/// Why a header and an argument cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Incomparable {
    #[error("is given twice")]
    Repeated,
    #[error("is not text")]
    Unreadable,
    #[error("is not a value that a header can mirror")]
    Unmirrored,
}

impl Mismatch {
    /// The header's name.
    pub(crate) fn header(&self) -> &str {
        match self {
            Self::Missing { header }
            | Self::Repeated { header }
            | Self::Malformed { header, .. }
            | Self::Different { header, .. }
            | Self::Incomparable { header, .. } => header,
        }
    }
}

/// The value that `Mcp-Name` must mirror for this request, if any.
pub(crate) fn mirrored_name(request: &Message) -> Option<Cow<'_, str>> {
    match &*request.method_bytes() {
        b"tools/call" | b"prompts/get" => request.name(),
        b"resources/read" => request.uri().map(Cow::Owned),
        b"tasks/get" | b"tasks/update" | b"tasks/cancel" => {
            let id = find_member(request.bytes(), request.params()?, "taskId")?;
            string_text(request.text(id))
        }
        _ => None,
    }
}

/// Compares `Mcp-Name` with the name or URI in the body.
pub(crate) fn check_name(headers: &HeaderMap, body: &str) -> Result<(), Mismatch> {
    check(&headers.get_all(NAME), "Mcp-Name", body, |said| said == body)
}

/// Compares the `Mcp-Param-*` headers of a tool with its arguments, a range of the text. For an
/// argument that is missing or `null`, nothing is expected and a header is ignored. If both are
/// present and cannot be compared, the request is refused: a gateway may have trusted the header.
pub(crate) fn check_parameters(
    headers: &HeaderMap,
    parameters: &[MirroredParameter],
    text: &[u8],
    arguments: Option<Span>,
) -> Result<(), Mismatch> {
    for MirroredParameter { header, path, .. } in parameters {
        let values = headers.get_all(header);
        match argument(text, arguments, path) {
            Ok(None) => {}
            Ok(Some(argument)) => {
                check(&values, header, &argument.text(), |said| argument.agrees(said))?;
            }
            // No header could mislead anybody, and no value that could be sent is missing.
            Err(Incomparable::Unmirrored) if values.iter().next().is_none() => {}
            Err(problem) => {
                return Err(Mismatch::Incomparable { header: header.clone(), problem });
            }
        }
    }
    Ok(())
}

/// The `Mcp-Param-*` headers of a call with these arguments.
pub(crate) fn parameter_headers(
    parameters: &[MirroredParameter],
    text: &[u8],
    arguments: Option<Span>,
) -> Vec<(HeaderName, HeaderValue)> {
    let header = |MirroredParameter { header, path, .. }: &MirroredParameter| {
        let value = encode(&argument(text, arguments, path).ok()??.text()).into_owned();
        // Annotations are tokens and encoded values are visible ASCII, so neither conversion fails.
        Some((HeaderName::from_str(header).ok()?, HeaderValue::from_str(&value).ok()?))
    };
    parameters.iter().filter_map(header).collect()
}

/// The beginning of a value, enough to recognise it.
pub(crate) fn beginning(value: &str) -> String {
    const SHOWN: usize = 256;
    if value.len() <= SHOWN {
        return value.to_owned();
    }
    format!("{}…", &value[..value.floor_char_boundary(SHOWN)])
}

fn check(
    values: &GetAll<'_, HeaderValue>,
    header: &str,
    body: &str,
    agrees: impl FnOnce(&str) -> bool,
) -> Result<(), Mismatch> {
    let name = || header.to_owned();
    let mut values = values.iter();
    let value = values.next().ok_or_else(|| Mismatch::Missing { header: name() })?;
    if values.next().is_some() {
        return Err(Mismatch::Repeated { header: name() });
    }
    let said = decode(value.as_bytes())
        .map_err(|problem| Mismatch::Malformed { header: name(), problem })?;
    if agrees(&said) {
        return Ok(());
    }
    Err(Mismatch::Different { header: name(), said: beginning(&said), body: beginning(body) })
}

/// A value that a header can mirror.
enum Argument<'a> {
    Text(Cow<'a, str>),
    Bool(bool),
    Integer(i64),
}

impl Argument<'_> {
    /// Its form in a header.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Bool(true) => "true".into(),
            Self::Bool(false) => "false".into(),
            Self::Integer(integer) => integer.to_string().into(),
        }
    }

    fn agrees(&self, said: &str) -> bool {
        match self {
            Self::Integer(integer) => is_number(said, *integer),
            _ => said == self.text(),
        }
    }
}

/// The argument at this path; `None` if it is missing or `null`.
fn argument<'a>(
    text: &'a [u8],
    arguments: Option<Span>,
    path: &[String],
) -> Result<Option<Argument<'a>>, Incomparable> {
    let Some(mut span) = arguments else { return Ok(None) };
    for name in path {
        let mut found = members(text, span).filter(|entry| entry.is(name));
        let Some(entry) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(Incomparable::Repeated);
        }
        span = entry.value;
    }
    let raw = span.of(text);
    Ok(Some(match raw.first() {
        Some(b'"') => Argument::Text(string_text(raw).ok_or(Incomparable::Unreadable)?),
        Some(b't') => Argument::Bool(true),
        Some(b'f') => Argument::Bool(false),
        Some(b'n') => return Ok(None),
        Some(b'-' | b'0'..=b'9') => {
            let number = str::from_utf8(raw).ok().and_then(|raw| Number::from_str(raw).ok());
            let integer = number.and_then(|number| safe_integer(&number));
            Argument::Integer(integer.ok_or(Incomparable::Unmirrored)?)
        }
        _ => return Err(Incomparable::Unmirrored),
    }))
}

/// The integer that a JSON number represents, in any spelling: `42.0` and `4.2e1` are 42.
fn safe_integer(number: &Number) -> Option<i64> {
    let integer = number.as_i64().or_else(|| {
        let value = number.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "out of range saturates, is refused below"
        )]
        (value.fract() == 0.0).then_some(value as i64)
    })?;
    (integer.unsigned_abs() <= MAX_SAFE_INTEGER).then_some(integer)
}

/// Whether a header represents this number: a plain decimal, `42` as well as `42.0`.
fn is_number(said: &str, integer: i64) -> bool {
    let digits = said.strip_prefix('-').unwrap_or(said);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole)
        && is_digits(fraction)
        && Number::from_str(said).is_ok_and(|said| safe_integer(&said) == Some(integer))
}

#[cfg(test)]
mod tests;
