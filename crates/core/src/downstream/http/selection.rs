//! The servers that a client selects on a merged endpoint: `?servers=a,b`.

use http::Uri;

/// Their names; `None` selects all of them.
pub(super) fn selection(uri: &Uri) -> Option<Vec<String>> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let mut lists = pairs.filter(|(name, _)| *name == "servers").map(|(_, list)| list).peekable();
    lists.peek()?;
    let names = lists.flat_map(|list| list.split(',')).map(decoded);
    Some(names.filter(|name| !name.is_empty()).collect())
}

/// A comma within a name is percent-encoded, so plain commas separate names.
fn decoded(name: &str) -> String {
    form_urlencoded::parse(format!("={name}").as_bytes()).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_by_commas_and_decoded() {
        let asked = |target: &str| selection(&target.parse().unwrap());
        assert_eq!(asked("/mcp"), None);
        assert_eq!(asked("/mcp?server=a"), None);
        assert_eq!(asked("/mcp?servers="), Some(vec![]));
        for (target, expected) in [
            ("/mcp?servers=a", vec!["a"]),
            ("/mcp?x=1&servers=a,b&servers=c", vec!["a", "b", "c"]),
            ("/mcp?servers=a%2Cb,c+d,%C3%A9", vec!["a,b", "c d", "é"]),
        ] {
            assert_eq!(asked(target).unwrap(), expected, "{target}");
        }
    }
}
