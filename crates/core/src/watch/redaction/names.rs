//! Names that say that what they name is secret.

/// Whole names, as [`plain`] has them.
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

/// Tokens that need not be hidden: they say where a list goes on, or which call reports progress.
const HARMLESS: [&str; 7] = [
    "continuationtoken",
    "nextpagetoken",
    "nexttoken",
    "pagetoken",
    "prevpagetoken",
    "progresstoken",
    "synctoken",
];

/// Longest name that is looked at.
const LONGEST: usize = 100;

/// A name in lower case, letters and digits only: `Client-Secret` and `client_secret` are one.
pub(super) fn plain(name: &[u8]) -> String {
    let name = &name[name.len().saturating_sub(LONGEST)..];
    let plain = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    plain.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

/// Whether a plain name is that of a secret.
pub(super) fn is_secret(plain: &str) -> bool {
    !HARMLESS.contains(&plain)
        && (NAMES.contains(&plain) || ENDS.iter().any(|end| plain.ends_with(end)))
}
