//! 2026-07-28: `subscriptions/listen` with a handshake server.

use serde_json::{Value, json};

use crate::support::{EventStream, Launch, Modern, Proxy, wait_for};

const ID: &str = "io.modelcontextprotocol/subscriptionId";

fn listen(id: &str, filter: &str) -> Modern {
    Modern::new("subscriptions/listen").id(id).params(&format!(r#""notifications":{filter}"#))
}

fn open(proxy: &Proxy, id: &str, filter: &str) -> (EventStream, Value) {
    let mut stream = proxy.stream(&listen(id, filter).request());
    let first = message(&stream.expect());
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["_meta"][ID].to_string(), id);
    let honoured = first["params"]["notifications"].clone();
    (stream, honoured)
}

fn message(text: &str) -> Value {
    serde_json::from_str(text).expect("a message")
}

fn touch(proxy: &Proxy, uri: &str) {
    let answer = Modern::call("touch", &format!(r#"{{"uri":"{uri}"}}"#)).send(proxy);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn the_acknowledgement_comes_first_and_says_what_is_honoured() {
    let proxy = Proxy::of("subscribe");
    let asked = r#"{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["file:///a","file:///a"],"taskIds":["t"],"vendor":true}"#;
    let (stream, honoured) = open(&proxy, "\"s1\"", asked);
    assert_eq!(
        honoured,
        json!({ "toolsListChanged": true, "resourceSubscriptions": ["file:///a"] })
    );
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    assert_eq!(stream.header("mcp-session-id"), None);
    let (_, nothing) = open(&proxy, "7", "{}");
    assert_eq!(nothing, json!({}));
}

#[test]
fn a_resource_that_the_server_refuses_is_not_honoured() {
    let proxy = Proxy::of("eras");
    let asked = r#"{"resourceSubscriptions":["file:///yes","file:///no"]}"#;
    let (_stream, honoured) = open(&proxy, "1", asked);
    assert_eq!(honoured, json!({ "resourceSubscriptions": ["file:///yes"] }));
}

#[test]
fn every_message_is_one_that_was_asked_for_and_names_its_subscription() {
    let proxy = Proxy::of("list-changed");
    let (mut tools, _) = open(&proxy, "\"t\"", r#"{"toolsListChanged":true}"#);
    let (mut both, _) =
        open(&proxy, "1.0", r#"{"promptsListChanged":true,"resourcesListChanged":true}"#);
    for _ in 0..2 {
        assert_eq!(Modern::call("change", "{}").send(&proxy).status, 200);
    }
    for _ in 0..2 {
        let told = message(&tools.expect());
        assert_eq!(told["method"], "notifications/tools/list_changed");
        assert_eq!(told["params"]["_meta"][ID], "t");
        for list in ["prompts", "resources"] {
            let told = both.expect();
            assert!(told.contains(&format!("notifications/{list}/list_changed")), "{told}");
            assert!(told.contains(&format!(r#""{ID}":1.0"#)), "{told}");
        }
    }
}

#[test]
fn updates_are_those_of_the_resources_asked_for() {
    let proxy = Proxy::of("subscribe");
    let (mut a, _) = open(&proxy, "1", r#"{"resourceSubscriptions":["file:///a"]}"#);
    let (mut b, _) = open(&proxy, "1", r#"{"resourceSubscriptions":["file:///b","file:///end"]}"#);
    for uri in ["file:///c", "file:///a", "file:///a/part", "file:///b", "file:///end"] {
        touch(&proxy, uri);
    }
    let uris = |messages: &[String]| -> Vec<String> {
        let uri = |text: &String| message(text)["params"]["uri"].as_str().map(str::to_owned);
        messages.iter().filter_map(uri).collect()
    };
    assert_eq!(uris(&a.until("a/part")), ["file:///a", "file:///a/part"]);
    assert_eq!(uris(&b.until("file:///end")), ["file:///b", "file:///end"]);
}

#[test]
fn a_client_that_leaves_gives_its_resources_up() {
    let proxy = Proxy::of("subscribe");
    let counts =
        || Modern::call("counts", "{}").send(&proxy).json()["result"]["structuredContent"].clone();
    let filter = r#"{"resourceSubscriptions":["file:///a"]}"#;
    let ((one, _), (two, _)) = (open(&proxy, "1", filter), open(&proxy, "2", filter));
    assert_eq!(counts(), json!({ "subscribed": 1, "unsubscribed": 0 }));
    drop(one);
    drop(two);
    wait_for("the last one's leaving is told", || {
        (counts() == json!({ "subscribed": 1, "unsubscribed": 1 })).then_some(())
    });
}

#[test]
fn filters_that_are_none_are_refused() {
    let proxy = Proxy::of("echo");
    let many: Vec<String> = (0..1025).map(|number| format!("\"x:{number}\"")).collect();
    let many = format!(r#"{{"resourceSubscriptions":[{}]}}"#, many.join(","));
    for filter in ["null", "7", "[]", r#"{"toolsListChanged":"yes"}"#, &many] {
        let answer = listen("1", filter).send(&proxy);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (200, &json!(-32602)));
    }
    let answer = Modern::new("subscriptions/listen").send(&proxy);
    assert_eq!(answer.json()["error"]["code"], -32602);
}

#[test]
fn subscriptions_are_limited() {
    let proxy = Proxy::of("echo");
    let streams: Vec<_> = (0..1024).map(|_| open(&proxy, "1", "{}")).collect();
    let answer = listen("\"more\"", "{}").send(&proxy);
    let expected = json!({
        "jsonrpc": "2.0", "id": "more",
        "error": { "code": -32603, "message": "Subscription limit reached" },
    });
    assert_eq!((answer.status, answer.json()), (200, expected));
    drop(streams);
    wait_for("there is room again", || {
        let mut connection = proxy.connect().begin(&listen("1", "{}").request());
        let mut first = Vec::new();
        connection.more(&mut first);
        String::from_utf8_lossy(&first).contains("acknowledged").then_some(())
    });
}

#[test]
fn a_proxy_that_stops_ends_them_with_a_result() {
    let proxy = Proxy::of("echo");
    let (mut stream, _) = open(&proxy, "\"s\"", r#"{"toolsListChanged":true}"#);
    proxy.signal("TERM");
    let expected = json!({
        "jsonrpc": "2.0", "id": "s",
        "result": { "resultType": "complete", "_meta": { ID: "s" } },
    });
    assert_eq!(message(&stream.expect()), expected);
    assert_eq!(stream.message(), None);
}

#[test]
fn subscriptions_outlive_a_restart() {
    let proxy = Launch::new("leaves").flags(&["--restart", "always"]).start();
    let (mut stream, _) = open(&proxy, "1", r#"{"toolsListChanged":true}"#);
    // The list is known, so it is compared with the successor's.
    assert_eq!(Modern::new("tools/list").send(&proxy).status, 200);
    Modern::call("leave", "{}").send(&proxy);
    assert_eq!(Modern::call("echo", r#"{"text":"x"}"#).send(&proxy).status, 200);
    proxy.signal("TERM");
    assert!(stream.until(r#""result""#).last().is_some_and(|last| last.contains("complete")));
}

#[test]
fn with_servers_of_their_own_subscribers_hear_of_all_servers_of_their_principal() {
    let proxy = Launch::new("list-changed").flags(&["--isolation", "session"]).start();
    let mine = |modern: Modern| modern.request().header("Authorization", "Bearer me");
    let mut stream = proxy.stream(&mine(listen("1", r#"{"toolsListChanged":true}"#)));
    assert!(stream.expect().contains("acknowledged"));
    assert_eq!(Modern::call("change", "{}").send(&proxy).status, 200, "somebody else's server");
    let own = Modern::call("change", "{}").capabilities(r#"{"roots":{}}"#);
    assert_eq!(proxy.send(&mine(own)).status, 200);
    proxy.signal("TERM");
    let told = stream.until(r#""result""#);
    assert_eq!(told.len(), 2, "one change and the end: {told:?}");
}
