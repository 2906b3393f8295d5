//! Finds the server to which a URI belongs.
//!
//! A URI is a location, so it stays unchanged if possible: it belongs to the first server in the
//! order of the configuration whose list contains it, or one of whose templates matches it. Other
//! servers' resources with the same URI get a label as prefix: `NAME+URI`.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    sync::LazyLock,
};

/// Most URIs of one server that are remembered.
const MAX_URIS: usize = 100_000;
/// Most templates of one server that are remembered.
const MAX_TEMPLATES: usize = 1_000;
/// Longest URI that is matched against templates, in bytes.
const LONGEST: usize = 8 * 1024;

/// Digests for which outsiders cannot find collisions.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// What a server has, according to the lists that were read.
#[derive(Debug, Default)]
pub(super) struct Uris {
    listed: HashSet<u64>,
    templates: Vec<Template>,
    /// Folders of skills; their files need not be listed.
    skills: Vec<Template>,
}

impl Uris {
    /// A new list of resources begins.
    pub(super) fn forget_listed(&mut self) {
        self.listed.clear();
    }

    /// A new list of templates begins.
    pub(super) fn forget_templates(&mut self) {
        self.templates.clear();
    }

    pub(super) fn list(&mut self, uri: &str) {
        if self.listed.len() < MAX_URIS {
            self.listed.insert(HASHER.hash_one(uri));
        }
    }

    pub(super) fn template(&mut self, text: &str) {
        if self.templates.len() < MAX_TEMPLATES && text.len() <= LONGEST {
            self.templates.push(Template::new(text));
        }
    }

    /// A new list of skills begins.
    pub(super) fn forget_skills(&mut self) {
        self.skills.clear();
    }

    /// A skill is a folder, identified by its main file.
    pub(super) fn skill(&mut self, uri: &str) {
        if self.skills.len() < MAX_TEMPLATES && uri.len() <= LONGEST {
            let folder = uri.rfind('/').map_or(uri, |end| uri.split_at(end + 1).0);
            let mut steps: Vec<Step> = folder.bytes().map(Step::Byte).collect();
            steps.push(Step::Anything);
            self.skills.push(Template(steps));
        }
    }

    /// Whether the server has it.
    pub(super) fn has(&self, uri: &str) -> bool {
        self.listed.contains(&HASHER.hash_one(uri))
            || uri.len() <= LONGEST
                && self.templates.iter().chain(&self.skills).any(|template| template.makes(uri))
    }
}

/// A URI template (RFC 6570), as far as matching needs it.
#[derive(Debug)]
struct Template(Vec<Step>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Byte(u8),
    /// A simple expression: matches no `/`.
    Segment,
    /// An expression with an operator.
    Anything,
}

impl Template {
    fn new(text: &str) -> Self {
        let mut steps = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            let end = (byte == b'{').then(|| after.iter().position(|&byte| byte == b'}')).flatten();
            let Some(end) = end else {
                steps.push(Step::Byte(byte));
                rest = after;
                continue;
            };
            let operator = after.first().is_some_and(|first| b"+#./;?&".contains(first));
            steps.push(if operator { Step::Anything } else { Step::Segment });
            rest = after.get(end + 1..).unwrap_or_default();
        }
        Self(steps)
    }

    /// Whether it matches this URI. Backtracks to the last expression of each kind only, which is
    /// enough: what an earlier one could match, the later one can match, too.
    fn makes(&self, uri: &str) -> bool {
        let (steps, uri) = (&self.0, uri.as_bytes());
        let (mut step, mut at) = (0, 0);
        let (mut segment, mut anything) = (None, None);
        loop {
            match (steps.get(step), uri.get(at)) {
                (None, None) => return true,
                (Some(Step::Segment), _) => {
                    step += 1;
                    segment = Some((step, at));
                    continue;
                }
                (Some(Step::Anything), _) => {
                    step += 1;
                    anything = Some((step, at));
                    segment = None;
                    continue;
                }
                (Some(Step::Byte(wanted)), Some(byte)) if wanted == byte => {
                    (step, at) = (step + 1, at + 1);
                    continue;
                }
                _ => {}
            }
            if let Some((after, from)) = segment
                && uri.get(from).is_some_and(|&byte| byte != b'/')
            {
                segment = Some((after, from + 1));
                (step, at) = (after, from + 1);
            } else if let Some((after, from)) = anything
                && from < uri.len()
            {
                anything = Some((after, from + 1));
                segment = None;
                (step, at) = (after, from + 1);
            } else {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, any, prop, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    #[test]
    fn templates_make_what_their_expressions_allow() {
        for (template, uri, expected) in [
            ("file:///{path}", "file:///a.txt", true),
            ("file:///{path}", "file:///a/b.txt", false),
            ("file:///{+path}", "file:///a/b.txt", true),
            ("file:///{path}", "file:///{path}", true),
            ("x://{a}/{b}", "x://1/2", true),
            ("x://{a}/{b}", "x://1/2/3", false),
            ("x://{a}/{b}.md", "x://1/2.md", true),
            ("x://{id}{?q,r}", "x://1?q=a/b&r=2", true),
            ("x://{id}{?q,r}", "x://1", true),
            ("x://a", "x://a", true),
            ("x://a", "x://ab", false),
            ("x://{broken", "x://{broken", true),
            ("{+a}/{b}/c", "1/2/3/c", true),
            ("", "", true),
        ] {
            assert_eq!(Template::new(template).makes(uri), expected, "{template} {uri}");
        }
    }

    #[test]
    fn a_hostile_template_takes_no_exponential_time() {
        let template = Template::new(&"{+x}a".repeat(200));
        assert!(!template.makes(&"a".repeat(LONGEST).replace("aaaa", "aaab").replace('a', "b")));
    }

    /// The slow, obviously correct way.
    fn makes(steps: &[Step], uri: &[u8]) -> bool {
        match steps.split_first() {
            None => uri.is_empty(),
            Some((Step::Byte(byte), rest)) => {
                uri.split_first().is_some_and(|(first, uri)| first == byte && makes(rest, uri))
            }
            Some((wildcard, rest)) => (0..=uri.len()).any(|taken| {
                let allowed = *wildcard == Step::Anything || !uri[..taken].contains(&b'/');
                allowed && makes(rest, &uri[taken..])
            }),
        }
    }

    proptest! {
        #[test]
        fn templates_are_read_as_the_slow_way_reads_them(
            steps in prop::collection::vec(
                prop_oneof![Just(Step::Segment), Just(Step::Anything),
                    Just(Step::Byte(b'a')), Just(Step::Byte(b'b')), Just(Step::Byte(b'/'))], 0..7),
            uri in "[ab/]{0,9}",
        ) {
            let expected = makes(&steps, uri.as_bytes());
            prop_assert_eq!(Template(steps).makes(&uri), expected);
        }

        #[test]
        fn what_is_listed_is_had(uris in any::<Vec<String>>(), other in any::<String>()) {
            let mut known = Uris::default();
            for uri in &uris {
                known.list(uri);
            }
            prop_assert_eq!(known.has(&other), uris.contains(&other));
            known.forget_listed();
            assert!(!uris.iter().any(|uri| known.has(uri)));
        }
    }
}
