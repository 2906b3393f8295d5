//! The secrets that replicas share: the first signs, all of them verify.

use std::fmt;

use ring::hmac;

use crate::config::MIN_PEER_SECRET;

/// Most secrets that are used.
const MAX_SECRETS: usize = 8;

/// At least one secret.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<hmac::Key>);

/// Why a text contains no usable secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSecret {
    #[error("it is empty")]
    Empty,
    #[error("a secret needs at least {MIN_PEER_SECRET} bytes; `openssl rand -hex 32` makes one")]
    Short,
    #[error("it holds more than {MAX_SECRETS} secrets")]
    Many,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(redacted)")
    }
}

impl Secrets {
    /// One secret for each line that is not empty.
    pub(crate) fn parse(text: &str) -> Result<Self, BadSecret> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<&str> = lines.collect();
        match lines.as_slice() {
            [] => Err(BadSecret::Empty),
            lines if lines.len() > MAX_SECRETS => Err(BadSecret::Many),
            lines if lines.iter().any(|line| line.len() < MIN_PEER_SECRET) => Err(BadSecret::Short),
            lines => {
                let key = |line: &&str| hmac::Key::new(hmac::HMAC_SHA256, line.as_bytes());
                Ok(Self(lines.iter().map(key).collect()))
            }
        }
    }

    /// A key for one purpose from each secret, in their order.
    pub(crate) fn derive(&self, purpose: &[u8]) -> Vec<[u8; 32]> {
        let derive = |secret: &hmac::Key| {
            let mut key = [0; 32];
            key.copy_from_slice(hmac::sign(secret, purpose).as_ref());
            key
        };
        self.0.iter().map(derive).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_lines_of_some_length() {
        let bad = |text: &str| Secrets::parse(text).unwrap_err();
        assert_eq!(bad(" \n\n"), BadSecret::Empty);
        assert_eq!(bad("0123456789abcde"), BadSecret::Short);
        assert_eq!(bad("0123456789abcdef\nshort"), BadSecret::Short);
        assert_eq!(bad(&"0123456789abcdef\n".repeat(9)), BadSecret::Many);
        let two = Secrets::parse("0123456789abcdef\r\n\nfedcba9876543210\n").unwrap();
        let keys = two.derive(b"x");
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0], Secrets::parse("0123456789abcdef").unwrap().derive(b"x")[0]);
        assert_ne!(keys[0], two.derive(b"y")[0]);
    }
}
