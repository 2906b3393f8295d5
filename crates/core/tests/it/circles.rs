//! Checks that no files import from each other in a circle, by reading the sources of all crates.
//!
//! An import is an arrow from its file to the file that defines the name, through all re-exports;
//! and, in a second drawing, to the file where the path ends before them: what a `mod.rs` re-exports
//! from a child is imported from the `mod.rs`. Neither drawing may have a circle.
//! A `mod` line and a re-export of a child draw no arrow: who looks at a room need not enter it.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
};

use super::sources;

/// The sources that are read, from the root of the repository.
const ROOTS: [&str; 6] = [
    "crates/jsonrpc/src",
    "crates/core/src",
    "crates/cli/src",
    "crates/node/src",
    "crates/loader/src",
    "bench/src",
];

#[test]
fn no_files_import_from_each_other_in_a_circle() {
    let mut found = Vec::new();
    for root in ROOTS {
        found.extend(Crate::read(root).circles());
    }
    assert!(found.is_empty(), "move what both need to a file of its own: {found:#?}");
}

#[test]
fn circles_are_found_in_every_spelling() {
    let circle = |first: &str, second: &str| {
        let sources = [
            ("lib.rs", "mod a;\nmod b;\npub use a::{A, Other as Renamed};"),
            ("a/mod.rs", first),
            ("a/c.rs", "pub struct C;"),
            ("b.rs", second),
        ];
        !Crate::of(&sources).circles().is_empty()
    };
    let a = "use crate::b::B;\npub struct A;\npub struct Other;";
    assert!(circle(a, "use crate::{a::{self, A as Z}, x::Y};\npub struct B;"));
    assert!(circle(a, "pub(crate) use crate::{x::Y, Renamed};\npub struct B;"));
    assert!(circle(a, "use super::a::*;\npub struct B;"));
    assert!(circle(a, "pub struct B;\nfn f() -> crate::A { super::a::A }"));
    assert!(circle("pub struct A;\nfn f(_: crate::b::B) {}", "pub struct B(super::a::A);"));
    let a = "mod c;\npub use c::C;\nuse crate::b::B;\npub struct A;\npub struct Other;";
    assert!(circle(a, "use crate::a::C;\npub struct B;"));
    assert!(!circle(a, "use crate::a::c::C;\npub struct B;"));
    assert!(!circle(a, "pub(in crate::a) struct B; // crate::a::A"));
    assert!(!circle(a, "pub struct B;\nmod tests {\n use crate::a::A;\n}"));
}

/// The path of a module in its crate.
type Module = Vec<String>;

struct Crate(BTreeMap<Module, File>);

struct File {
    /// Below `src`.
    path: String,
    imports: Vec<Import>,
    defines: HashSet<String>,
}

/// A path that a file names.
struct Import {
    path: Vec<String>,
    /// What it is called in the file.
    name: String,
    exported: bool,
}

impl Crate {
    fn read(root: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(root);
        let sources = sources::below(&root);
        let sources: Vec<_> = sources.iter().map(|(name, text)| (&**name, &**text)).collect();
        Self::of(&sources)
    }

    fn of(sources: &[(&str, &str)]) -> Self {
        let modules: HashSet<Module> = sources.iter().map(|(path, _)| module_of(path)).collect();
        let file = |(path, text): &(&str, &str)| {
            let module = module_of(path);
            let (uses, rest) = split(text);
            let mut imports: Vec<Import> = uses.iter().flat_map(|text| expanded(text)).collect();
            imports.extend(chains(&rest).into_iter().filter_map(|path| {
                let is_child = || modules.contains(&[&module[..], &path[..1]].concat());
                let is_path = ["crate", "self", "super"].contains(&&*path[0]) || is_child();
                is_path.then(|| Import { path, name: String::new(), exported: false })
            }));
            (module, File { path: (*path).to_owned(), imports, defines: defined(&rest) })
        };
        Self(sources.iter().map(file).collect())
    }

    /// The arrows that are part of a circle in one of the drawings.
    fn circles(&self) -> Vec<String> {
        [true, false].into_iter().flat_map(|through| self.drawn(through)).collect()
    }

    /// The arrows that are part of a circle, drawn through re-exports or only up to them.
    fn drawn(&self, through: bool) -> Vec<String> {
        let modules: Vec<&Module> = self.0.keys().collect();
        let arrows: Vec<BTreeSet<usize>> = modules
            .iter()
            .map(|module| {
                let to = self.0[*module].imports.iter();
                let to = to.filter_map(|import| self.arrow(module, import, through));
                to.filter_map(|to| modules.binary_search(&&to).ok()).collect()
            })
            .collect();
        let reached = |from: usize| {
            let (mut seen, mut left) = (HashSet::new(), vec![from]);
            while let Some(module) = left.pop() {
                left.extend(arrows[module].iter().filter(|to| seen.insert(**to)));
            }
            seen
        };
        let reached: Vec<_> = (0..modules.len()).map(reached).collect();
        let all =
            (0..modules.len()).flat_map(|from| arrows[from].iter().map(move |to| (from, *to)));
        let shown = |module: usize| self.0[modules[module]].path.as_str();
        all.filter(|(from, to)| reached[*to].contains(from))
            .map(|(from, to)| format!("{} -> {}", shown(from), shown(to)))
            .collect()
    }

    fn arrow(&self, module: &Module, import: &Import, through: bool) -> Option<Module> {
        let path = self.absolute(module, &import.path)?;
        if import.exported && path.starts_with(module) {
            return None;
        }
        let named = self.deepest(&path).to_vec();
        let defining = || self.defining(&path, &mut HashSet::new());
        Some(if through { defining() } else { named }).filter(|to| to != module)
    }

    /// The path from the root of the crate; `None` if it leads to another one.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        match &**first {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let above = path.iter().take_while(|part| *part == "super").count();
                let kept = module.len().checked_sub(above)?;
                Some([&module[..kept], &path[above..]].concat())
            }
            _ => {
                let child = [&module[..], &path[..1]].concat();
                self.0.contains_key(&child).then(|| [module, path].concat())
            }
        }
    }

    /// The file that this path leads into, before any re-export.
    fn deepest<'a>(&self, path: &'a [String]) -> &'a [String] {
        let length = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]));
        &path[..length.unwrap_or_default()]
    }

    /// The file that defines what is at this path.
    fn defining(&self, path: &[String], seen: &mut HashSet<(Module, String)>) -> Module {
        let (module, rest) = path.split_at(self.deepest(path).len());
        let module = module.to_vec();
        let Some((name, rest)) = rest.split_first() else { return module };
        let file = &self.0[&module];
        if file.defines.contains(name) || !seen.insert((module.clone(), name.clone())) {
            return module;
        }
        let is_it = |import: &&Import| import.name == *name || import.name == "*";
        for import in file.imports.iter().filter(is_it) {
            let Some(mut found) = self.absolute(&module, &import.path) else { continue };
            if import.name == "*" {
                found.pop();
                found.push(name.clone());
            }
            found.extend_from_slice(rest);
            return self.defining(&found, seen);
        }
        module
    }
}

fn module_of(path: &str) -> Module {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if ["lib", "main"].contains(&path) {
        return Module::new();
    }
    path.split('/').map(str::to_owned).collect()
}

/// The `use` items, and everything else, without comments and without tests in the file.
fn split(text: &str) -> (Vec<String>, String) {
    let text = text.split("\nmod tests {").next().unwrap_or_default();
    let (mut uses, mut rest, mut open) = (Vec::new(), String::new(), false);
    for line in text.lines().map(|line| line.split("//").next().unwrap_or_default().trim()) {
        let item = line.split_once("use ").map(|(before, _)| before);
        let begins = item.is_some_and(|before| {
            before.is_empty() || before == "pub " || before.starts_with("pub(")
        });
        match uses.last_mut() {
            Some(last) if open => *last = format!("{last} {line}"),
            _ if begins => uses.push(line.to_owned()),
            _ => {
                rest.push_str(line);
                rest.push('\n');
            }
        }
        open = (open || begins) && !line.ends_with(';');
    }
    (uses, rest)
}

/// What a `use` item imports.
fn expanded(text: &str) -> Vec<Import> {
    let (before, tree) = text.trim_end_matches(';').split_once("use ").unwrap_or_default();
    let mut imports = Vec::new();
    expand(tree, &[], &mut |path, name| {
        imports.push(Import { path, name, exported: !before.is_empty() });
    });
    imports
}

fn expand(tree: &str, prefix: &[String], found: &mut impl FnMut(Vec<String>, String)) {
    let Some((head, group)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
        let mut path = [prefix, &parts(path)].concat();
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let last = path.last().cloned().unwrap_or_default();
        let name = if alias.is_empty() { last } else { alias.trim().to_owned() };
        return found(path, name);
    };
    let prefix = [prefix, &parts(head)].concat();
    let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
    let (mut depth, mut start) = (0, 0);
    for (index, character) in group.char_indices().chain([(group.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let item = group[start..index].trim();
                if !item.is_empty() {
                    expand(item, &prefix, found);
                }
                start = index + 1;
            }
            _ => {}
        }
    }
}

fn parts(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Paths of two and more parts in code. The one in `pub(in …)` imports nothing.
fn chains(code: &str) -> Vec<Vec<String>> {
    let is_part = |character: char| character.is_alphanumeric() || "_:".contains(character);
    let code = code.replace("(in crate::", "(in ").replace("(in super::", "(in ");
    let words = code.split(|character| !is_part(character)).map(parts);
    words.filter(|path| path.len() > 1).collect()
}

/// The names after `struct`, `fn` and the like.
fn defined(code: &str) -> HashSet<String> {
    const ITEMS: [&str; 10] = [
        "struct",
        "enum",
        "trait",
        "fn",
        "type",
        "const",
        "static",
        "mod",
        "union",
        "macro_rules!",
    ];
    let words: Vec<&str> = code.split_whitespace().collect();
    let named = words.windows(2).filter(|pair| ITEMS.contains(&pair[0]));
    let name = |pair: &[&str]| {
        pair[1].chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect::<String>()
    };
    named.map(name).collect()
}
