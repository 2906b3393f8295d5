//! Real files, and invalid ones.

mod bad_input;
mod dialects;
mod ours;

use super::{Dialect, Entry, Fault, Kind, Known, Manifest, Setting, Start, Variables, Vocabulary};

/// Some flags, as the command line would give them.
pub(super) fn vocabulary() -> Vocabulary {
    let flag = |name, kind| Known { name, kind, help: "" };
    Vocabulary {
        top: vec![
            flag("port", Kind::Number),
            flag("apiKey", Kind::Text),
            flag("stateless", Kind::Switch),
            flag("allowedHosts", Kind::List),
            flag("auth", Kind::List),
            flag("authAudience", Kind::List),
            flag("authScopes", Kind::Text),
            flag("authIntrospect", Kind::Text),
        ],
        server: vec![
            flag("isolation", Kind::Text),
            flag("prewarm", Kind::Number),
            flag("shell", Kind::Switch),
        ],
    }
}

pub(super) fn variables() -> Variables {
    let environment = [("TOKEN", "s3cret"), ("EMPTY", ""), ("DOLLAR", "${TOKEN}"), ("HOST", "h")];
    Variables {
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        inputs: [("key".to_owned(), "typed".to_owned())].into(),
        workspace_folder: "/project".to_owned(),
        user_home: Some("/home/me".to_owned()),
    }
}

/// Reads a file of this name.
pub(super) fn read(file: &str, text: &str) -> Result<Manifest, Fault> {
    Manifest::read(file, text.as_bytes(), None, &vocabulary())
}

/// A server in one line: words, then settings; or why it cannot be served.
pub(super) fn line(entry: &Entry) -> String {
    let off = if entry.enabled { "" } else { "off: " };
    match &entry.launch {
        Ok(Start { words, settings }) => {
            let mut parts = words.clone();
            let setting = |Setting { name, words, .. }: &Setting| {
                words.iter().map(|word| format!("{name}={word}")).collect::<Vec<_>>().join(" ")
            };
            parts.extend(settings.iter().map(setting));
            format!("{off}{}", parts.join(" "))
        }
        Err(fault) => format!("{off}! {fault}"),
    }
}

/// Every server of a file in one line, after the dialect.
pub(super) fn lines(file: &str, text: &str) -> (Dialect, Vec<String>) {
    let manifest = read(file, text).unwrap_or_else(|fault| panic!("{fault}"));
    let entries = manifest.entries(&variables());
    let line = |entry: &Entry| format!("{}: {}", entry.name, line(entry));
    (manifest.dialect(), entries.iter().map(line).collect())
}
