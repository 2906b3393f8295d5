//! Finds the cause of a server's end in its last lines of standard error.

use crate::doctor::codes::{
    Code, EXITED_EARLY, MODULE_MISSING, NO_INTERPRETER, NO_RUNTIME, PACKAGE_MISSING, PORT_IN_USE,
    SHELL_NOT_FOUND, VARIABLE_MISSING,
};

/// What programs print, and what it means; the first match counts.
const SAYINGS: &[(&[&str], Code)] = &[
    (&["eaddrinuse", "address already in use"], PORT_IN_USE),
    (
        &[
            "npm error code e404",
            "npm err! code e404",
            "npm error code etarget",
            "npm error code enotfound",
            "registry.npmjs.org failed",
            "was not found in the package registry",
            "no solution found when resolving",
            "no matching distribution found",
            "pull access denied",
            "manifest unknown",
        ],
        PACKAGE_MISSING,
    ),
    (
        &["ebadengine", "unsupported engine", "requires-python", "unsupportedclassversionerror"],
        NO_RUNTIME,
    ),
    (&["requires python", "requires node", "node.js version"], NO_RUNTIME),
    (
        &[
            "cannot find module",
            "err_module_not_found",
            "cannot find package",
            "modulenotfounderror",
            "no module named",
            "can't open file",
            "importerror",
            "unable to access jarfile",
        ],
        MODULE_MISSING,
    ),
];

/// The code for a server that exited with this status before it answered.
pub(crate) fn cause(status: Option<i32>, shell: bool, lines: &[String]) -> Code {
    let text = lines.join("\n").to_lowercase();
    if text.starts_with("env: ") && text.contains("no such file") {
        return NO_INTERPRETER;
    }
    if shell && status == Some(127) {
        return SHELL_NOT_FOUND;
    }
    let said = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if let Some((_, code)) = SAYINGS.iter().find(|(words, _)| said(words)) {
        return *code;
    }
    if lines.iter().any(|line| lacks_variable(line)) { VARIABLE_MISSING } else { EXITED_EARLY }
}

/// Whether a line says that a variable is missing.
fn lacks_variable(line: &str) -> bool {
    let lower = line.to_lowercase();
    let lacks =
        ["not set", "required", "missing", "must be set", "must set", "please set", "provide"];
    let lacks = lacks.iter().any(|word| lower.contains(word)) || line.starts_with("KeyError:");
    let is_name = |word: &str| {
        let usual = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
        word.len() > 4
            && word.contains('_')
            && word.starts_with(|letter: char| letter.is_ascii_uppercase())
            && word.chars().all(|letter| usual(letter) || letter == '_')
    };
    let words = line.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    lacks && words.into_iter().any(is_name)
}

/// Whether a line says that a server listens for HTTP.
pub(crate) fn serves_http(line: &str) -> bool {
    let lower = line.to_lowercase();
    let listens = ["listening", "running", "started", "serving", "available", "ready"];
    let place = ["http://", "https://", " on port ", "localhost:", "0.0.0.0:", "127.0.0.1:"];
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    has(&listens) && has(&place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_understood() {
        for (status, shell, words, number) in [
            (1, false, "Error: Cannot find module '/x/server.js'", 204),
            (1, false, "ModuleNotFoundError: No module named 'mcp'", 204),
            (2, false, "python: can't open file '/x.py': [Errno 2] No such file", 204),
            (1, false, "Error: listen EADDRINUSE: address already in use :::3000", 205),
            (1, false, "npm error code E404\nnpm error 404 Not Found - GET https://…", 207),
            (1, false, "  × No solution found when resolving tool dependencies:", 207),
            (1, false, "npm error code EBADENGINE", 209),
            (1, false, "Error: GITHUB_TOKEN environment variable is required", 208),
            (1, false, "KeyError: 'OPENAI_API_KEY'", 208),
            (1, false, "Error: something is required", 202),
            (127, true, "/bin/sh: 1: nope: not found", 203),
            (127, false, "env: 'nope': No such file or directory", 106),
            (3, false, "", 202),
        ] {
            let lines: Vec<String> = words.lines().map(str::to_owned).collect();
            assert_eq!(cause(Some(status), shell, &lines).number, number, "{words}");
        }
    }

    #[test]
    fn servers_of_http_say_so() {
        for line in [
            "Server running on http://localhost:3000",
            "INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
            "Listening on port 8080",
        ] {
            assert!(serves_http(line), "{line}");
        }
        for line in ["Starting default (STDIO) server...", "see https://example.com/docs"] {
            assert!(!serves_http(line), "{line}");
        }
    }
}
