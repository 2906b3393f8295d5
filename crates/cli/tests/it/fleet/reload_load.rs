//! A file that changes while its servers are called: no call and no session is lost.

use serde_json::Value;

use super::{
    config_file::{At, Folder, entry, file, serve},
    load::under_load,
};
use crate::support::wait_for;

#[test]
fn a_reload_under_load_loses_no_call_and_no_session() {
    let folder = Folder::new();
    let servers = |round: usize| {
        let changed = format!(r#""env": {{ "ROUND": "{round}" }}"#);
        let mut servers =
            vec![entry("a", "echo", ""), entry("b", "echo", &changed), entry("c", "echo", "")];
        let filler =
            |number| entry(&format!("x{number}"), "echo", r#""mcp-proxy": { "lazy": true }"#);
        servers.extend((0..10).map(filler));
        // A server is added and removed meanwhile.
        servers.push(entry(&format!("guest{round}"), "echo", ""));
        file(&servers, &format!(r#"{{ "maxSessions": {} }}"#, 100 + round))
    };
    folder.write("mcp.json", servers(0));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let kept = At::open(&proxy, "/servers/a/mcp").call(&proxy, "pid", "{}");
    let restarted = At::open(&proxy, "/servers/b/mcp");
    let fared = under_load(&proxy, &["a", "b", "c"], || {
        for round in 1..=3 {
            let before = restarted.call(&proxy, "pid", "{}");
            folder.write("mcp.json", servers(round));
            proxy.signal("HUP");
            wait_for("another server has taken its place", || {
                (restarted.call(&proxy, "pid", "{}") != before).then_some(())
            });
            let guest = At::open(&proxy, &format!("/servers/guest{round}/mcp"));
            assert!(guest.tools(&proxy).contains(&"echo".to_owned()));
        }
    });
    for fared in fared {
        assert_eq!(fared.failed, Vec::<Value>::new(), "{fared:?}");
        assert!(fared.answered > 0, "{fared:?}");
    }
    assert_eq!(At::open(&proxy, "/servers/a/mcp").call(&proxy, "pid", "{}"), kept);
}
