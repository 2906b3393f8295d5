//! Walks over the members of an object and the elements of an array, and cuts members out.
//!
//! For the places where a rule needs several values of one object; the text was scanned before.

use super::{
    json::{Key, Members, Scanner, Span},
    splice::Edit,
};

/// One member of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    key: Key<'a>,
    /// Where the comma before it is; for the first member, where the object's content begins.
    comma: usize,
    pub(crate) value: Span,
}

impl Entry<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.key.is(name)
    }

    /// The key's text.
    pub(crate) fn name(&self) -> String {
        self.key.with(|name| String::from_utf8_lossy(name).into_owned())
    }
}

/// The members of the object in `span`; nothing if it is something else.
pub(crate) fn members(text: &[u8], span: Span) -> impl Iterator<Item = Entry<'_>> {
    let mut scanner = Scanner::within(text, span);
    let mut walk: Option<Members> =
        scanner.as_mut().and_then(|scanner| scanner.enter_object().ok());
    std::iter::from_fn(move || {
        let (scanner, walk) = (scanner.as_mut()?, walk.as_mut()?);
        let first = walk.is_at_start();
        let inside = scanner.at();
        scanner.peek();
        let comma = if first { inside } else { scanner.at() };
        let key = scanner.next_key(walk).ok()??;
        let value = scanner.value().ok()?;
        Some(Entry { key, comma, value })
    })
}

/// The elements of the array in `span`; nothing if it is something else.
pub(crate) fn elements(text: &[u8], span: Span) -> impl Iterator<Item = Span> {
    let mut scanner = Scanner::within(text, span);
    let mut opening = b'[';
    std::iter::from_fn(move || {
        let scanner = scanner.as_mut()?;
        scanner.expect(opening, "the end of the array").ok()?;
        opening = b',';
        scanner.value().ok()
    })
}

/// Cuts members out of one object. Every member has to be named in its order, as one that stays
/// or as one that goes.
#[derive(Debug)]
pub(crate) struct Cuts {
    inside: usize,
    /// End of the members at the beginning that go, while none has stayed.
    leading: Option<usize>,
    stayed: bool,
}

impl Cuts {
    pub(crate) fn of(object: Span) -> Self {
        Self { inside: object.range().start + 1, leading: None, stayed: false }
    }

    pub(crate) fn stays(&mut self, entry: &Entry<'_>, edits: &mut Vec<Edit<'_>>) {
        self.stayed = true;
        if self.leading.take().is_some() {
            // The comma that parted it from those before goes with them.
            edits.push(Edit { span: Span::new(self.inside, entry.comma + 1), with: b"" });
        }
    }

    pub(crate) fn goes(&mut self, entry: &Entry<'_>, edits: &mut Vec<Edit<'_>>) {
        let end = entry.value.range().end;
        if self.stayed {
            edits.push(Edit { span: Span::new(entry.comma, end), with: b"" });
        } else {
            self.leading = Some(end);
        }
    }

    /// Whether any member stayed.
    pub(crate) fn end(self, edits: &mut Vec<Edit<'_>>) -> bool {
        if let Some(end) = self.leading {
            edits.push(Edit { span: Span::new(self.inside, end), with: b"" });
        }
        self.stayed
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::jsonrpc::Assembly;

    fn without(text: &'static str, names: &[&str]) -> String {
        let source = Bytes::from(text);
        let object = Span::new(0, text.len());
        let mut edits = Vec::new();
        let mut cuts = Cuts::of(object);
        for entry in members(&source, object) {
            if names.iter().any(|name| entry.is(name)) {
                cuts.goes(&entry, &mut edits);
            } else {
                cuts.stays(&entry, &mut edits);
            }
        }
        cuts.end(&mut edits);
        let whole = Assembly { before: b"", source: &source, edits: &edits, behind: b"" };
        String::from_utf8(whole.frame().runs().concat()).unwrap()
    }

    #[test]
    fn whichever_members_go_an_object_is_left() {
        let text = r#"{ "a" : 1 , "b":{"c":[2,{}]},"\u0063" : "x" }"#;
        for (names, left) in [
            (&[][..], r#"{ "a" : 1 , "b":{"c":[2,{}]},"\u0063" : "x" }"#),
            (&["a"][..], r#"{ "b":{"c":[2,{}]},"\u0063" : "x" }"#),
            (&["b"][..], r#"{ "a" : 1 ,"\u0063" : "x" }"#),
            (&["c"][..], r#"{ "a" : 1 , "b":{"c":[2,{}]} }"#),
            (&["a", "b"][..], r#"{"\u0063" : "x" }"#),
            (&["b", "c"][..], r#"{ "a" : 1  }"#),
            (&["a", "c"][..], r#"{ "b":{"c":[2,{}]} }"#),
            (&["a", "b", "c"][..], "{ }"),
        ] {
            assert_eq!(without(text, names), left, "{names:?}");
        }
        assert_eq!(without("{}", &["a"]), "{}");
        assert_eq!(without("[1]", &["a"]), "[1]");
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
}
