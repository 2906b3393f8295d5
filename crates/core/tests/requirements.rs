//! Holds `requirements.md` to the tests that there are.
#![cfg(test)]

use std::{fs, path::Path};

#[test]
fn every_named_test_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table =
        fs::read_to_string(root.join("crates/core/tests/requirements.md")).expect("a table");
    let mut named = 0;
    for cell in table.lines().filter_map(|line| line.split('|').nth(3)) {
        for test in cell.split("<br>").filter(|test| test.contains(".rs`")) {
            let words: Vec<&str> = test.split('`').filter(|word| !word.trim().is_empty()).collect();
            let [file, name] = words[..] else { panic!("a file and a test: {test}") };
            let source = fs::read_to_string(root.join(file)).expect("a source");
            assert!(source.contains(&format!("fn {name}(")), "{file} has no {name}");
            named += 1;
        }
    }
    assert!(named > 50, "{named} tests are named");
}
