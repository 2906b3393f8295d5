//! The credential of a request: one secret in one header, or none. Pure.

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};

use super::token::Because;

pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const BEARER: &str = "bearer ";

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential<'a> {
    /// `X-API-Key`. If keys are configured, it decides alone.
    ApiKey(&'a str),
    /// `Authorization: Bearer`.
    Bearer(&'a str),
}

impl<'a> Credential<'a> {
    /// Reads the headers; API keys only if any are configured. Ambiguous headers are refused, and
    /// tokens in the URL are ignored (RFC 6750 §2.3).
    pub(crate) fn of(headers: &'a HeaderMap, with_keys: bool) -> Result<Self, Because> {
        if with_keys && let Some(key) = only(headers, &X_API_KEY)? {
            return Ok(Self::ApiKey(key));
        }
        let Some(value) = only(headers, &AUTHORIZATION)? else { return Err(Because::Nothing) };
        let scheme = value.get(..BEARER.len()).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(BEARER) {
            return Err(Because::Ambiguous("an Authorization header that is not a Bearer token"));
        }
        let token = value[BEARER.len()..].trim_matches(' ');
        if token.is_empty() || !token.bytes().all(is_token) {
            return Err(Because::Ambiguous("a Bearer token with characters that are not allowed"));
        }
        Ok(Self::Bearer(token))
    }
}

/// `token68` (RFC 9110 §11.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Because> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let text = value.to_str();
            text.map(Some).map_err(|_| Because::Ambiguous("credentials that are not ASCII text"))
        }
        _ => Err(Because::Ambiguous("credentials twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[(&'static str, &'static str)], with_keys: bool) -> Result<String, Because> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        Credential::of(&headers, with_keys).map(|found| format!("{found:?}"))
    }

    #[test]
    fn one_secret_is_found_and_two_are_refused() {
        for (lines, expected) in [
            (&[("authorization", "Bearer a.b-c~+/_==")][..], r#"Bearer("a.b-c~+/_==")"#),
            (&[("authorization", "bEARER   t ")], r#"Bearer("t")"#),
            (&[("x-api-key", "k")], r#"ApiKey("k")"#),
            (&[("x-api-key", "k"), ("authorization", "Bearer t")], r#"ApiKey("k")"#),
        ] {
            assert_eq!(of(lines, true).as_deref(), Ok(expected));
        }
        let both = [("x-api-key", "k"), ("authorization", "Bearer t")];
        assert_eq!(of(&both, false).as_deref(), Ok(r#"Bearer("t")"#), "somebody else's header");
        assert_eq!(of(&[], true), Err(Because::Nothing));
        for lines in [
            &[("authorization", "Bearer t"), ("authorization", "Bearer t")][..],
            &[("x-api-key", "k"), ("x-api-key", "k")],
            &[("authorization", "Basic dDp0")],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer a b")],
            &[("authorization", "Bearer a,Bearer b")],
            &[("authorization", "Bearer\tt")],
            &[("authorization", "")],
        ] {
            assert!(matches!(of(lines, true), Err(Because::Ambiguous(_))), "{lines:?}");
        }
    }
}
