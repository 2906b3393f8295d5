//! Iterates over the members of an object and the elements of an array, and removes some of them.
//!
//! For rules that need several values of one object; the text was scanned before.

use std::borrow::Cow;

use super::{
    json::{Key, Members, Scanner, Span},
    splice::Edit,
};

/// One member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    key: Key<'a>,
    /// Where the value is.
    pub value: Span,
}

impl<'a> Entry<'a> {
    /// Whether the key is this name, whatever its escapes.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.key.is(name)
    }

    /// The key's text.
    #[inline]
    pub fn name(&self) -> Cow<'a, str> {
        self.key.text()
    }

    /// Whether the key begins with this; for prefixes shorter than 64 bytes.
    pub fn begins_with(&self, prefix: &str) -> bool {
        self.key.with(|name| name.starts_with(prefix.as_bytes()))
    }

    /// Key and value.
    pub fn whole(&self) -> Span {
        Span::new(self.key.start, self.value.range().end)
    }
}

/// The members of the object in `span`; empty if it is something else.
#[inline]
pub fn members(text: &[u8], span: Span) -> impl Iterator<Item = Entry<'_>> {
    let mut scanner = Scanner::within(text, span);
    let mut walk: Option<Members> =
        scanner.as_mut().and_then(|scanner| scanner.enter_object().ok());
    std::iter::from_fn(move || {
        let (scanner, walk) = (scanner.as_mut()?, walk.as_mut()?);
        let key = scanner.next_key(walk).ok()??;
        let value = scanner.value().ok()?;
        Some(Entry { key, value })
    })
}

/// The elements of the array in `span`; empty if it is something else.
pub fn elements(text: &[u8], span: Span) -> impl Iterator<Item = Span> {
    let mut scanner = Scanner::within(text, span);
    let mut opening = b'[';
    std::iter::from_fn(move || {
        let scanner = scanner.as_mut()?;
        scanner.expect(opening, "the end of the array").ok()?;
        opening = b',';
        scanner.value().ok()
    })
}

/// An element of a list, and the value of the member that is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// The element.
    pub whole: Span,
    /// Its name, if it has one.
    pub name: Option<Span>,
}

/// The elements of the array in the member `list` of an object, each with the value of its member
/// `name`; the other members of the object go to `other`. Everything is scanned once.
pub fn named_elements<'a>(
    text: &'a [u8],
    object: Span,
    (list, name): (&str, &str),
    mut other: impl FnMut(Entry<'a>),
) -> Option<Vec<Element>> {
    let mut scanner = Scanner::within(text, object)?;
    let mut walk = scanner.enter_object().ok()?;
    let mut found = None;
    while let Some(key) = scanner.next_key(&mut walk).ok()? {
        let is_list = key.is(list);
        if is_list && scanner.peek() == Some(b'[') {
            found = Some(list_elements(&mut scanner, name)?);
            continue;
        }
        let value = scanner.value().ok()?;
        if is_list {
            found = None;
        }
        other(Entry { key, value });
    }
    found
}

fn list_elements(scanner: &mut Scanner<'_>, name: &str) -> Option<Vec<Element>> {
    scanner.expect(b'[', "an array").ok()?;
    let mut found = Vec::new();
    while scanner.peek() != Some(b']') {
        if !found.is_empty() {
            scanner.expect(b',', "the end of the array").ok()?;
        }
        found.push(element(scanner, name)?);
    }
    scanner.expect(b']', "the end of the array").ok()?;
    Some(found)
}

fn element(scanner: &mut Scanner<'_>, name: &str) -> Option<Element> {
    if scanner.peek() != Some(b'{') {
        return Some(Element { whole: scanner.value().ok()?, name: None });
    }
    let start = scanner.at();
    let mut walk = scanner.enter_object().ok()?;
    let mut named = None;
    while let Some(key) = scanner.next_key(&mut walk).ok()? {
        let value = scanner.value().ok()?;
        if key.is(name) {
            named = Some(value);
        }
    }
    Some(Element { whole: Span::new(start, scanner.at()), name: named })
}

/// Removes parts of one object or array, with the right commas. Every member or element must be
/// reported in order, as kept or removed. Edits are in ascending order, even if those inside of a
/// kept part are added after it was reported.
#[derive(Debug, Default)]
pub struct Cuts {
    kept_end: Option<usize>,
    /// Removed parts since the last kept one.
    run: Option<Span>,
}

impl Cuts {
    /// Keeps this part; what was removed before it becomes an edit.
    pub fn stays(&mut self, part: Span, edits: &mut Vec<Edit<'_>>) {
        if let Some(run) = self.run.take() {
            edits.push(cut(run.range().start, part.range().start));
        }
        self.kept_end = Some(part.range().end);
    }

    /// Removes this part.
    pub fn goes(&mut self, part: Span) {
        let start = self.run.map_or(part.start, |run| run.start);
        self.run = Some(Span { start, end: part.end });
    }

    /// Whether any part was kept.
    pub fn end(self, edits: &mut Vec<Edit<'_>>) -> bool {
        if let Some(run) = self.run {
            edits.push(cut(self.kept_end.unwrap_or(run.range().start), run.range().end));
        }
        self.kept_end.is_some()
    }
}

fn cut(start: usize, end: usize) -> Edit<'static> {
    Edit { span: Span::new(start, end), with: b"" }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use serde_json::{Map, Value};

    use super::*;
    use crate::{Assembly, find_member};

    fn without(text: &str, goes: impl Fn(usize) -> bool) -> String {
        let source = Bytes::copy_from_slice(text.as_bytes());
        let whole = Span::new(0, text.len());
        let mut parts: Vec<Span> = members(&source, whole).map(|entry| entry.whole()).collect();
        parts.extend(elements(&source, whole));
        let (mut cuts, mut edits) = (Cuts::default(), Vec::new());
        for (place, part) in parts.into_iter().enumerate() {
            if goes(place) {
                cuts.goes(part);
            } else {
                cuts.stays(part, &mut edits);
            }
        }
        cuts.end(&mut edits);
        let assembly = Assembly { before: b"", source: &source, edits: &edits, behind: b"" };
        String::from_utf8(assembly.frame().runs().concat()).unwrap()
    }

    #[test]
    fn commas_go_with_what_they_separate() {
        let text = r#"{ "a" : 1 , "b" : [2,3] , "c" : {"d":4} }"#;
        for (goes, left) in [
            (&[0][..], r#"{ "b" : [2,3] , "c" : {"d":4} }"#),
            (&[1], r#"{ "a" : 1 , "c" : {"d":4} }"#),
            (&[2], r#"{ "a" : 1 , "b" : [2,3] }"#),
            (&[0, 1], r#"{ "c" : {"d":4} }"#),
            (&[1, 2], r#"{ "a" : 1 }"#),
            (&[0, 2], r#"{ "b" : [2,3] }"#),
            (&[0, 1, 2], "{  }"),
            (&[], text),
        ] {
            assert_eq!(without(text, |place| goes.contains(&place)), left);
        }
        assert_eq!(without("[1, 2, 3]", |place| place == 2), "[1, 2]");
        assert_eq!(without("[]", |_| true), "[]");
        assert_eq!(without("{}", |_| true), "{}");
    }

    #[test]
    fn names_are_decoded() {
        let text = br#"{"\u0061":1,"b\n":2}"#;
        let entries: Vec<Entry<'_>> = members(text, Span::new(0, text.len())).collect();
        assert!(entries[0].is("a") && entries[1].is("b\n"));
        assert_eq!(entries.iter().map(Entry::name).collect::<Vec<_>>(), ["a", "b\n"]);
    }

    #[test]
    fn elements_are_found_whatever_they_are() {
        let text = br#" [ 1 ,"a]",[2,[]],{} ] "#;
        let found: Vec<&[u8]> =
            elements(text, Span::new(1, text.len())).map(|span| span.of(text)).collect();
        assert_eq!(found, [&b"1"[..], br#""a]""#, b"[2,[]]", b"{}"]);
        assert_eq!(elements(b"[]", Span::new(0, 2)).count(), 0);
        assert_eq!(elements(b"{}", Span::new(0, 2)).count(), 0);
    }

    #[test]
    fn a_list_is_walked_over_once_as_piece_by_piece() {
        for text in [
            r#"{"a":1,"list":[{"name":"x","b":[{"name":2}]} , 7,{"c":1}, {"name":1,"name":"y"}],"z":{}}"#,
            r#"{"list":[]}"#,
            r#"{"list":[ ] , "a":2}"#,
            r#"{"list":{"name":1}}"#,
            r#"{"list":[{"name":1}],"list":[2]}"#,
            r#"{"list":[1],"list":null}"#,
            r#"{"\u006cist":[{"n\u0061me":1}]}"#,
            "{}",
            "[]",
        ] {
            let whole = Span::new(0, text.len());
            let mut others = Vec::new();
            let other = |entry: Entry<'_>| others.push(entry.value);
            let found = named_elements(text.as_bytes(), whole, ("list", "name"), other);
            let list = find_member(text.as_bytes(), whole, "list");
            let list = list.filter(|span| span.of(text.as_bytes()).starts_with(b"["));
            let expected = list.map(|list| {
                let spans = elements(text.as_bytes(), list);
                let name = |whole| find_member(text.as_bytes(), whole, "name");
                spans.map(|whole| Element { whole, name: name(whole) }).collect::<Vec<_>>()
            });
            assert_eq!(found, expected, "{text}");
            let rest = members(text.as_bytes(), whole).filter(|entry| !entry.is("list"));
            assert!(rest.map(|entry| entry.value).all(|value| others.contains(&value)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_the_rest(keys in proptest::collection::btree_map(any::<String>(), any::<i64>(), 0..8), mask: u8) {
            let object: Map<String, Value> =
                keys.into_iter().map(|(key, value)| (key, value.into())).collect();
            let goes = |place: usize| mask >> place & 1 == 1;
            let left = without(&Value::Object(object.clone()).to_string(), goes);
            let expected: Map<String, Value> = object
                .into_iter()
                .enumerate()
                .filter(|(place, _)| !goes(*place))
                .map(|(_, member)| member)
                .collect();
            prop_assert_eq!(serde_json::from_str::<Map<String, Value>>(&left).unwrap(), expected);
        }
    }
}
