//! The sources of a crate, for tests that read them.

use std::{fs, path::Path};

/// The Rust files below a folder: their paths from there, with `/`, and their texts.
pub(crate) fn below(root: &Path) -> Vec<(String, String)> {
    let mut folders = vec![root.to_owned()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                let name = path.strip_prefix(root).expect("below the folder");
                sources.push((name.to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    assert!(!sources.is_empty(), "no source below {}", root.display());
    sources
}
