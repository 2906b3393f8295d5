//! A text that callers must know.

use std::fmt;

use subtle::ConstantTimeEq as _;

/// See the module. It is not shown, and is compared in constant time: a comparison with anything
/// else does not compile.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// This text, as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether these are its bytes. How long that takes depends on the lengths only.
    pub fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    /// The text, to be hashed or sent to the one who is to know it. Never compare it: see
    /// [`Secret::is`].
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_its_bytes_and_nothing_else_and_is_not_shown() {
        let secret = Secret::new("secret");
        assert!(secret.is(b"secret") && secret == Secret::new("secret"));
        for other in ["", "s", "Secret", "secret ", "secreu", "tecret", "secretsecret"] {
            assert!(!secret.is(other.as_bytes()) && secret != Secret::new(other), "{other}");
        }
        assert_eq!(format!("{secret:?}"), "<redacted>");
    }

    /// Two implementations of one trait for a type make `IsNot::<_>::here` ambiguous, which does
    /// not compile.
    trait IsNot<Which> {
        fn here() {}
    }

    impl<T: ?Sized> IsNot<()> for T {}

    macro_rules! no_other_way {
        ($($name:ident: $bound:path),+ $(,)?) => {$({
            struct $name;
            impl<T: ?Sized + $bound> IsNot<$name> for T {}
            <Secret as IsNot<_>>::here();
        })+};
    }

    #[test]
    fn nothing_else_can_be_compared_with_it() {
        no_other_way! {
            Text: PartialEq<str>,
            Borrowed: PartialEq<&'static str>,
            Owned: PartialEq<String>,
            Order: PartialOrd,
            Hash: std::hash::Hash,
            AsText: AsRef<str>,
            AsBytes: AsRef<[u8]>,
            Within: std::ops::Deref,
            Shown: fmt::Display,
        }
    }
}
