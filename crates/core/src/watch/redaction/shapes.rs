//! Recognises secrets by their form, in any text.

use std::{ops::Range, sync::LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;

use super::names::Plain;

/// Prefixes of tokens, and the least number of characters after them.
const PREFIXES: [(&str, usize); 27] = [
    ("AIza", 30),
    ("AKIA", 16),
    ("ASIA", 16),
    ("dop_v1_", 30),
    ("eyJ", 30),
    ("gho_", 20),
    ("ghp_", 20),
    ("ghr_", 20),
    ("ghs_", 20),
    ("ghu_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("hf_", 25),
    ("lin_api_", 20),
    ("npm_", 30),
    ("pk_live_", 16),
    ("pypi-", 30),
    ("rk_live_", 16),
    ("secret_", 30),
    ("sk-", 20),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("xapp-", 16),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("ya29.", 20),
];

/// Schemes of `Authorization`, and the least length of what follows.
const SCHEMES: [(&str, usize); 4] = [("Bearer ", 8), ("bearer ", 8), ("Basic ", 8), ("basic ", 8)];

const KEY: &str = "-----BEGIN ";
const KEY_END: &str = "-----END ";
/// Before the user and password of a URL.
const AUTHORITY: &str = "://";

static FINDERS: LazyLock<Vec<(Finder<'static>, usize, usize)>> = LazyLock::new(|| {
    let finder = |(text, least): &(&'static str, usize)| (Finder::new(*text), text.len(), *least);
    PREFIXES.iter().map(finder).collect()
});

static SCHEME_FINDERS: LazyLock<Vec<(Finder<'static>, usize, usize)>> = LazyLock::new(|| {
    let finder = |(text, least): &(&'static str, usize)| (Finder::new(*text), text.len(), *least);
    SCHEMES.iter().map(finder).collect()
});

/// The beginnings of all these secrets, apart from names.
static MARKS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let begins = PREFIXES.iter().chain(&SCHEMES).map(|(text, _)| *text);
    let marks = begins.chain([KEY, AUTHORITY]);
    // This kind searches for many patterns at once.
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(marks).ok()
});

/// Whether a text without a name may contain a secret: most texts are done after this check.
pub(super) fn is_marked(text: &[u8]) -> bool {
    MARKS.as_ref().is_none_or(|marks| marks.is_match(text))
}

/// Their ranges, in order and without overlaps.
pub(super) fn secrets(text: &[u8]) -> Vec<Range<usize>> {
    secrets_of(text, is_marked(text))
}

/// The same for a part of a text for which [`is_marked`] is known.
pub(super) fn secrets_of(text: &[u8], is_marked: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if text.len() < 8 {
        return found;
    }
    if is_marked {
        tokens(text, &mut found);
        credentials(text, &mut found);
        keys(text, &mut found);
        users(text, &mut found);
    }
    assignments(text, &mut found);
    found.sort_by_key(|range| range.start);
    found.dedup_by(|next, before| {
        let overlap = next.start < before.end;
        if overlap {
            before.end = before.end.max(next.end);
        }
        overlap
    });
    found
}

fn tokens(text: &[u8], found: &mut Vec<Range<usize>>) {
    for (finder, length, least) in &*FINDERS {
        for start in finder.find_iter(text) {
            let end = start + length + run(&text[start + length..], is_of_token);
            let fresh = start == 0 || !is_of_word(text[start - 1]);
            let body = &text[start + length..end];
            if fresh && body.len() >= *least && body.iter().any(u8::is_ascii_digit) {
                found.push(start..end);
            }
        }
    }
}

fn credentials(text: &[u8], found: &mut Vec<Range<usize>>) {
    for (finder, length, least) in &*SCHEME_FINDERS {
        for start in finder.find_iter(text) {
            let from = start + length;
            let end =
                from + run(&text[from..], |byte| is_of_token(byte) || b"+/=~".contains(&byte));
            let body = &text[from..end];
            let random = body.iter().any(|byte| byte.is_ascii_digit() || *byte == b'=');
            if body.len() >= *least && random {
                found.push(from..end);
            }
        }
    }
}

/// Private keys in PEM, with real or escaped line breaks.
fn keys(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(start) = memchr::memmem::find(&text[from..], KEY.as_bytes()) {
        let start = from + start;
        let head = &text[start..text.len().min(start + 64)];
        from = start + KEY.len();
        if memchr::memmem::find(head, b"PRIVATE KEY").is_none() {
            continue;
        }
        let rest = &text[from..];
        let end =
            memchr::memmem::find(rest, KEY_END.as_bytes()).map_or(text.len(), |end| from + end);
        found.push(start..end);
        from = end;
    }
}

/// The password in a URL.
fn users(text: &[u8], found: &mut Vec<Range<usize>>) {
    for start in memchr::memmem::find_iter(text, AUTHORITY) {
        let from = start + AUTHORITY.len();
        let rest = &text[from..];
        let length = run(rest, |byte| byte > b' ' && !b"/\"'\\<>?#".contains(&byte));
        let authority = &rest[..length];
        let Some(at) = memchr::memrchr(b'@', authority) else { continue };
        if let Some(colon) = memchr::memchr(b':', &authority[..at])
            && colon + 1 < at
        {
            found.push(from + colon + 1..from + at);
        }
    }
}

/// `NAME=value`, `name: value`, and JSON inside of a string.
fn assignments(text: &[u8], found: &mut Vec<Range<usize>>) {
    for sign in memchr::memchr2_iter(b'=', b':', text) {
        let before = trimmed_end(&text[..sign]);
        let start = before.len() - back(before, is_of_word);
        let name = &before[start..];
        if name.len() < 3 || !Plain::of(name).is_secret() {
            continue;
        }
        let rest = &text[sign + 1..];
        let from = sign + 1 + run(rest, |byte| b" \\\"'".contains(&byte));
        let length = run(&text[from..], |byte| byte > b' ' && !b"\"'\\,;&)}]".contains(&byte));
        // In prose, "Password: " is followed by a word as often as by a password.
        if length >= 4
            && !is_scheme(&text[from..from + length])
            && !is_word(&text[from..from + length])
        {
            found.push(from..from + length);
        }
    }
}

/// A value after a scheme is found by the scheme.
fn is_scheme(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"bearer") || word.eq_ignore_ascii_case(b"basic")
}

/// Only a few lower-case letters: a type, `required`, `null`.
fn is_word(value: &[u8]) -> bool {
    value.len() <= 8 && value.iter().all(u8::is_ascii_lowercase)
}

fn trimmed_end(text: &[u8]) -> &[u8] {
    &text[..text.len() - back(text, |byte| b" \\\"'".contains(&byte))]
}

fn run(text: &[u8], is: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|byte| !is(*byte)).unwrap_or(text.len())
}

/// How many bytes at the end satisfy this, up to the length of a name.
fn back(text: &[u8], is: impl Fn(u8) -> bool) -> usize {
    text.iter().rev().take(64).position(|byte| !is(*byte)).unwrap_or(text.len().min(64))
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_of_token(byte: u8) -> bool {
    is_of_word(byte) || byte == b'.'
}
