//! Files that cannot be used: a sentence with the file and the position, exit code 1, and nothing
//! is started.

use std::fs;

use super::config_file::Folder;

/// A file, and the beginning of the sentence about it.
pub(super) const BROKEN: &[(&str, &str, &str)] = &[
    ("empty.json", "", "empty.json: the file is empty"),
    ("cut.json", "{ \"mcpServers\": { \"a\": { \"comm", "cut.json:1:"),
    ("no.json", "{ mcpServers: {} }", "no.json:1:3: this is not valid JSON"),
    ("array.json", "[]", "array.json:1:1: the file contains an array; it must be an object"),
    ("none.json", "{ \"theme\": \"dark\" }", "none.json: no servers are in it"),
    (
        "type.json",
        "{ \"mcpServers\": {\n \"a\": { \"command\": 5 } } }",
        "type.json:2:20: \"mcpServers.a.command\" is a number; it must be a string",
    ),
    (
        "args.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \"c\", \"args\": \"x\" } } }",
        "args.json:1:50: \"mcpServers.a.args\" is a string; it must be an array of strings",
    ),
    (
        "two.json",
        "{ \"mcpServers\": {},\r\n \"servers\": {} }",
        "two.json:2:2: \"servers\" beside \"mcpServers\" at 1:3: these are two clients' ways",
    ),
    (
        "twins.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \"c\" },\n \"a\": { \"command\": \"d\" } } }",
        "twins.json:2:2: \"a\" appears twice; the first one is at 1:19",
    ),
    (
        "unknown.json",
        "{ \"mcpServers\": {}, \"mcp-proxy\": { \"apikey\": \"x\" } }",
        "unknown.json:1:36: \"mcp-proxy.apikey\" is unknown; did you mean \"apiKey\"?",
    ),
    (
        "port.json",
        "{ \"mcpServers\": {}, \"mcp-proxy\": { \"port\": 70000 } }",
        "port.json:1:44: port must be a number from 0 to 65535 (got 70000).",
    ),
    (
        "unset.json",
        "{ \"mcpServers\": {}, \"mcp-proxy\": { \"apiKey\": \"${NO_SUCH_VARIABLE}\" } }",
        "unset.json:1:47: the variable \"NO_SUCH_VARIABLE\" is not set",
    ),
    (
        "group.json",
        "{ \"mcpServers\": {}, \"mcp-proxy\": { \"groups\": { \"g\": [\"a\"] } } }",
        "group.json:1:54: the group \"g\" names the server \"a\", which is not in the file",
    ),
    (
        "deep.json",
        "{ \"mcpServers\": { \"a\": { \"command\": \"c\", \"mcp-proxy\": { \"tools\": { \"alow\": [] } } } } }",
        "deep.json:1:68: \"mcpServers.a.mcp-proxy.tools.alow\" is unknown; did you mean \"allow\"?",
    ),
    ("cut.toml", "[mcp_servers.a]\ncommand = \"c", "cut.toml:2:"),
    (
        "\u{1b}[31mred.json",
        "[]",
        "\u{fffd}[31mred.json:1:1: the file contains an array; it must be an object",
    ),
];

fn refusal(folder: &Folder, file: &str) -> String {
    let ended = folder.run(&["--config", file]);
    assert_eq!(ended.code, Some(1), "{file}: {ended:?}");
    assert_eq!(ended.stdout, "", "{file}");
    let text = ended.stderr.trim_end().to_owned();
    assert!(!text.contains(char::is_control), "{text:?}");
    text.strip_prefix("Error: ").unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn every_broken_file_is_refused_with_its_place() {
    let folder = Folder::new();
    for (file, text, expected) in BROKEN {
        folder.write(file, text);
        let refused = refusal(&folder, file);
        assert!(refused.starts_with(expected), "{refused}\n{expected}");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = Folder::new();
    let refused = |file: &str| refusal(&folder, file);
    fs::create_dir(folder.path("directory")).unwrap();
    assert_eq!(refused("directory"), "directory: this is a directory; --config takes a file");
    assert_eq!(refused("none.json"), "none.json: there is no such file");
    assert_eq!(refused("curser"), "curser: there is no such file; did you mean \"cursor\"?");
    assert!(refused("cursor").contains("although cursor usually keeps its servers there"));
    folder.write("bytes.json", b"{\n \xff}");
    assert!(refused("bytes.json").starts_with("bytes.json:2:2: this byte is not UTF-8"));
    folder.write("wide.json", b"\xff\xfe{\0}\0");
    assert!(refused("wide.json").starts_with("wide.json: the file is UTF-16"));
    folder.write("large.json", vec![b' '; 17 * 1024 * 1024]);
    assert!(refused("large.json").contains("a configuration may have"));
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new();
    let path = folder.write("mcp.json", "{ \"mcpServers\": {} }");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    // The superuser can read everything.
    if fs::read(&path).is_err() {
        let refused = refusal(&folder, "mcp.json");
        assert_eq!(refused, "mcp.json: the file cannot be read: permission denied");
    }
}

/// What the report says about each server of a readable file.
fn servers(folder: &Folder, file: &str) -> Vec<String> {
    let ended = folder.run(&["--checkConfig", file]);
    let (_, rest) = ended.stdout.split_once("\nServers\n").unwrap_or_else(|| panic!("{ended:?}"));
    rest.lines().take_while(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn unusual_files_are_read() {
    let folder = Folder::new();
    folder.write("bom.json", "\u{feff}{ \"mcpServers\": { \"a\": { \"command\": \"c\" } } }");
    assert_eq!(servers(&folder, "bom.json"), ["a  c"]);
    folder.write(
        "crlf.json",
        "{\r\n // a comment\r\n \"mcpServers\": {\r\n \"a\": { \"command\": \"c\" },\r\n },\r\n}\r\n",
    );
    assert_eq!(servers(&folder, "crlf.json"), ["a  c"]);
    let server =
        |index: usize| format!("\"s{index}\": {{ \"command\": \"{}\" }}", "x".repeat(5_000));
    let many: Vec<String> = (0..200).map(server).collect();
    let text = format!("{{ \"mcpServers\": {{ {} }} }}", many.join(",\n"));
    assert!(text.len() > 1_000_000);
    folder.write("many.json", text);
    assert_eq!(servers(&folder, "many.json").len(), 200);
}

#[test]
fn names_are_served_or_fail_alone() {
    let folder = Folder::new();
    folder.write(
        "mcp.json",
        "{ \"mcpServers\": { \"ok\": { \"command\": \"c\" }, \"..\": { \"command\": \"c\" },\n \
         \"a b\": { \"command\": \"c\" }, \"A_B\": { \"command\": \"c\" },\n \
         \"a/b/c\": { \"command\": \"c\" }, \"größe\": { \"command\": \"c\" }, \
         \"\\u001b[31m\": { \"command\": \"c\" } } }",
    );
    let servers = servers(&folder, "mcp.json");
    let of = |name: &str| {
        let line = servers.iter().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name}: {servers:?}")).trim().to_owned()
    };
    for name in ["ok", "a/b/c", "größe", "\u{fffd}[31m"] {
        assert_eq!(of(name), "c");
    }
    assert!(of("..").contains("mcp.json:1:45: a server cannot be served under the name \"..\""));
    for (name, twin) in [("a b", "\"A_B\" (at 2:29)"), ("A_B", "\"a b\" (at 2:2)")] {
        let said = of(name);
        assert!(said.contains(twin) && said.contains("rename one of them"), "{said}");
    }
}
