//! Answers of token endpoints, as servers really send them rather than as RFC 6749 defines them.
//! Pure.
//!
//! A token is read from JSON or a form, whatever the content type is, with lifetimes as numbers or
//! text. A refusal is recognised by its status, whatever its body is; only a definite one means
//! that what was presented is no longer valid.

use std::time::Duration;

use http::StatusCode;
use reqwest::Url;
use serde_json::{Map, Value};

use crate::upstream::http::fault::{excerpt, without_mark};

/// A granted token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
    pub(super) lifetime: Option<Duration>,
    /// Its scopes, separated by spaces, if the server names them.
    pub(super) scope: Option<String>,
    /// It is bound to a key (RFC 9449).
    pub(super) bound: bool,
    /// ID token: says who signed in (OpenID Connect).
    pub(super) id: Option<String>,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A definite refusal: what was presented is not valid (any more).
    #[error("{text}{}", hint(.code.as_deref()))]
    Refused {
        /// The error code of RFC 6749, if there is one.
        code: Option<String>,
        /// The refusal in a sentence.
        text: String,
    },
    /// Undecided: the network, an overloaded server, an unreadable answer.
    #[error("{0}")]
    Undecided(String),
}

impl Refusal {
    /// The error code, if it is a refusal with one.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            Self::Undecided(_) => None,
        }
    }

    /// Whether the server may have refused the resource parameter.
    pub(super) fn is_about_resource(&self) -> bool {
        let Self::Refused { code, text } = self else { return false };
        matches!(code.as_deref(), Some("invalid_target" | "invalid_request" | "invalid_resource"))
            || text.to_ascii_lowercase().contains("resource")
    }
}

fn hint(code: Option<&str>) -> &'static str {
    match code {
        Some("invalid_target") => "; --resource none names no resource, --resource <uri> another",
        _ => "",
    }
}

impl Token {
    /// Reads the body of an answer with this status.
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Result<Self, Refusal> {
        let members = members(body);
        let text = |name: &str| {
            let text = members.as_ref()?.get(name)?.as_str()?;
            Some(text.to_owned()).filter(|text| !text.is_empty())
        };
        let access = text("access_token").filter(|_| status.is_success());
        let Some(access) = access else {
            return Err(refusal(status, body, text("error"), text("error_description")));
        };
        let kind = text("token_type").unwrap_or_default();
        Ok(Self {
            access,
            refresh: text("refresh_token"),
            lifetime: members.as_ref().and_then(|members| lifetime(members.get("expires_in")?)),
            scope: members.as_ref().and_then(|members| scope(members.get("scope")?)),
            bound: kind.eq_ignore_ascii_case("dpop"),
            id: text("id_token"),
        })
    }
}

/// The members of a JSON object or a form.
fn members(body: &[u8]) -> Option<Map<String, Value>> {
    let body = without_mark(body);
    if let Ok(members) = serde_json::from_slice(body) {
        return Some(members);
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    // Anything else may be an HTML page, which is not searched.
    if text.starts_with(['<', '{', '[', '"']) || !text.contains('=') {
        return None;
    }
    let mut form = Url::parse("form:").ok()?;
    form.set_query(Some(text));
    let pairs = form.query_pairs();
    Some(pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect())
}

/// Seconds; anything that is not a lifetime is ignored.
fn lifetime(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0)?;
    Duration::try_from_secs_f64(seconds.min(MAX_LIFETIME)).ok()
}

/// A hundred years in seconds, which can be added to any clock without overflow.
const MAX_LIFETIME: f64 = 3_155_760_000.0;

fn scope(value: &Value) -> Option<String> {
    let words = match value {
        Value::String(text) => text.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    Some(words).filter(|words| !words.trim().is_empty())
}

fn refusal(
    status: StatusCode,
    body: &[u8],
    code: Option<String>,
    described: Option<String>,
) -> Refusal {
    let said = match (&code, described) {
        (Some(code), Some(described)) => format!("{code}: {described}"),
        (Some(code), None) => code.clone(),
        (None, _) => String::from_utf8_lossy(body).into_owned(),
    };
    let said = excerpt(said.as_bytes());
    let said = if said.is_empty() { said } else { format!(": {said}") };
    let text = format!("the authorization server answered {status}{said}");
    let passes = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    );
    // Some servers refuse with status 200 and an error code.
    let refuses = (status.is_client_error() && !passes) || (status.is_success() && code.is_some());
    if refuses { Refusal::Refused { code, text } } else { Refusal::Undecided(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<Token, Refusal> {
        Token::read(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn a_token_is_read_in_every_spelling() {
        let seconds = |body: &str| read(200, body).unwrap().lifetime.map(|time| time.as_secs());
        for (value, expected) in [
            ("3600", Some(3600)),
            ("\"3600\"", Some(3600)),
            ("3600.0", Some(3600)),
            ("\" 60 \"", Some(60)),
            ("9007199254740993", Some(3_155_760_000)),
            ("null", None),
            ("0", None),
            ("-1", None),
            ("\"soon\"", None),
            ("[1]", None),
        ] {
            let body = format!(r#"{{"access_token":"a","expires_in":{value}}}"#);
            assert_eq!(seconds(&body), expected, "{value}");
        }
        for (value, expected) in [
            (r#""a b""#, Some("a b")),
            (r#"["a","b"]"#, Some("a b")),
            ("null", None),
            (r#""""#, None),
            ("[]", None),
        ] {
            let body = format!(r#"{{"access_token":"a","scope":{value}}}"#);
            assert_eq!(read(200, &body).unwrap().scope.as_deref(), expected, "{value}");
        }
        for (kind, bound) in [
            (r#","token_type":"Bearer""#, false),
            (r#","token_type":"DPoP""#, true),
            (r#","token_type":"dpop""#, true),
            (r#","token_type":null"#, false),
            (r#","token_type":"access_token""#, false),
            ("", false),
        ] {
            let token = read(201, &format!(r#"{{"access_token":"a"{kind}}}"#)).unwrap();
            assert_eq!((token.access.as_str(), token.bound), ("a", bound), "{kind}");
        }
        let form = read(200, "access_token=a%2Fb&scope=x+y&expires_in=60&refresh_token=").unwrap();
        assert_eq!((form.access.as_str(), form.scope.as_deref()), ("a/b", Some("x y")));
        assert_eq!((form.lifetime, form.refresh), (Some(Duration::from_mins(1)), None));
        assert_eq!(read(200, "\u{feff}{\"access_token\":\"a\"}").unwrap().access, "a");
    }

    #[test]
    fn a_definite_refusal_is_one_in_any_words() {
        for (status, body, code) in [
            (400, r#"{"error":"invalid_grant"}"#, Some("invalid_grant")),
            (401, r#"{"error":"invalid_client"}"#, Some("invalid_client")),
            (
                403,
                r#"{"error":"unauthorized_client","error_description":"x"}"#,
                Some("unauthorized_client"),
            ),
            (400, r#"{"error":"unsupported_grant_type"}"#, Some("unsupported_grant_type")),
            (404, r#"{"error":{"code":7}}"#, None),
            (400, "Bad refresh token", None),
            (410, "", None),
            (403, "<html>no</html>", None),
            (400, "error=bad_verification_code", Some("bad_verification_code")),
            (200, "error=bad_refresh_token", Some("bad_refresh_token")),
            (200, r#"{"error":"bad_refresh_token"}"#, Some("bad_refresh_token")),
        ] {
            let refusal = read(status, body).unwrap_err();
            assert!(matches!(refusal, Refusal::Refused { .. }), "{status} {body}: {refusal:?}");
            assert_eq!(refusal.code(), code, "{status} {body}");
        }
    }

    #[test]
    fn what_passes_decides_nothing() {
        for (status, body) in [
            (503, r#"{"error":"temporarily_unavailable"}"#),
            (500, r#"{"error":"invalid_grant"}"#),
            (502, "<html>bad gateway</html>"),
            (429, r#"{"error":"slow_down"}"#),
            (408, ""),
            (302, ""),
            (200, "<html>sign in to the hotel's network, a=b</html>"),
            (200, "{}"),
            (200, r#"{"access_token":""}"#),
            (200, r#"{"access_token":7}"#),
            (204, ""),
        ] {
            let refusal = read(status, body).unwrap_err();
            assert!(matches!(refusal, Refusal::Undecided(_)), "{status} {body}: {refusal:?}");
        }
    }

    #[test]
    fn what_a_server_says_reaches_no_terminal_as_it_is() {
        let body = r#"{"error":"x","error_description":"a\u001b[2Jb\nc"}"#;
        let text = read(400, body).unwrap_err().to_string();
        assert!(!text.contains(char::is_control) && text.contains("a[2Jb c"), "{text}");
        assert!(read(400, &"x".repeat(5000)).unwrap_err().to_string().len() < 500);
    }

    #[test]
    fn a_resource_that_is_not_taken_is_told_from_other_refusals() {
        let about = |body: &str| read(400, body).unwrap_err().is_about_resource();
        assert!(about(r#"{"error":"invalid_target"}"#) && about(r#"{"error":"invalid_request"}"#));
        assert!(about("unknown parameter: resource") && !about(r#"{"error":"invalid_grant"}"#));
        assert!(!Refusal::Undecided("resource".to_owned()).is_about_resource());
        let hinted = read(400, r#"{"error":"invalid_target"}"#).unwrap_err().to_string();
        assert!(hinted.contains("--resource none"), "{hinted}");
    }
}
