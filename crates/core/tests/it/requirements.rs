//! Compares `requirements.md` with the existing tests.

use std::{fs, path::Path};

/// How many requirements there are; their numbers have no gaps.
const REQUIREMENTS: usize = 111;

/// The cells of the table's rows: number, requirement, tests.
fn rows() -> Vec<[String; 3]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements.md");
    let table = fs::read_to_string(path).expect("a table");
    let cell = |cell: &str| cell.trim_matches(['|', ' ']).to_owned();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let cells = rows.map(|line| line.split(" | ").map(cell).collect::<Vec<_>>());
    cells.map(|cells| cells.try_into().expect("three cells")).collect()
}

#[test]
fn every_requirement_has_a_row() {
    let numbers: Vec<String> = rows().into_iter().map(|[number, ..]| number).collect();
    let expected: Vec<String> = (1..=REQUIREMENTS).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn every_row_names_tests_that_exist_or_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for [number, requirement, tests] in rows() {
        assert!(!requirement.is_empty(), "{number}");
        if let Some(reason) = tests.strip_prefix("none: ") {
            assert!(reason.len() > 30, "{number} gives no reason");
            continue;
        }
        for test in tests.split("<br>") {
            let words: Vec<&str> = test.split('`').filter(|word| !word.trim().is_empty()).collect();
            let [file, name] = words[..] else { panic!("{number}: a file and a test: {test}") };
            let source = fs::read_to_string(root.join(file)).expect(file);
            assert!(source.contains(&format!("fn {name}(")), "{number}: {file} has no {name}");
        }
    }
}
