//! The fuzz target for configuration files.

use crate::fleet::{Fault, Kind, Known, Manifest, Variables, Vocabulary};

/// Reads a file, as JSON and as TOML, and expands its variables, of which few are set.
///
/// A fault has a place in the file and contains no control characters; expanding twice gives the
/// same.
pub fn config(bytes: &[u8]) {
    for file in ["f.json", "f.toml", "f"] {
        match Manifest::read(file, bytes, None, &vocabulary()) {
            Ok(manifest) => expand(&manifest, bytes),
            Err(fault) => check(&fault, bytes),
        }
    }
}

fn vocabulary() -> Vocabulary {
    let kinds = [Kind::Switch, Kind::Number, Kind::Text, Kind::List];
    let names = ["stateless", "port", "apiKey", "allowedHosts"];
    let known = |(name, kind)| Known { name, kind, help: "" };
    let known: Vec<Known> = names.into_iter().zip(kinds).map(known).collect();
    Vocabulary { top: known.clone(), server: known }
}

fn expand(manifest: &Manifest, bytes: &[u8]) {
    let variables = Variables {
        environment: [("A".to_owned(), "1".to_owned()), ("B".to_owned(), String::new())].into(),
        inputs: [("i".to_owned(), "2".to_owned())].into(),
        workspace_folder: "/w".to_owned(),
        user_home: None,
    };
    for entry in manifest.entries(&variables) {
        if let Err(fault) = entry.launch {
            check(&fault, bytes);
        }
    }
    match manifest.settings(&variables) {
        Ok(settings) => assert!(settings.iter().all(|setting| setting.position.line > 0)),
        Err(fault) => check(&fault, bytes),
    }
    for unused in manifest.unused() {
        assert!(unused.position.line > 0);
    }
}

fn check(fault: &Fault, bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!(fault.position.is_none_or(|position| position.line <= lines), "{fault}");
    assert!(!fault.to_string().contains(char::is_control), "{fault:?}");
}
