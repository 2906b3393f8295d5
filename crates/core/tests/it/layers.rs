//! Checks the dependency direction of the core by reading its sources.
//!
//! A module may use what `MAY_USE` lists for it, and itself. `downstream` and `upstream` meet only
//! in `relay`; everything at or below `era` is pure. A module that is not listed fails the test, so
//! every new one gets its place.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::sources;

/// From the bottom upwards: a module and what it may use. `jsonrpc` is a crate of its own, which
/// cannot use any of the others.
const MAY_USE: &[(&str, &[&[&str]])] = &[
    ("config", &[]),
    ("host", &[]),
    ("runtime", &[]),
    ("telemetry", &[&["config", "runtime"]]),
    ("metrics", &[]),
    ("jsonrpc", &[]),
    ("codec", &[]),
    ("protocol", &[&["jsonrpc", "codec"]]),
    ("era", &[&["protocol", "jsonrpc", "codec"]]),
    ("error", &[&["jsonrpc"]]),
    ("tls", &[&["config", "error"]]),
    ("watch", &[&["config", "error", "jsonrpc", "telemetry"]]),
    ("identity", &[&PURE, EVERYWHERE, &["host", "metrics", "tls"]]),
    ("cluster", &[&PURE, EVERYWHERE, &["identity", "metrics", "tls"]]),
    ("relay", &[&PURE, EVERYWHERE, &["host", "identity", "metrics"]]),
    ("sdk_bridge", &[&PURE, &["relay"]]),
    ("downstream", EDGE),
    ("upstream", EDGE),
    ("tunnel", &[&["runtime", "telemetry"]]),
    (
        "inspect",
        &[&[
            "config",
            "error",
            "codec",
            "runtime",
            "relay",
            "metrics",
            "telemetry",
            "watch",
            "downstream",
        ]],
    ),
    ("fleet", &[&["config"]]),
    ("proxy", ABOVE),
    ("doctor", &[&PURE, EVERYWHERE, HINGE, &["upstream", "proxy"]]),
    ("replay", &[&["codec", "jsonrpc", "runtime", "watch", "proxy"]]),
    ("internals", &[&PURE, EVERYWHERE, HINGE, &["downstream", "upstream", "fleet"]]),
    ("lib", &[]),
];

/// Modules that are plain functions over values.
const PURE: [&str; 4] = ["jsonrpc", "codec", "protocol", "era"];

/// Modules that no message passes.
const EVERYWHERE: &[&str] = &["config", "error", "telemetry", "runtime"];

/// Modules in which the edges meet.
const HINGE: &[&str] = &["relay", "cluster", "host", "identity", "metrics", "tls", "watch"];

/// Modules that an edge may use; not the other edge.
const EDGE: &[&[&str]] = &[&PURE, EVERYWHERE, HINGE];

/// Modules that join the edges may use these.
const ABOVE: &[&[&str]] =
    &[&PURE, EVERYWHERE, HINGE, &["downstream", "upstream", "tunnel", "fleet", "inspect"]];

/// Must not appear in a pure module.
const IMPURE: [&str; 8] = [
    "tokio::",
    ".await",
    "async fn",
    "Mutex",
    "Instant::now",
    "SystemTime",
    "std::net",
    "std::thread",
];

#[test]
fn every_module_uses_only_what_is_below_it() {
    let mut violations = Vec::new();
    for source in sources() {
        let module = source.module();
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
            panic!("{}: give `{module}` a place in MAY_USE", source.path.display());
        };
        for used in source.uses() {
            // `lib.rs` joins everything; crate-wide constants live there.
            if module != "lib" && used != module && !allowed.concat().contains(&used.as_str()) {
                violations.push(format!("{}: {module} uses {used}", source.path.display()));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn pure_modules_know_no_runtime_no_clock_and_no_lock() {
    let mut violations = Vec::new();
    let own = sources().into_iter().filter(|source| PURE.contains(&source.module().as_str()));
    for source in own.chain(sources_below("../jsonrpc/src")) {
        for word in IMPURE.iter().filter(|word| source.code.contains(**word)) {
            violations.push(format!("{}: {word}", source.path.display()));
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn the_table_has_no_cycle() {
    for (index, (module, allowed)) in MAY_USE.iter().enumerate() {
        let below: Vec<&str> = MAY_USE[..index].iter().map(|(name, _)| *name).collect();
        for used in allowed.concat() {
            assert!(below.contains(&used), "{module} may use {used}, which is not below it");
        }
    }
}

#[test]
fn uses_are_found_in_every_spelling() {
    let source = Source {
        path: PathBuf::from("downstream/http/router.rs"),
        code: without_comments(
            "use crate::{config::HttpConfig, relay::{self, Reply}, VERSION};\n\
             // crate::comment::Is::ignored\n\
             fn f(x: crate::downstream::http::session::Id) { super::super::super::upstream::spawn() } \
             use super::body; pub(in crate::error) fn g() {}",
        ),
    };
    assert_eq!(source.module(), "downstream");
    let expected = ["config", "downstream", "error", "relay", "upstream"];
    assert_eq!(source.uses(), expected.map(str::to_owned).into());
}

struct Source {
    /// Below `src`.
    path: PathBuf,
    code: String,
}

impl Source {
    fn module(&self) -> String {
        let first = self.path.iter().next().expect("a path").to_string_lossy();
        first.trim_end_matches(".rs").to_owned()
    }

    /// How many modules deep the file is.
    fn depth(&self) -> usize {
        self.path.iter().count() - usize::from(self.path.ends_with("mod.rs"))
    }

    /// The modules of the crate's root that are named in it.
    fn uses(&self) -> BTreeSet<String> {
        let mut roots: Vec<&str> = self.code.split("crate::").skip(1).collect();
        let chain = "super::".repeat(self.depth());
        roots.extend(self.code.split(chain.as_str()).skip(1));
        roots.into_iter().flat_map(first_names).filter(|name| is_module(name)).collect()
    }
}

/// Constants and types at the crate's root are not modules.
fn is_module(name: &str) -> bool {
    MAY_USE.iter().any(|(module, _)| *module == name)
}

/// The first segment of the path, or of every path of the group, that the text starts with.
fn first_names(text: &str) -> Vec<String> {
    let Some(group) = text.strip_prefix('{') else { return vec![identifier(text)] };
    let mut depth = 0;
    let mut names = vec![identifier(group)];
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(identifier(&group[index + 1..])),
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn without_comments(code: &str) -> String {
    let kept = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    kept.collect::<Vec<_>>().join("\n")
}

fn sources() -> Vec<Source> {
    sources_below("src")
}

/// The sources in a folder; its path is from this crate's root.
fn sources_below(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let read = |(path, text): (String, String)| Source {
        path: path.into(),
        code: without_comments(&text),
    };
    sources::below(&root).into_iter().map(read).collect()
}
