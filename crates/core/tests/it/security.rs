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
