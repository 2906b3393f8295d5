//! Walking one object or array of a text that was scanned before, and cutting parts out of it.

use super::json::{Scanner, Span};

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    /// The decoded key.
    pub(crate) name: &'a [u8],
    /// Key and value.
    pub(crate) whole: Span,
    pub(crate) value: Span,
}

/// Shows every member of the object in `span`; what is no object has none.
pub(crate) fn each_member(text: &[u8], span: Span, mut visit: impl FnMut(Member<'_>)) {
    let Some(mut scanner) = Scanner::within(text, span) else { return };
    let Ok(mut members) = scanner.enter_object() else { return };
    while let Ok(Some(key)) = scanner.next_key(&mut members) {
        let Ok(value) = scanner.value() else { return };
        let whole = Span::new(key.start, value.range().end);
        key.with(|name| visit(Member { name, whole, value }));
    }
}

/// Shows every element of the array in `span`; what is no array has none.
pub(crate) fn each_element(text: &[u8], span: Span, mut visit: impl FnMut(Span)) {
    let Some(mut scanner) = Scanner::within(text, span) else { return };
    if scanner.expect(b'[', "expected an array").is_err() || scanner.peek() == Some(b']') {
        return;
    }
    while let Ok(value) = scanner.value() {
        visit(value);
        if scanner.expect(b',', "expected ,").is_err() {
            return;
        }
    }
}

/// Parts of an object or array that go, in the order of the text: with the right commas.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    kept_end: Option<usize>,
    run: Option<(usize, usize)>,
    spans: Vec<Span>,
}

impl Removals {
    /// The next part stays.
    pub(crate) fn keep(&mut self, part: Span) {
        if let Some((start, _)) = self.run.take() {
            self.spans.push(Span::new(start, part.range().start));
        }
        self.kept_end = Some(part.range().end);
    }

    /// The next part goes.
    pub(crate) fn cut(&mut self, part: Span) {
        let start = self.run.map_or(part.range().start, |(start, _)| start);
        self.run = Some((start, part.range().end));
    }

    /// Whether nothing stays.
    pub(crate) fn is_everything(&self) -> bool {
        self.kept_end.is_none()
    }

    /// The ranges to remove, in ascending order.
    pub(crate) fn finish(mut self) -> Vec<Span> {
        if let Some((start, end)) = self.run.take() {
            self.spans.push(Span::new(self.kept_end.unwrap_or(start), end));
        }
        self.spans
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use serde_json::{Map, Value};

    use super::*;
    use crate::jsonrpc::{Assembly, Edit};

    fn without(text: &str, goes: impl Fn(usize) -> bool) -> String {
        let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
        let whole = Span::new(0, text.len());
        let mut cuts = Removals::default();
        let mut place = 0;
        let mut decide = |part| {
            if goes(place) {
                cuts.cut(part);
            } else {
                cuts.keep(part);
            }
            place += 1;
        };
        if text.starts_with('{') {
            each_member(&bytes, whole, |member| decide(member.whole));
        } else {
            each_element(&bytes, whole, decide);
        }
        let cuts = cuts.finish();
        let edits: Vec<Edit<'_>> = cuts.into_iter().map(|span| Edit { span, with: b"" }).collect();
        let assembly = Assembly { before: b"", source: &bytes, edits: &edits, behind: b"" };
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
    }

    #[test]
    fn names_are_decoded() {
        let mut names = Vec::new();
        let text = br#"{"\u0061":1,"b\n":2}"#;
        each_member(text, Span::new(0, text.len()), |member| names.push(member.name.to_vec()));
        assert_eq!(names, [&b"a"[..], b"b\n"]);
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
