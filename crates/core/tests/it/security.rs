//! Holds the promises of `SECURITY.md` to the tests that there are.

use std::{fs, path::Path};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text on one line, as it is read.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The rows of the table: words of a promise, and its tests.
fn rows() -> Vec<(String, String)> {
    let table = read("crates/core/tests/security.md");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.skip(1).filter_map(|row| row.rsplit_once(" | "));
    cells.map(|(promise, tests)| (promise.to_owned(), tests.to_owned())).collect()
}

#[test]
fn every_row_is_about_words_that_are_there() {
    let (security, rows) = (flowing(&read("SECURITY.md")), rows());
    assert!(rows.len() > 60, "{}", rows.len());
    for (promise, _) in rows {
        assert!(security.contains(&promise), "SECURITY.md does not say: {promise}");
    }
}

#[test]
fn every_paragraph_has_a_row() {
    let (security, rows) = (read("SECURITY.md"), rows());
    let done = security.split("## What is done").nth(1).and_then(|rest| rest.split("\n## ").next());
    let paragraphs = done.expect("what is done").split("\n- **").skip(1);
    for paragraph in paragraphs.map(flowing) {
        let held = rows.iter().any(|(promise, _)| paragraph.contains(promise));
        assert!(held, "no test is named for: {paragraph}");
    }
}

#[test]
fn every_test_that_is_named_exists() {
    for (promise, tests) in rows() {
        for test in tests.split("<br>") {
            let words: Vec<&str> = test.split('`').filter(|word| !word.trim().is_empty()).collect();
            let [file, name] = words[..] else { panic!("{promise}: a file and a test: {test}") };
            let titled = [format!("fn {name}("), format!("test(\"{name}\"")];
            let source = read(file);
            assert!(titled.iter().any(|title| source.contains(title)), "{file} has no {name}");
        }
    }
}

/// Lines of the sources that look at a secret, by their file.
fn reveals() -> Vec<(String, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<_> = ["core", "cli", "node"].map(|it| crates.join(it).join("src")).into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("sources") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("UTF-8");
            let name = path.to_string_lossy().rsplit("/crates/").next().map(str::to_owned);
            let lines = text
                .lines()
                .filter(|line| ["ct_eq", ".reveal()"].iter().any(|word| line.contains(word)));
            let name = name.unwrap_or_default().replace("core/../", "");
            found.extend(lines.map(|line| (name.clone(), line.trim().to_owned())));
        }
    }
    found
}

/// What may look at a secret: its own type, a signature, what hashes it, and what shows it to the
/// one who is to know it.
const LOOK: [&str; 4] = [
    "core/src/cluster/proof.rs",
    "core/src/config/secret.rs",
    "core/src/identity/resource_server/setup.rs",
    "core/src/inspect/keys.rs",
];

#[test]
fn secrets_are_compared_in_constant_time_only() {
    let reveals = reveals();
    let files: std::collections::BTreeSet<&str> =
        reveals.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(files.into_iter().collect::<Vec<_>>(), LOOK);
    for (file, line) in &reveals {
        let compares = ["==", "!=", ".eq(", ".cmp(", "starts_with", "contains("];
        let is_open = line.contains(".reveal()") && compares.iter().any(|op| line.contains(op));
        assert!(!is_open, "{file} compares a secret: {line}");
    }
    // What callers show is compared by this type, wherever it is kept.
    for (file, field) in [
        ("crates/core/src/config/access.rs", "api_key: Option<Secret>"),
        ("crates/core/src/inspect/keys.rs", "session: Secret"),
        ("crates/core/src/inspect/keys.rs", "invitation: Mutex<Option<Secret>>"),
        ("crates/core/src/upstream/http/auth/login.rs", "expected.is(state.as_bytes())"),
    ] {
        assert!(read(file).contains(field), "{file}: {field}");
    }
}
