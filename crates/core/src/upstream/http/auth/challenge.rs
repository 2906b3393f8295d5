//! What a server says when it wants to know who is asking (RFC 6750, RFC 9728). Pure.

const BEARER: &str = "bearer";
const DPOP: &str = "dpop";

/// The `Bearer` or `DPoP` challenge of an answer, and the token that was not good enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::upstream::http) struct Challenge {
    /// The token that was sent, if there was one.
    pub(super) used: Option<String>,
    /// Where the server describes itself.
    pub(super) resource_metadata: Option<String>,
    /// The scopes that it wants.
    pub(super) scope: Option<String>,
    /// The token is good, and does not reach far enough.
    pub(super) insufficient_scope: bool,
    /// Tokens are to be bound to a key (RFC 9449).
    pub(super) bound: bool,
    /// The token is good, and its proof lacks the server's nonce.
    pub(super) lacks_nonce: bool,
}

impl Challenge {
    /// Reads a `WWW-Authenticate` header; without one, or with another scheme, nothing is known.
    pub(in crate::upstream::http) fn parse(header: Option<&str>, used: Option<String>) -> Self {
        let header = header.unwrap_or_default().trim_start();
        let is = |scheme: &str| {
            header.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        let mut challenge = Self { used, bound: is(DPOP), ..Self::default() };
        let scheme = [BEARER, DPOP].into_iter().find(|scheme| is(scheme));
        let Some(rest) = scheme.and_then(|scheme| header.get(scheme.len()..)) else {
            return challenge;
        };
        for (name, value) in parameters(rest) {
            match name.to_ascii_lowercase().as_str() {
                "resource_metadata" => challenge.resource_metadata = Some(value),
                "scope" => challenge.scope = Some(value),
                "error" => {
                    challenge.insufficient_scope = value == "insufficient_scope";
                    challenge.lacks_nonce = value == "use_dpop_nonce";
                }
                _ => {}
            }
        }
        challenge
    }

    pub(in crate::upstream::http) fn wants_more_scope(&self) -> bool {
        self.insufficient_scope
    }
}

/// `name=value` and `name="quoted value"`, separated by commas.
fn parameters(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        let Some((name, rest)) = text.split_once('=') else { return found };
        let name = name.trim().to_owned();
        let (value, rest) = if let Some(quoted) = rest.trim_start().strip_prefix('"') {
            unquoted(quoted)
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (rest[..end].trim().to_owned(), &rest[end..])
        };
        found.push((name, value));
        text = rest;
    }
}

/// The text up to the closing quote, and what follows it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut escaped = false;
    for (index, letter) in text.char_indices() {
        match letter {
            '"' if !escaped => return (value, &text[index + 1..]),
            '\\' if !escaped => escaped = true,
            _ => {
                escaped = false;
                value.push(letter);
            }
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Challenge {
        Challenge::parse(Some(header), None)
    }

    #[test]
    fn parameters_are_read_in_every_spelling() {
        for header in [
            r#"Bearer resource_metadata="https://h/m?a=1,2", scope="a b", error="insufficient_scope""#,
            r#"bearer realm="x\"y", SCOPE="a b",error=insufficient_scope , resource_metadata="https://h/m?a=1,2""#,
            r#"Bearer, error="insufficient_scope", scope="a b", resource_metadata="https://h/m?a=1,2""#,
        ] {
            let challenge = parse(header);
            assert_eq!(
                challenge.resource_metadata.as_deref(),
                Some("https://h/m?a=1,2"),
                "{header}"
            );
            assert_eq!(challenge.scope.as_deref(), Some("a b"), "{header}");
            assert!(challenge.insufficient_scope, "{header}");
        }
    }

    #[test]
    fn a_server_may_want_tokens_that_are_bound() {
        let challenge = parse(r#"DPoP error="use_dpop_nonce", resource_metadata="https://h""#);
        assert!(challenge.bound && challenge.lacks_nonce);
        assert_eq!(challenge.resource_metadata.as_deref(), Some("https://h"));
        assert!(!parse("Bearer").bound && !parse("dpop").lacks_nonce);
    }

    #[test]
    fn another_scheme_says_nothing() {
        for header in ["", "Basic realm=\"x\"", "Bearer", "Bearer x", "Bearer scope=\"open"] {
            let challenge = parse(header);
            assert_eq!(challenge.resource_metadata, None, "{header}");
            assert!(!challenge.insufficient_scope, "{header}");
        }
    }
}
