//! `--checkConfig` and `--configSchema`: their output, and that nothing is started.

use std::fs;

use super::config_file::Folder;

/// A file of each client: its name, the value of `--config` for it, the client's name in the
/// report, and its content.
const DIALECTS: &[(&str, &str, &str, &str)] = &[
    (
        ".config/Claude/claude_desktop_config.json",
        "claude-desktop",
        "Claude Desktop",
        r#"{ "mcpServers": { "files": { "command": "npx", "args": ["-y", "files"], "env": { "T": "${TOKEN}" } } } }"#,
    ),
    (
        ".claude.json",
        "claude-code",
        "Claude Code",
        r#"{ "numStartups": 3, "mcpServers": { "files": { "command": "npx", "args": ["-y", "files"] },
             "remote": { "type": "http", "url": "https://h/mcp", "headers": { "A": "Bearer ${TOKEN}" }, "timeout": 5000 } } }"#,
    ),
    (
        ".config/Code/User/mcp.json",
        "vscode",
        "VS Code",
        "{ // who we are\n \"inputs\": [{ \"type\": \"promptString\", \"id\": \"key\", \"password\": true, }],\n \
           \"servers\": { \"files\": { \"type\": \"stdio\", \"command\": \"npx\", \"args\": [\"-y\", \"files\"], \
           \"env\": { \"K\": \"${input:key}\", \"T\": \"${env:TOKEN}\" }, }, }, /* done */ }",
    ),
    (
        ".cursor/mcp.json",
        "cursor",
        "Cursor",
        r#"{ "mcpServers": { "files": { "command": "npx", "args": ["-y", "files"], "env": { "T": "${env:TOKEN}" } } } }"#,
    ),
    (
        ".codeium/windsurf/mcp_config.json",
        "windsurf",
        "Windsurf",
        r#"{ "mcpServers": { "files": { "command": "npx", "args": ["-y", "files"] },
             "remote": { "serverUrl": "https://h/mcp", "headers": { "A": "${env:TOKEN}" } } } }"#,
    ),
    (
        ".gemini/settings.json",
        "gemini",
        "Gemini CLI",
        r#"{ "mcpServers": { "files": { "command": "npx", "args": ["-y", "files"], "env": { "T": "$TOKEN" } },
             "remote": { "httpUrl": "https://h/mcp" } } }"#,
    ),
    (
        ".codex/config.toml",
        "codex",
        "Codex",
        "model = \"x\"\n[mcp_servers.files]\ncommand = \"npx\"\nargs = [\"-y\", \"files\"]\nenv = { T = \"${TOKEN}\" }\n",
    ),
    (
        ".config/zed/settings.json",
        "zed",
        "Zed",
        "{ \"theme\": \"One\",\n // servers\n \"context_servers\": { \"files\": { \"source\": \"custom\", \"command\": \"npx\", \"args\": [\"-y\", \"files\"] } }, }",
    ),
    (
        "cline_mcp_settings.json",
        "",
        "Cline",
        r#"{ "mcpServers": { "files": { "command": "npx", "args": ["-y", "files"], "autoApprove": ["x"], "timeout": 60 } } }"#,
    ),
    (
        ".roo/mcp.json",
        "",
        "Roo Code",
        r#"{ "mcpServers": { "files": { "command": "npx", "args": ["-y", "files"], "alwaysAllow": ["x"] } } }"#,
    ),
    (
        "mcp.json",
        "",
        "mcpServers",
        r#"{ "mcpServers": { "files": { "command": "npx", "args": ["-y", "files"] } } }"#,
    ),
];

#[test]
#[cfg(target_os = "linux")]
fn every_client_is_known_by_its_file_and_its_file_by_its_name() {
    let folder = Folder::new();
    for (file, client, dialect, text) in DIALECTS {
        let path = folder.write(file, text);
        let before = fs::read(&path).unwrap();
        let path = path.to_str().unwrap();
        let lines = [Some(path), Some(*client).filter(|client| !client.is_empty())];
        for place in lines.into_iter().flatten() {
            let ended = folder.run(&["--checkConfig", "--config", place, "--input", "key=s3cr3t"]);
            assert_eq!(ended.code, Some(0), "{place}: {ended:?}");
            let first = ended.stdout.lines().next().unwrap();
            assert_eq!(first, format!("{path}: {dialect}"));
            assert!(ended.stdout.contains("\n  files "), "{ended:?}");
            assert!(ended.stdout.contains("  npx -y files\n"), "{ended:?}");
            assert!(!ended.stdout.contains("s3cr3t"), "{ended:?}");
            assert_eq!(ended.stderr, "");
        }
        assert_eq!(fs::read(path).unwrap(), before, "the file is never written to");
    }
}

#[test]
fn a_report_has_settings_servers_and_what_is_not_used() {
    let folder = Folder::new();
    folder.write(
        "mcp.json",
        r#"{ "mcpServers": {
  "files": { "command": "npx", "args": ["--token", "${TOKEN}", "x"], "color": "red", "env": { "A": "s3cr3t" },
             "mcp-proxy": { "isolation": "session", "tools": { "allow": ["read_*"], "rename": { "read_file": "read" } } } },
  "far": { "type": "http", "url": "https://h/${TOKEN}?key=s3cr3t", "headers": { "A": "s3cr3t" }, "mcp-proxy": { "lazy": true } },
  "unset": { "command": "${NO_SUCH_VARIABLE}" },
  "off": { "command": "c", "disabled": true },
  "me": { "command": "npx", "args": ["mcp-proxy", "--config", "mcp.json"] } },
 "theme": "dark",
 "mcp-proxy": { "port": 8080, "apiKey": "${TOKEN}", "groups": { "safe": ["files", "me"] } } }"#,
    );
    let ended = folder.run(&["--checkConfig", "mcp.json"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "");
    let expected = r#"mcp.json: mcpServers

Settings
  port 8080
  apiKey ***
  group safe: files

Servers
  files  npx --token *** x
         env A=***
         isolation session
         only tools read_*
         tool read_file is called read
  far    https://h/***?key=***
         transport stream
         header A: ***
         lazy
  unset  cannot be served: mcp.json:5:26: the variable "NO_SUCH_VARIABLE" is not set
  off    switched off

Not used
  mcpServers.files.color (2:70)
  theme (from 8:2 on)

Warnings
  mcp.json:7:3: the server "me" is this proxy itself, so it is left out

2 of 3 servers can be served
"#;
    assert_eq!(ended.stdout, expected);
}

#[test]
fn inputs_are_given_or_in_the_environment() {
    let folder = Folder::new();
    folder.write(
        "mcp.json",
        r#"{ "servers": { "a": { "command": "c", "args": ["${input:one}", "${input:the-token}"] } } }"#,
    );
    let line = ["--checkConfig", "--config", "mcp.json"];
    let ended = folder.run(&line);
    assert_eq!(ended.code, Some(1));
    let expected = "mcp.json:1:49: the input \"one\" has no value; give it with --input or type it at the start";
    assert!(ended.stdout.contains(expected), "{ended:?}");
    let output = folder.command(&line).args(["--input", "one=1"]).env("THE_TOKEN", "x").output();
    assert_eq!(output.unwrap().status.code(), Some(0));
    let ended = folder.run(&[&line[..], &["--input", "s3cr3t"]].concat());
    assert!(ended.stderr.starts_with("Error: --input takes id=value"), "{ended:?}");
}

#[test]
fn nothing_is_started_by_a_check() {
    let folder = Folder::new();
    let text = r#"{ "mcpServers": { "a": { "command": "touch", "args": ["started"] } }, "mcp-proxy": { "port": 0 } }"#;
    folder.write("mcp.json", text);
    assert_eq!(folder.run(&["--checkConfig", "mcp.json"]).code, Some(0));
    assert!(!folder.path("started").exists());
}

#[test]
fn the_schema_is_the_one_in_the_repository() {
    let ended = Folder::new().run(&["--configSchema"]);
    assert_eq!(ended.code, Some(0));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.schema.json");
    let kept = fs::read_to_string(file).unwrap().replace('\r', "");
    assert!(ended.stdout == kept, "cargo build --workspace && node scripts/flags.mjs writes it");
}
