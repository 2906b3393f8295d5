//! A server's demand for credentials (RFC 6750, RFC 9728). Pure.

const BEARER: &str = "bearer";
const DPOP: &str = "dpop";

/// The `Bearer` or `DPoP` challenge of an answer, and the token that did not suffice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::upstream::http) struct Challenge {
    /// The token that was sent, if there was one.
    pub(super) used: Option<String>,
    /// URL of the server's resource metadata.
    pub(super) resource_metadata: Option<String>,
    /// The scopes that it requires.
    pub(super) scope: Option<String>,
    /// The token is valid, but lacks scopes.
    pub(super) insufficient_scope: bool,
    /// Tokens must be bound to a key (RFC 9449).
    pub(super) bound: bool,
    /// The token is valid, but its proof lacks the server's nonce.
    pub(super) lacks_nonce: bool,
}

impl Challenge {
    /// Reads `WWW-Authenticate` headers; without one, or with other schemes, the result is empty.
    pub(in crate::upstream::http) fn parse<'a>(
        headers: impl IntoIterator<Item = &'a str>,
        used: Option<String>,
    ) -> Self {
        let offered = headers.into_iter().flat_map(offers);
        let is_ours = |offer: &Offer| [BEARER, DPOP].iter().any(|scheme| offer.is(scheme));
        let Some(offer) = offered.into_iter().find(is_ours) else {
            return Self { used, ..Self::default() };
        };
        let mut challenge = Self { used, bound: offer.is(DPOP), ..Self::default() };
        for (name, value) in offer.parameters {
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

/// One of the schemes that a header offers.
#[derive(Debug)]
struct Offer {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Offer {
    fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }
}

/// The offers of one header: schemes, each with `name=value` and `name="quoted value"`, all of it
/// separated by commas (RFC 9110 section 11.6.1).
fn offers(mut text: &str) -> Vec<Offer> {
    let mut found: Vec<Offer> = Vec::new();
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        let end = text.find([' ', '\t', ',', '=', '"']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let rest = rest.trim_start();
        let Some(value) = rest.strip_prefix('=') else {
            if word.is_empty() {
                return found;
            }
            found.push(Offer { scheme: word.to_owned(), parameters: Vec::new() });
            text = rest;
            continue;
        };
        let (value, rest) = if let Some(quoted) = value.trim_start().strip_prefix('"') {
            unquoted(quoted)
        } else {
            let end = value.find(',').unwrap_or(value.len());
            (value[..end].trim().to_owned(), &value[end..])
        };
        if let Some(offer) = found.last_mut() {
            offer.parameters.push((word.to_owned(), value));
        }
        text = rest;
    }
}

/// The text up to the closing quote, and the rest after it.
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
        Challenge::parse([header], None)
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
    fn a_scheme_of_ours_is_found_among_others() {
        let ours = r#"Bearer realm="y", resource_metadata="https://h""#;
        let both = format!(r#"Basic realm="x, Bearer", charset=UTF-8, {ours}"#);
        let negotiated = format!("Negotiate YWJj==, {ours}, Digest realm=\"z\"");
        for headers in [vec!["Basic realm=\"x\"", ours], vec![both.as_str()], vec![&negotiated]] {
            let challenge = Challenge::parse(headers.iter().copied(), None);
            assert_eq!(challenge.resource_metadata.as_deref(), Some("https://h"), "{headers:?}");
        }
        let foreign = Challenge::parse(["Basic resource_metadata=\"https://evil\""], None);
        assert_eq!(foreign, Challenge::default());
    }

    #[test]
    fn every_text_is_read_to_its_end() {
        for header in
            ["=", "==", "\"", "Bearer =", "Bearer \"x", "Bearer a=\"", ",,,", "Bearer a = b"]
        {
            let _read = parse(header);
        }
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
