//! What a client without a token, or with an insufficient one, is told (RFC 6750 §3, RFC 9728
//! §5.1). Pure.

use std::fmt;

/// A `WWW-Authenticate` header. It says no more than the standard requires, whatever the reason
/// was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Challenge<'a> {
    /// Whether the sent token is invalid; if none was sent, there is no error.
    pub(crate) error: Option<ErrorCode>,
    /// The required scopes, all of them.
    pub(crate) scopes: &'a [String],
    /// The URL of the resource's metadata.
    pub(crate) metadata: Option<&'a str>,
}

/// See RFC 6750 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    InvalidToken,
    InsufficientScope,
}

impl ErrorCode {
    fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidToken => ("invalid_token", "The access token is not valid here"),
            Self::InsufficientScope => {
                ("insufficient_scope", "The access token lacks scopes that this needs")
            }
        }
    }
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, description) = self.error.map(ErrorCode::text).unzip();
        let scope = Some(self.scopes.join(" ")).filter(|scope| !scope.is_empty());
        let parameters = [
            ("error", code),
            ("error_description", description),
            ("scope", scope.as_deref()),
            ("resource_metadata", self.metadata),
        ];
        f.write_str("Bearer")?;
        let set = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (index, (name, value)) in set.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {name}=\"{}\"", Quoted(value))?;
        }
        Ok(())
    }
}

/// The content of a quoted-string (RFC 9110 §5.6.4), without characters that headers may not
/// contain.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for letter in self.0.chars().filter(|letter| (' '..='~').contains(letter)) {
            if matches!(letter, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(letter)?;
        }
        Ok(())
    }
}

/// Whether this is a valid scope for a challenge (RFC 6749 §3.3).
pub(crate) fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_the_standards_ask_for() {
        let scopes = ["a".to_owned(), "b:c".to_owned()];
        let metadata = Some("https://h/.well-known/oauth-protected-resource/mcp");
        let bare = Challenge { error: None, scopes: &scopes, metadata };
        assert_eq!(
            bare.to_string(),
            r#"Bearer scope="a b:c", resource_metadata="https://h/.well-known/oauth-protected-resource/mcp""#
        );
        let refused = Challenge { error: Some(ErrorCode::InvalidToken), scopes: &[], metadata };
        assert_eq!(
            refused.to_string(),
            "Bearer error=\"invalid_token\", \
             error_description=\"The access token is not valid here\", \
             resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\""
        );
        let short =
            Challenge { error: Some(ErrorCode::InsufficientScope), scopes: &scopes, metadata };
        assert!(short.to_string().starts_with(r#"Bearer error="insufficient_scope", "#));
        assert_eq!(Challenge { error: None, scopes: &[], metadata: None }.to_string(), "Bearer");
    }

    #[test]
    fn no_value_gets_out_of_its_quotes() {
        let hostile = ["a\"b\\c\r\nSet-Cookie: x\u{e9}\u{7f}".to_owned()];
        let challenge = Challenge { error: None, scopes: &hostile, metadata: None }.to_string();
        assert_eq!(challenge, r#"Bearer scope="a\"b\\cSet-Cookie: x""#);
        assert!(http::HeaderValue::try_from(challenge).is_ok());
    }

    #[test]
    fn scopes_are_words_without_quotes() {
        assert!(["a", "files:read", "https://x/y.z"].into_iter().all(is_scope));
        assert!(!["", "a b", "a\"", "a\\", "\u{e9}", "a\n"].into_iter().any(is_scope));
    }
}
