//! Names that indicate secrets.

/// Whole names, in the form of [`Plain`].
const NAMES: [&str; 12] = [
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "proxyauthorization",
    "pwd",
    "secretaccesskey",
    "setcookie",
    "xapikey",
    "xauthkey",
];

/// Ends of names.
const ENDS: [&str; 9] = [
    "accesskey",
    "apikey",
    "connectionstring",
    "encryptionkey",
    "password",
    "privatekey",
    "secret",
    "secretkey",
    "token",
];

/// The last letters of all these names. Most names end otherwise, and need not be compared.
const LAST: [u8; 8] = *b"degnlsty";

/// Tokens that need not be hidden: cursors of lists, and progress tokens.
const HARMLESS: [&str; 7] = [
    "continuationtoken",
    "nextpagetoken",
    "nexttoken",
    "pagetoken",
    "prevpagetoken",
    "progresstoken",
    "synctoken",
];

/// Longest name that is examined.
const LONGEST: usize = 100;

/// A name in lower case, letters and digits only: `Client-Secret` and `client_secret` are one.
#[derive(Clone, Copy)]
pub(super) struct Plain {
    letters: [u8; LONGEST],
    length: usize,
}

impl Plain {
    pub(super) fn of(name: &[u8]) -> Self {
        let name = &name[name.len().saturating_sub(LONGEST)..];
        let mut plain = Self { letters: [0; LONGEST], length: 0 };
        for byte in name.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            plain.letters[plain.length] = byte.to_ascii_lowercase();
            plain.length += 1;
        }
        plain
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.letters[..self.length]).unwrap_or_default()
    }

    /// Whether it indicates a secret.
    pub(super) fn is_secret(&self) -> bool {
        let plain = self.text();
        plain.as_bytes().last().is_some_and(|last| LAST.contains(last))
            && !HARMLESS.contains(&plain)
            && (NAMES.contains(&plain) || ENDS.iter().any(|end| plain.ends_with(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_passed_by_for_its_last_letter() {
        for name in NAMES.iter().chain(&ENDS) {
            assert!(Plain::of(name.as_bytes()).is_secret(), "{name}");
        }
    }
}
