//! Names that say to which server they belong: `server__tool`.
//!
//! A merged name depends only on the server's name and the tool's own. Other servers do not change
//! it, so a policy for a name always applies to the same tool.

use std::borrow::Cow;

use crate::config::names::{ALPHABET, TAG, cut};

/// Longest merged name, in bytes: the limit of the strictest model APIs.
pub(super) const LONGEST_NAME: usize = 64;

/// Separates the server's prefix and the rest.
const SEPARATOR: &str = "__";

/// The merged name for a server's `name`.
pub(super) fn outward(prefix: &str, name: &str) -> String {
    let whole = [prefix, SEPARATOR, name].concat();
    if whole.len() > LONGEST_NAME { cut(&whole, LONGEST_NAME, &whole) } else { whole }
}

/// The prefix in a merged name, and what follows it.
pub(super) fn inward(name: &str) -> Option<(&str, &str)> {
    name.split_once(SEPARATOR)
}

/// Whether a merged name may be a shortened one: then the server's list says what it stands for.
pub(super) fn is_cut(name: &str) -> bool {
    // A cut at a character boundary removes at most three more bytes.
    if !(LONGEST_NAME - 3..=LONGEST_NAME).contains(&name.len()) {
        return false;
    }
    let tail = name.as_bytes().split_at(name.len() - TAG - 1).1;
    tail.first() == Some(&b'-') && tail.iter().skip(1).all(|byte| ALPHABET.contains(byte))
}

/// The prefix of a URI that an earlier server has, too: valid as the beginning of a URI's scheme,
/// in lower case, as clients write schemes.
pub(super) fn label(prefix: &str) -> String {
    let mut label = prefix.to_ascii_lowercase().replace('_', ".");
    if !label.starts_with(|first: char| first.is_ascii_lowercase()) {
        // The label of a name that begins with a letter never has two points.
        label.insert_str(0, "x..");
    }
    label.push('+');
    label
}

/// A raw JSON string with the prefix, if it contains no character that needs decoding.
pub(super) fn spliced<'a>(prefix: &str, raw: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') || prefix.len() + SEPARATOR.len() + inner.len() > LONGEST_NAME {
        return None;
    }
    Some([b"\"", prefix.as_bytes(), SEPARATOR.as_bytes(), inner, b"\""].concat().into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::config::prefix;

    #[test]
    fn names_are_split_at_the_first_separator() {
        assert_eq!(outward("a", "_x"), "a___x");
        assert_eq!(inward("a___x"), Some(("a", "_x")));
        assert_eq!(inward("a__b__c"), Some(("a", "b__c")));
        assert_eq!(inward("a__"), Some(("a", "")));
        assert_eq!(inward("read"), None);
    }

    #[test]
    fn long_names_are_cut_and_told_apart() {
        let (one, other) = (outward("a", &"x".repeat(300)), outward("a", &"x".repeat(301)));
        assert!(one.len() == LONGEST_NAME && one != other && is_cut(&one) && is_cut(&other));
        assert!(is_cut(&outward("a", &"é".repeat(100))) && is_cut(&outward("a", &"😀".repeat(50))));
        assert!(!is_cut("a__read") && !is_cut(&outward("a", &"X".repeat(61))));
    }

    #[test]
    fn labels_are_schemes() {
        assert_eq!(label("My_Files"), "my.files+");
        assert_eq!(label("9p"), "x..9p+");
        assert_eq!(label(""), "x..+");
    }

    proptest! {
        #[test]
        fn what_goes_out_comes_back(server in ".{0,40}", name in any::<String>()) {
            let prefix = prefix(&server);
            prop_assert!(!prefix.contains(SEPARATOR) && !prefix.ends_with('_'));
            let merged = outward(&prefix, &name);
            prop_assert!(merged.len() <= LONGEST_NAME);
            let (found, rest) = inward(&merged).unwrap();
            prop_assert_eq!(found, &prefix);
            prop_assert!(rest == name || is_cut(&merged));
        }

        #[test]
        fn splices_are_what_would_be_written(prefix in "[a-z]{1,9}", name in any::<String>()) {
            let raw = crate::jsonrpc::escape(&name);
            if let Some(spliced) = spliced(&prefix, raw.as_bytes()) {
                let expected = crate::jsonrpc::escape(&outward(&prefix, &name));
                prop_assert_eq!(spliced.as_ref(), expected.as_bytes());
            }
        }
    }
}
