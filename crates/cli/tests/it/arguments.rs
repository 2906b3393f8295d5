//! The real binary: exit codes, and which text goes to which stream.

use std::{
    env,
    process::{Command, Output},
};

use mcp_proxy_core::{VERSION, config};

const HEADINGS: [&str; 12] = [
    "Serving",
    "Config",
    "Upstream",
    "Security",
    "Sessions",
    "Limits",
    "Timeouts",
    "Tunnel",
    "Calling",
    "Diagnostics",
    "Spelling",
    "Examples",
];

/// Runs the binary with these `MCP_PROXY_*` variables, and none of the tests' own.
fn run_in(line: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-proxy"));
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().to_uppercase().starts_with("MCP_PROXY") {
            command.env_remove(name);
        }
    }
    command.args(line).envs(variables.iter().copied()).output().expect("the binary runs")
}

fn run(line: &[&str]) -> Output {
    run_in(line, &[])
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is text")
}

/// What a refused command line prints on stderr; stdout must be empty and the exit code 1.
fn refusal_in(line: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run_in(line, variables);
    assert_eq!(output.status.code(), Some(1), "{line:?}");
    assert_eq!(text(&output.stdout), "", "{line:?}");
    text(&output.stderr).to_owned()
}

fn refusal(line: &[&str]) -> String {
    refusal_in(line, &[])
}

fn help(columns: &str) -> String {
    let output = run_in(&["--help"], &[("COLUMNS", columns)]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout).to_owned()
}

#[test]
fn version_begins_with_the_version_alone() {
    for line in [vec!["--version"], vec!["-V"], vec!["--port", "x", "--version"]] {
        let output = run(&line);
        assert_eq!(output.status.code(), Some(0), "{line:?}");
        assert_eq!(text(&output.stdout).lines().next(), Some(VERSION), "{line:?}");
        assert_eq!(text(&output.stderr), "", "{line:?}");
    }
    assert_eq!(text(&run(&["-V"]).stdout), format!("{VERSION}\n"));
    let long = run(&["--version"]);
    for line in ["commit ", "target ", "features "] {
        assert!(text(&long.stdout).contains(line), "{line}");
    }
}

#[test]
fn help_has_every_section_in_order_and_fits_the_terminal() {
    for (columns, width) in [("80", 80), ("100", 100), ("120", 120), ("200", 120)] {
        let help = help(columns);
        let places: Vec<_> =
            HEADINGS.iter().map(|heading| help.find(&format!("\n{heading}:\n"))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{columns}: {places:?}");
        for line in help.lines() {
            assert!(line.chars().count() <= width, "wider than {columns}: {line}");
            assert_eq!(line, line.trim_end(), "{columns}");
        }
    }
}

#[test]
fn help_shows_the_camel_case_names_with_defaults_and_choices() {
    let help = help("120");
    let port = format!(
        "--port <n> Port to listen on; with 0 the system chooses one, and the start prints it [default: {}]",
        config::DEFAULT_PORT
    );
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&port), "{help}");
    assert!(words.contains("[choices: legacy, auto, modern] [default: legacy]"), "{help}");
    assert!(!help.contains("--stream-endpoint"), "{help}");
}

#[test]
fn no_command_is_answered_with_the_originals_lines() {
    let expected = "\
Error: No command specified.
Usage: mcp-proxy [options] -- <command> [args...]
   or: mcp-proxy <command> [args...]

Examples:
  mcp-proxy --port 8080 -- node server.js --port 3000
  mcp-proxy node server.js
";
    for line in [vec![], vec!["--"], vec!["--port", "1"], vec!["--debug", "--"]] {
        assert_eq!(refusal(&line), expected, "{line:?}");
    }
}

#[test]
fn a_bad_choice_is_answered_in_the_originals_words() {
    let expected =
        "Invalid values:\n  Argument: server, Given: \"foo\", Choices: \"sse\", \"stream\"\n";
    assert_eq!(refusal(&["--server", "foo", "node"]), expected);
    assert_eq!(refusal_in(&["node"], &[("MCP_PROXY_SERVER", "foo")]), expected);
}

#[test]
fn a_mistyped_flag_is_answered_with_the_nearest_one() {
    for (word, nearest) in [
        ("--apikey", "--apiKey"),
        ("--requestTimout", "--requestTimeout"),
        ("--no-moden", "--no-modern"),
    ] {
        let refusal = refusal(&[word, "node"]);
        let expected = format!("Error: unknown flag {word}; did you mean {nearest}?\n");
        assert!(refusal.starts_with(&expected), "{refusal}");
        assert!(refusal.contains("mcp-proxy --help"), "{refusal}");
    }
    assert!(refusal(&["-y", "pkg"]).starts_with("Error: unknown flag -y\n"));
}

#[test]
fn every_usage_error_ends_with_exit_code_1() {
    for (line, expected) in [
        (
            vec!["--port", "http", "node"],
            "Error: --port must be a number from 0 to 65535 (got NaN).\n",
        ),
        (
            vec!["--port", "65536", "node"],
            "Error: --port must be a number from 0 to 65535 (got 65536).\n",
        ),
        (vec!["--port"], "Error: --port needs a value\n"),
        (vec!["--apiKey=", "node"], "Error: --apiKey must be a non-empty text"),
        (
            vec!["--eventStoreMaxEvents", "0"],
            "Error: --eventStoreMaxEvents must be a number >= 1 (got 0). Use --no-eventStore",
        ),
        (
            vec!["--maxBodySize", "-1"],
            "Error: --maxBodySize must be a number >= 0 (got -1). Use --maxBodySize 0",
        ),
        (
            vec!["--sessionIdleTimeout", "x"],
            "Error: --sessionIdleTimeout must be a number >= 0 (got NaN). Use",
        ),
        (
            vec!["--debug=perhaps", "node"],
            "Error: --debug must be true, 1, yes, on, false, 0, no or off (got perhaps).\n",
        ),
        (vec!["--no-debug=1", "node"], "Error: --no-debug takes no value\n"),
        (vec!["--streamEndpoint=", "--sseEndpoint=", "node"], "Error: nothing to serve"),
        (vec!["--sslCert", "a", "node"], "Error: HTTPS needs both"),
    ] {
        let refusal = refusal(&line);
        assert!(refusal.starts_with(expected), "{line:?}: {refusal}");
    }
}

#[test]
fn a_bad_variable_is_named() {
    for (name, value) in [
        ("MCP_PROXY_MODERN", "maybe"),
        ("MCP_PROXY_PORT", "tcp://10.0.0.1:8080"),
        ("MCP_PROXY_API_KEY", ""),
        ("MCP_PROXY_MAX_BODY_SIZE", "10MB"),
    ] {
        let refusal = refusal_in(&["node"], &[(name, value)]);
        assert!(refusal.ends_with(&format!("\n  given: {name}={value}\n")), "{refusal}");
    }
}
