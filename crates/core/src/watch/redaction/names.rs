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

/// The last two letters of all these names. Most names end otherwise, and need not be compared.
const LAST: [[u8; 2]; 11] =
    [*b"al", *b"en", *b"et", *b"ey", *b"ie", *b"ls", *b"ng", *b"on", *b"rd", *b"se", *b"wd"];

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

/// Whether a name may indicate a secret, by its end.
pub(super) fn may_be_secret(name: &[u8]) -> bool {
    let mut letters = name.iter().rev().filter(|byte| byte.is_ascii_alphanumeric());
    let (Some(&last), Some(&before)) = (letters.next(), letters.next()) else { return false };
    is_last(before, last)
}

fn is_last(before: u8, last: u8) -> bool {
    LAST.contains(&[before.to_ascii_lowercase(), last.to_ascii_lowercase()])
}

/// Whether the last name of a text may indicate a secret, whatever is between its letters and
/// behind them.
pub(super) fn may_end_here(text: &[u8]) -> bool {
    /// If there are no letters so near to the end, the answer is yes.
    const NEAR: usize = 32;
    if let [.., before, last, b'"'] = text
        && before.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
    {
        return is_last(*before, *last);
    }
    let near = &text[text.len().saturating_sub(NEAR)..];
    let letters = near.iter().rev().filter(|byte| byte.is_ascii_alphanumeric());
    letters.take(2).count() < 2 && near.len() == NEAR || may_be_secret(near)
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
        !HARMLESS.contains(&plain)
            && (NAMES.contains(&plain) || ENDS.iter().any(|end| plain.ends_with(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_passed_by_for_its_last_letters() {
        for name in NAMES.iter().chain(&ENDS) {
            let (before, last) = name.split_at(name.len() - 1);
            let spelled = format!("My-{}-{}_", before, last.to_uppercase());
            assert!(may_be_secret(spelled.as_bytes()), "{spelled}");
            assert!(Plain::of(name.as_bytes()).is_secret(), "{name}");
        }
    }
}
