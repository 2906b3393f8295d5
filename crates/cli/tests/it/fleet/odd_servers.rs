//! Lists that are long, oddly named, or never end; cursors that were never given out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::config_file::{At, Folder, entry, file, serve};

/// A file of servers with these lists, called `a`, `b` and so on.
fn lists(folder: &Folder, kinds: &[&str]) {
    let names = ["a", "b", "c"];
    let servers: Vec<_> = names
        .iter()
        .zip(kinds)
        .map(|(name, kind)| entry(name, &format!("lists {kind}"), ""))
        .collect();
    folder.write("mcp.json", file(&servers, ""));
}

#[test]
fn oddly_named_tools_are_listed_once_and_called_by_their_names() {
    let folder = Folder::new();
    lists(&folder, &["odd", "odd", "loops"]);
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let own = At::open(&proxy, "/servers/a/mcp").tools(&proxy);
    assert!(own.iter().any(String::is_empty) && own.iter().any(|name| name.len() == 301));
    let session = At::open(&proxy, "/mcp");
    let merged = session.tools(&proxy);
    assert_eq!(merged.len(), 2 * own.len() + 10);
    assert_eq!(merged.iter().collect::<BTreeSet<_>>().len(), merged.len());
    for (server, listed) in ["a", "b"].iter().zip(merged.chunks(own.len())) {
        for (own, merged) in own.iter().zip(listed) {
            assert!(merged.starts_with(&format!("{server}__")) && merged.len() <= 64, "{merged}");
            let answer = session.ask(&proxy, "tools/call", &json!({ "name": merged }));
            assert_eq!(answer["result"]["content"][0]["text"], **own, "{merged}: {answer}");
        }
    }
    for unknown in ["c__", "c__none", "a__tool1", "d__a.b", "__", "a_"] {
        let answer = session.ask(&proxy, "tools/call", &json!({ "name": unknown }));
        assert_eq!(answer["error"]["code"], -32602, "{unknown}: {answer}");
    }
}

#[test]
fn a_cursor_that_comes_round_and_pages_that_overlap_end() {
    let folder = Folder::new();
    lists(&folder, &["loops", "overlaps", "loops"]);
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let pages = At::open(&proxy, "/mcp").all_tools(&proxy);
    let expected: Vec<String> = ["a", "b", "c"]
        .iter()
        .flat_map(|server| (0..10).map(move |tool| format!("{server}__tool{tool}")))
        .collect();
    assert_eq!(pages, [expected]);
}

#[test]
fn ten_thousand_tools_come_in_pages_and_none_is_missing() {
    let folder = Folder::new();
    lists(&folder, &["30", "10000", "30"]);
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let session = At::open(&proxy, "/mcp");
    let pages = session.all_tools(&proxy);
    assert!(pages.iter().all(|page| page.len() <= 1000));
    assert!(pages.len() < 13, "{}", pages.len());
    let (all, counts) = (pages.concat(), [("a", 30), ("b", 10_000), ("c", 30)]);
    let expected = counts
        .iter()
        .flat_map(|(server, count)| (0..*count).map(move |tool| format!("{server}__tool{tool}")));
    assert!(
        all.iter().map(String::as_str).eq(expected.collect::<Vec<_>>().iter().map(String::as_str))
    );
    assert_eq!(session.call(&proxy, "b__tool9999", "{}"), "tool9999");
}

#[test]
fn cursors_that_nobody_was_given_are_refused() {
    let folder = Folder::new();
    lists(&folder, &["1500", "1500"]);
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let session = At::open(&proxy, "/mcp");
    let first = session.ask(&proxy, "tools/list", &json!({}));
    let cursor = first["result"]["nextCursor"].as_str().expect("a cursor").to_owned();
    let mut forged: Vec<Value> = ["", "500", "AAAA", "\u{1f600}"].map(Value::from).to_vec();
    forged.push(cursor.to_lowercase().into());
    forged.push(cursor[..cursor.len() - 4].into());
    forged.extend([json!(500), json!({ "at": 500 }), json!("x".repeat(100_000))]);
    for cursor in &forged {
        let answer = session.ask(&proxy, "tools/list", &json!({ "cursor": cursor }));
        assert_eq!(answer["error"]["code"], -32602, "{cursor}: {answer}");
    }
    // It is valid for its own list at its own endpoint, for any client.
    for (path, method) in [("/mcp", "prompts/list"), ("/mcp?servers=a,b", "tools/list")] {
        let answer = At::open(&proxy, path).ask(&proxy, method, &json!({ "cursor": cursor }));
        assert_eq!(answer["error"]["code"], -32602, "{path} {method}: {answer}");
    }
    let next = At::open(&proxy, "/mcp").ask(&proxy, "tools/list", &json!({ "cursor": cursor }));
    assert!(next["result"]["tools"].as_array().is_some_and(|tools| !tools.is_empty()), "{next}");
}
