//! Properties that must hold for any bytes, for fuzzers.

use super::{
    cursor::Cursor,
    names::{inward, is_cut, outward},
    seal::{SECRET, Seal},
    uris::Uris,
};
use crate::config::prefix;

/// Reads a cursor, and a text that might be a seal.
pub(crate) fn check_cursor(bytes: &[u8]) {
    if let Some(cursor) = Cursor::decode(bytes) {
        assert_eq!(cursor.encode(), bytes);
    }
    let Some(seal) = Seal::new(&[3; SECRET]) else { return };
    let sealed = seal.close(b"here", bytes);
    assert_eq!(seal.open(b"here", &sealed).as_deref(), Some(bytes));
    assert!(
        std::str::from_utf8(bytes).is_ok_and(|text| seal.open(b"here", text).is_none())
            || std::str::from_utf8(bytes).is_err()
    );
}

/// Names a server's tool, and finds it; the server's name is the text before the first line break.
/// Also matches the rest against itself as template and URI.
pub(crate) fn check_names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (server, name) = text.split_once('\n').unwrap_or((text, ""));
    let prefix = prefix(server);
    let merged = outward(&prefix, name);
    assert!(merged.len() <= 64);
    let found = inward(&merged);
    assert!(found.is_some_and(|(found, own)| found == prefix && (own == name || is_cut(&merged))));
    let mut uris = Uris::default();
    uris.template(name);
    uris.list(name);
    assert!(uris.has(name));
    uris.has(server);
}
