//! Which parts of one server are served, under which names, and with which fixed arguments.
//!
//! The same rules apply to lists and calls, so what is hidden cannot be called.

use std::collections::BTreeMap;

/// Rules for everything that a server lists. By default everything is served unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Of tools, by name.
    pub tools: ToolRules,
    /// Of prompts, by name.
    pub prompts: Filter,
    /// Of resources and templates, by URI.
    pub resources: Filter,
}

impl Rules {
    /// Whether everything is served unchanged, so that bytes may pass through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Rules for the tools of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolRules {
    /// Which tools are served, by the server's own names.
    pub filter: Filter,
    /// The server's own name → the name that clients see. The server's name is then unknown to
    /// clients.
    pub rename: BTreeMap<String, String>,
    /// The name that clients see → the description in place of the server's.
    pub describe: BTreeMap<String, String>,
    /// The name that clients see → arguments that are set in every call, whatever the client sends:
    /// name → the JSON text of the value. They are left out of the tool's schema.
    pub arguments: BTreeMap<String, BTreeMap<String, String>>,
}

/// Which names or URIs are served; `deny` wins, and ignores case, because servers may do so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In each of these lists a pattern must match; without lists, everything matches.
    pub allow: Vec<Vec<Pattern>>,
    /// None of these may match.
    pub deny: Vec<Pattern>,
}

impl Filter {
    /// Whether the entry with this name or URI, as the server calls it, is served.
    pub fn admits(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        !self.deny.iter().any(|pattern| pattern.matches_in_any_case(name))
            && self.allow.iter().all(|list| any(list))
    }
}

/// A name, or a pattern for names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Exactly this name.
    Exact(String),
    /// `*` stands for any text, `?` for one character, and everything else for itself.
    Glob(String),
}

impl Pattern {
    /// Whether it matches the whole name. Takes at most the product of both lengths.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Glob(glob) => matches(glob, name),
        }
    }

    /// The same for a reader that ignores case.
    pub fn matches_in_any_case(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact.to_lowercase() == name.to_lowercase(),
            Self::Glob(glob) => matches(&glob.to_lowercase(), &name.to_lowercase()),
        }
    }
}

/// Backtracks to the last `*` only, which is enough and never takes exponential time.
fn matches(glob: &str, name: &str) -> bool {
    let (mut glob, mut name) = (glob.chars(), name.chars());
    let mut again = None;
    loop {
        let before = (glob.clone(), name.clone());
        match (glob.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                name = before.1;
                again = Some((glob.clone(), name.clone()));
                continue;
            }
            (Some('?'), Some(_)) => continue,
            (Some(wanted), Some(found)) if wanted == found => continue,
            _ => {}
        }
        let Some((after, mut from)) = again else { return false };
        if from.next().is_none() {
            return false;
        }
        (glob, name) = (after.clone(), from.clone());
        again = Some((after, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_is_denied_in_every_case_and_what_is_allowed_in_one() {
        for pattern in [Pattern::Exact("env".to_owned()), Pattern::Glob("e?V".to_owned())] {
            let deny = Filter { allow: Vec::new(), deny: vec![pattern.clone()] };
            for name in ["env", "ENV", "Env"] {
                assert!(!deny.admits(name), "{pattern:?} {name}");
            }
            assert!(deny.admits("other"));
        }
        let allow =
            Filter { allow: vec![vec![Pattern::Exact("echo".to_owned())]], deny: Vec::new() };
        assert!(allow.admits("echo") && !allow.admits("Echo"));
    }

    #[test]
    fn a_glob_matches_the_whole_name() {
        let cases = [
            ("*", "", true),
            ("*", "any", true),
            ("read_*", "read_file", true),
            ("read_*", "read_", true),
            ("read_*", "unread_file", false),
            ("*_secret", "the_secret", true),
            ("*_secret", "the_secret_", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?", "", false),
            ("?", "é", true),
            ("?", "ab", false),
            ("", "", true),
            ("", "a", false),
            ("[a]", "[a]", true),
            ("[a]", "a", false),
            ("**a", "ba", true),
            ("file:///*.txt", "file:///a/b.txt", true),
        ];
        for (glob, name, expected) in cases {
            assert_eq!(Pattern::Glob(glob.to_owned()).matches(name), expected, "{glob} {name}");
        }
    }

    #[test]
    fn a_hostile_glob_takes_no_exponential_time() {
        let glob = Pattern::Glob("*a".repeat(200));
        assert!(!glob.matches(&"a".repeat(10_000).replace("aaaa", "aaab")));
    }

    #[test]
    fn every_list_has_to_allow_and_none_may_deny() {
        let glob = |text: &str| Pattern::Glob(text.to_owned());
        let filter = Filter {
            allow: vec![
                vec![glob("read_*"), glob("list_*")],
                vec![Pattern::Exact("read_*".to_owned()), glob("*_a")],
            ],
            deny: vec![glob("*secret*")],
        };
        let served = ["read_a", "list_a", "read_*"];
        let hidden = ["write_a", "read_b", "read_secret_a"];
        assert!(served.iter().all(|name| filter.admits(name)));
        assert!(!hidden.iter().any(|name| filter.admits(name)));
        assert!(Filter::default().admits("anything"));
    }
}
