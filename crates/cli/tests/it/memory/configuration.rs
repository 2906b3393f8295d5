//! Files of servers, as they are read again when they change.

use std::fs;

use super::{
    Watch,
    shapes::{Shape, documents, filled, numbered},
};
use crate::support::{Launch, fixture, wait_for};

/// What may be in such a file besides servers, and within one.
fn json() -> Vec<Shape> {
    let mut all = documents("{", "}");
    all.extend(documents(r#"{"mcpServers":{"s":{"command":"x","env":{"#, "}}}}"));
    let server = |number: &str| format!(r#""s{number}":{{"command":"x"}}"#);
    let (one, last) = (format!("{},", server("#")), format!("{}}}}}", server("last")));
    all.push(("servers", numbered(r#"{"mcpServers":{"#, &one, &last)));
    all.push(("comments", filled("{", "//,\n", "}")));
    all
}

fn toml() -> Vec<Shape> {
    vec![
        ("numbers in an array", filled("a = [", "1,", "1]")),
        ("empty tables in an array", filled("a = [", "{},", "{}]")),
        ("empty arrays in an array", filled("a = [", "[],", "[]]")),
        ("arrays in arrays", filled("a = ", "[", "")),
        ("many members", numbered("", "a# = 1\n", "")),
        ("one member again and again", filled("", "a = 1\n", "")),
        ("members of members", numbered("", "a#.b = 1\n", "")),
        ("a long path", filled("", "a.", "b = 1")),
        ("a long path of a table", filled("[", "a.", "b]")),
        ("many tables", numbered("", "[a#]\n", "")),
        ("tables in an array", filled("", "[[a]]\n", "")),
        ("a long string", filled("a = \"", "x", "\"")),
        ("a long string of lines", filled("a = '''", ",\n", "'''")),
        ("a string of escapes", filled("a = \"", "\\u0061", "\"")),
        ("comments", filled("", "#=\n", "")),
        ("line breaks", filled("", "\n", "")),
        ("words", filled("", "a\n", "")),
        ("spaces", filled("", " ", "")),
    ]
}

fn read_again(name: &str, first: &str, shapes: Vec<Shape>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    fs::write(&file, first.replace("PROGRAM", &fixture().display().to_string())).expect("a file");
    let proxy = Launch::of(&[]).flag("--config", &file).start();
    let answers = || {
        let printed = [proxy.stdout.so_far(), proxy.stderr.so_far()];
        printed.iter().flat_map(|all| all.lines()).filter(|line| line.contains(name)).count()
    };
    let reload = |text: &[u8]| {
        let before = answers();
        fs::write(&file, text).expect("a file");
        proxy.signal("HUP");
        wait_for("the file is read", || (answers() > before).then_some(()));
    };
    // What it takes once.
    reload(b"{");
    let mut watch = Watch::on(&proxy);
    for shape in shapes {
        watch.during(&shape, reload);
    }
    watch.end();
}

#[test]
fn a_configuration_of_json() {
    let first = r#"{"mcpServers":{"a":{"command":"PROGRAM","args":["echo"]}}}"#;
    read_again("mcp.json", first, json());
}

#[test]
fn a_configuration_of_toml() {
    let first = "[mcp_servers.a]\ncommand = 'PROGRAM'\nargs = ['echo']\n";
    read_again("mcp.toml", first, toml());
}
