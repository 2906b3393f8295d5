//! The result of a verification, for a person, a terminal or a build server.

use std::path::Path;

use super::Difference;

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// For a person.
    #[default]
    Text,
    /// Test Anything Protocol, version 14.
    Tap,
    /// JUnit XML.
    Junit,
}

/// See the module.
#[derive(Debug)]
pub struct Report {
    file: String,
    cases: Vec<Case>,
}

#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) finding: Finding,
}

#[derive(Debug)]
pub(super) enum Finding {
    Same,
    Differs(Vec<Difference>),
    Skipped(&'static str),
}

impl Report {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: plain(&file.to_string_lossy()), cases: Vec::new() }
    }

    pub(super) fn add(&mut self, case: Case) {
        self.cases.push(case);
    }

    /// How many answers differ.
    pub fn differing(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.finding, Finding::Differs(_))).count()
    }

    /// How many calls were made or skipped.
    pub fn total(&self) -> usize {
        self.cases.len()
    }

    fn skipped(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.finding, Finding::Skipped(_))).count()
    }

    /// The whole report. Texts of peers can neither control a terminal nor close an XML element.
    pub fn text(&self, form: Form) -> String {
        match form {
            Form::Text => self.for_people(),
            Form::Tap => self.tap(),
            Form::Junit => self.junit(),
        }
    }

    fn for_people(&self) -> String {
        let mut text = String::new();
        for case in &self.cases {
            let name = plain(&case.name);
            match &case.finding {
                Finding::Same => push(&mut text, &format!("same     {name}")),
                Finding::Skipped(why) => push(&mut text, &format!("skipped  {name}: {why}")),
                Finding::Differs(found) => {
                    push(&mut text, &format!("differs  {name}"));
                    for one in found {
                        push(&mut text, &format!("         {}", sentence(one)));
                    }
                }
            }
        }
        let (total, differing, skipped) = (self.total(), self.differing(), self.skipped());
        let same = total - differing - skipped;
        push(
            &mut text,
            &format!("{total} calls: {same} same, {differing} differ, {skipped} skipped"),
        );
        text
    }

    fn tap(&self) -> String {
        let mut text = format!("TAP version 14\n1..{}\n", self.total());
        for (number, case) in (1..).zip(&self.cases) {
            let name = plain(&case.name).replace('#', "\\#");
            match &case.finding {
                Finding::Same => push(&mut text, &format!("ok {number} - {name}")),
                Finding::Skipped(why) => {
                    push(&mut text, &format!("ok {number} - {name} # SKIP {why}"));
                }
                Finding::Differs(found) => {
                    push(&mut text, &format!("not ok {number} - {name}\n  ---\n  differences:"));
                    for one in found {
                        let quoted = serde_json::Value::from(sentence(one));
                        push(&mut text, &format!("    - {quoted}"));
                    }
                    push(&mut text, "  ...");
                }
            }
        }
        text
    }

    fn junit(&self) -> String {
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{}\" \
             tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
            escaped(&self.file),
            self.total(),
            self.differing(),
            self.skipped()
        );
        for case in &self.cases {
            let name = escaped(&plain(&case.name));
            match &case.finding {
                Finding::Same => push(&mut text, &format!("    <testcase name=\"{name}\"/>")),
                Finding::Skipped(why) => {
                    let skipped = format!("<skipped message=\"{}\"/>", escaped(why));
                    push(&mut text, &format!("    <testcase name=\"{name}\">{skipped}</testcase>"));
                }
                Finding::Differs(found) => {
                    let lines: Vec<_> = found.iter().map(|one| escaped(&sentence(one))).collect();
                    let failure = format!(
                        "<failure message=\"the answer differs\">{}</failure>",
                        lines.join("\n")
                    );
                    push(&mut text, &format!("    <testcase name=\"{name}\">{failure}</testcase>"));
                }
            }
        }
        text.push_str("  </testsuite>\n</testsuites>\n");
        text
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn sentence(one: &Difference) -> String {
    let path = if one.path.is_empty() { "/" } else { &one.path };
    let text = match (&one.recorded, &one.actual) {
        (Some(recorded), Some(actual)) => format!("{path}: {recorded} was recorded, now {actual}"),
        (Some(recorded), None) => format!("{path}: {recorded} was recorded, now it is missing"),
        (None, Some(actual)) => format!("{path}: new, {actual}"),
        (None, None) => path.to_owned(),
    };
    plain(&text)
}

/// Without characters that a terminal acts on, or that reorder text.
fn plain(text: &str) -> String {
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if hidden(letter) { '\u{fffd}' } else { letter }).collect()
}

fn escaped(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => whole.push_str("&amp;"),
            '<' => whole.push_str("&lt;"),
            '>' => whole.push_str("&gt;"),
            '"' => whole.push_str("&quot;"),
            other => whole.push(other),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new(Path::new("a<b>.jsonl"));
        let found = Difference {
            path: "/result/x".to_owned(),
            recorded: Some("\"\u{1b}[31m<a>\"".to_owned()),
            actual: None,
        };
        for (name, finding) in [
            ("tools/call one", Finding::Same),
            ("tools/call \u{1b}]0;x\u{7} #2", Finding::Differs(vec![found])),
            ("tools/call three", Finding::Skipped("it is skipped")),
        ] {
            report.add(Case { name: name.to_owned(), finding });
        }
        report
    }

    #[test]
    fn every_form_counts_and_none_controls_a_terminal() {
        let report = report();
        for (form, expected) in [
            (Form::Text, "3 calls: 1 same, 1 differ, 1 skipped"),
            (Form::Tap, "1..3"),
            (Form::Junit, "tests=\"3\" failures=\"1\" skipped=\"1\""),
        ] {
            let text = report.text(form);
            assert!(text.contains(expected), "{text}");
            assert!(!text.chars().any(|it| it.is_control() && it != '\n'), "{text:?}");
        }
        let xml = report.text(Form::Junit);
        assert!(xml.contains("name=\"a&lt;b&gt;.jsonl\"") && xml.contains("&lt;a&gt;"), "{xml}");
        assert!(report.text(Form::Tap).contains("not ok 2 - tools/call \u{fffd}]0;x\u{fffd} \\#2"));
    }
}
