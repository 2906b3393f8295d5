//! The path of a request as a WHATWG URL parser sees it: the original matches its endpoints on
//! `new URL(target).pathname`.

use std::borrow::Cow;

use http::Uri;

/// The normalised path; `None` for a target that is not a URL.
pub(super) fn path(uri: &Uri) -> Option<Cow<'_, str>> {
    let path = uri.path();
    if uri.authority().is_none() && path.starts_with("//") {
        return without_authority(&path[2..]);
    }
    if !path.contains("/.") && !path.contains("/%2") {
        return Some(if path.is_empty() { "/".into() } else { path.into() });
    }
    Some(without_dots(path).into())
}

/// A segment without percent-encoding; invalid encoding stays as it is.
pub(super) fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let encoded = after.split_at_checked(2).filter(|_| *first == b'%');
        let encoded = encoded.and_then(|(pair, after)| Some((byte(pair)?, after)));
        let (byte, after) = encoded.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| segment.to_owned())
}

/// The value of two hexadecimal digits.
fn byte(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| all)
}

/// `//host/path` names a host.
fn without_authority(rest: &str) -> Option<Cow<'_, str>> {
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if host.is_empty() {
        return None;
    }
    Some(if path.is_empty() { "/".into() } else { without_dots(path).into() })
}

/// The path to which a reference in a document at `base` resolves; both are without a query.
pub(super) fn resolved(base: &str, reference: &str) -> String {
    if reference.starts_with('/') {
        return without_dots(reference);
    }
    let folder = base.rfind('/').map_or("/", |end| &base[..=end]);
    without_dots(&format!("{folder}{reference}"))
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut directory = false;
    for segment in path.split('/').skip(1) {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        directory = matches!(plain.as_str(), "." | "..");
        match plain.as_str() {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    if directory {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_where_they_are_encoded() {
        for (segment, expected) in
            [("a%20b", "a b"), ("%c3%a9", "é"), ("%2", "%2"), ("%+1", "%+1"), ("%ff", "%ff")]
        {
            assert_eq!(decoded(segment), expected);
        }
    }

    #[test]
    fn references_are_resolved_like_urls() {
        for (base, reference, expected) in [
            ("/sse", "/messages", "/messages"),
            ("/sse", "messages", "/messages"),
            ("/sse", "./messages", "/messages"),
            ("/a/sse", "messages", "/a/messages"),
            ("/a/sse", "../messages", "/messages"),
            ("/a/b/sse", "../c/messages", "/a/c/messages"),
            ("/a/sse/", "messages", "/a/sse/messages"),
            ("/a/sse", "/b/./c", "/b/c"),
            ("/sse", "../../messages", "/messages"),
            ("/a/sse", "sse", "/a/sse"),
        ] {
            assert_eq!(resolved(base, reference), expected, "{base} {reference}");
        }
    }

    #[test]
    fn targets_are_matched_like_urls() {
        for (target, expected) in [
            ("/mcp", Some("/mcp")),
            ("/mcp?x=1", Some("/mcp")),
            ("/./mcp", Some("/mcp")),
            ("/a/../mcp", Some("/mcp")),
            ("/a/%2E%2e/mcp", Some("/mcp")),
            ("/mcp/..", Some("/")),
            ("/mcp/.", Some("/mcp/")),
            ("http://any/mcp", Some("/mcp")),
            ("http://any", Some("/")),
            ("/%6dcp", Some("/%6dcp")),
            ("/mcp/", Some("/mcp/")),
            ("//mcp", Some("/")),
            ("//host/mcp", Some("/mcp")),
            ("//", None),
            ("///", None),
        ] {
            let uri: Uri = target.parse().unwrap();
            assert_eq!(path(&uri).as_deref(), expected, "{target}");
        }
    }
}
