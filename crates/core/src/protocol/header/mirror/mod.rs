//! Headers held against the body they mirror, and made from it.

use std::{borrow::Cow, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue, header::GetAll};
use serde_json::{Number, Value};

use super::{
    annotation::MirroredParameter,
    value::{InvalidValue, decode, encode},
};
use crate::jsonrpc::{Message, find_member, string_text};

const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Largest integer that every peer holds exactly.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A header that does not say what the body says (-32020).
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
}

impl Mismatch {
    /// The header's name.
    pub(crate) fn header(&self) -> &str {
        match self {
            Self::Missing { header }
            | Self::Repeated { header }
            | Self::Malformed { header, .. }
            | Self::Different { header, .. } => header,
        }
    }
}

/// What `Mcp-Name` mirrors of this request, if it mirrors anything.
pub(crate) fn mirrored_name(request: &Message) -> Option<Cow<'_, str>> {
    match &*request.method() {
        "tools/call" | "prompts/get" => request.name(),
        "resources/read" => request.uri().map(Cow::Owned),
        "tasks/get" | "tasks/update" | "tasks/cancel" => {
            let id = find_member(request.bytes(), request.params()?, "taskId")?;
            string_text(request.text(id))
        }
        _ => None,
    }
}

/// Holds `Mcp-Name` against the name or URI in the body.
pub(crate) fn check_name(headers: &HeaderMap, body: &str) -> Result<(), Mismatch> {
    check(&headers.get_all(NAME), "Mcp-Name", body, |said| said == body)
}

/// Holds the `Mcp-Param-*` headers of a tool against its arguments. Nothing is expected for an
/// argument that is absent, `null`, or has a value that no header can mirror; a header that is
/// there nevertheless is ignored.
pub(crate) fn check_parameters(
    headers: &HeaderMap,
    parameters: &[MirroredParameter],
    arguments: &Value,
) -> Result<(), Mismatch> {
    for MirroredParameter { header, path, .. } in parameters {
        let Some(argument) = argument(arguments, path) else { continue };
        let Some(text) = text(argument) else { continue };
        check(&headers.get_all(header), header, &text, |said| match argument {
            Value::Number(number) => said == text || is_equal_number(said, number),
            _ => said == text,
        })?;
    }
    Ok(())
}

/// The `Mcp-Param-*` headers that a call with these arguments carries upstream.
pub(crate) fn parameter_headers(
    parameters: &[MirroredParameter],
    arguments: &Value,
) -> Vec<(HeaderName, HeaderValue)> {
    let header = |MirroredParameter { header, path, .. }: &MirroredParameter| {
        let text = text(argument(arguments, path)?)?;
        // Annotations are tokens and encoded values visible ASCII, so neither conversion fails.
        Some((HeaderName::from_str(header).ok()?, HeaderValue::from_str(&encode(&text)).ok()?))
    };
    parameters.iter().filter_map(header).collect()
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
    Err(Mismatch::Different { header: name(), said: said.into_owned(), body: body.to_owned() })
}

fn argument<'a>(arguments: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(arguments, |inner, name| inner.as_object()?.get(name))
}

/// How a header spells a value of the body.
fn text(argument: &Value) -> Option<Cow<'_, str>> {
    match argument {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        Value::Number(number) => safe_integer(number).map(|integer| integer.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The integer that a JSON number is, however it is spelled: `42.0` and `4.2e1` are 42.
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

/// Whether a header spells the same number: a plain decimal, `42` as well as `42.0`.
fn is_equal_number(said: &str, number: &Number) -> bool {
    let digits = said.strip_prefix('-').unwrap_or(said);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole)
        && is_digits(fraction)
        && Number::from_str(said).is_ok_and(|said| safe_integer(&said) == safe_integer(number))
}

#[cfg(test)]
mod tests;
