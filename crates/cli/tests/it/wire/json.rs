//! Answers in plain JSON, for clients that accept nothing else and with `--jsonResponse`.

use crate::support::{Launch, Modern, Proxy, Request, Session};

const BOTH: &str = "application/json, text/event-stream";
const WORK: &str = r#"{"jsonrpc":"2.0","id":"w","method":"tools/call","params":{"name":"work","_meta":{"progressToken":7}}}"#;
const DONE: &str =
    r#"{"jsonrpc":"2.0","id":"w","result":{"content":[{"type":"text","text":"done"}]}}"#;

/// Flags, `Accept`, and whether the answer is JSON.
type Asked = (&'static [&'static str], Option<&'static str>, bool);

const ASKED: [Asked; 14] = [
    (&[], Some(BOTH), false),
    (&[], Some("*/*"), false),
    (&[], None, false),
    (&[], Some("text/event-stream"), false),
    (&[], Some("application/json"), true),
    (&[], Some("application/json; charset=utf-8"), true),
    (&[], Some("APPLICATION/JSON"), true),
    (&[], Some("application/*;q=0.5"), true),
    (&[], Some("*/*, text/event-stream;q=0"), true),
    (&["--jsonResponse"], Some(BOTH), true),
    (&["--json-response"], Some("*/*"), true),
    (&["--jsonResponse", "true"], None, true),
    (&["--jsonResponse"], Some("text/event-stream"), false),
    (&["--no-jsonResponse"], Some(BOTH), false),
];

fn accepting(request: Request, accept: Option<&str>) -> Request {
    match accept {
        Some(accept) => request.header("Accept", accept),
        None => request.without("Accept"),
    }
}

#[test]
fn the_body_is_what_the_last_event_would_be_and_the_rest_goes_to_the_stream_of_get() {
    for (flags, accept, is_json) in ASKED {
        let case = format!("{flags:?} {accept:?}");
        let proxy = Launch::new("progress 3").flags(flags).start();
        let session = Session::open_as(&proxy, "2025-06-18");
        let mut standalone = session.listen();
        let response = proxy.send(&accepting(session.request(WORK), accept));
        let kind = response.header("content-type").unwrap_or_default();
        assert_eq!(kind.starts_with("application/json"), is_json, "{case}: {kind}");
        let messages = response.messages();
        assert_eq!(messages.last().map(String::as_str), Some(DONE), "{case}");
        assert_eq!(messages.len(), if is_json { 1 } else { 4 }, "{case}");
        if is_json {
            for number in 1..=3 {
                let progress = standalone.expect();
                let expected = format!(r#""progressToken":7,"progress":{number}"#);
                assert!(progress.contains(&expected), "{case}: {progress}");
            }
        }
    }
}

#[test]
fn what_came_before_the_stream_of_get_is_open_waits_for_it() {
    let proxy = Launch::new("progress 2").flags(&["--jsonResponse"]).start();
    let session = Session::open_as(&proxy, "2025-06-18");
    assert_eq!(session.post(WORK).text(), DONE);
    let mut standalone = session.listen();
    assert!(standalone.expect().contains(r#""progress":1"#));
    assert!(standalone.expect().contains(r#""progress":2"#));
}

#[test]
fn a_client_of_the_newer_era_gets_what_it_accepts() {
    for (flags, accept, is_json) in ASKED {
        let case = format!("{flags:?} {accept:?}");
        let proxy = Launch::new("progress 3").flags(flags).start();
        let request = Modern::call("work", "{}").meta(r#""progressToken":7"#).request();
        let response = proxy.send(&accepting(request, accept));
        assert_eq!(response.status, 200, "{case}: {}", response.text());
        let kind = response.header("content-type").unwrap_or_default();
        assert_eq!(kind.starts_with("application/json"), is_json, "{case}: {kind}");
        let messages = response.messages();
        assert!(messages.last().is_some_and(|last| last.contains("done")), "{case}");
        assert_eq!(messages.len(), if is_json { 1 } else { 4 }, "{case}");
    }
}

#[test]
fn an_error_of_the_newer_era_keeps_its_status_in_json() {
    for flags in [&[][..], &["--jsonResponse"]] {
        let proxy = Launch::new("echo").flags(flags).start();
        for accept in [BOTH, "application/json", "*/*"] {
            let request = Modern::new("resources/subscribe").request().header("Accept", accept);
            let response = proxy.send(&request);
            assert_eq!(response.status, 404, "{flags:?} {accept}: {}", response.text());
            assert_eq!(response.json()["error"]["code"], -32601, "{flags:?} {accept}");
        }
    }
}

#[test]
fn a_subscription_needs_events() {
    let proxy = Launch::new("list-changed").flags(&["--jsonResponse"]).start();
    let listen = || {
        Modern::new("subscriptions/listen")
            .params(r#""notifications":{"toolsListChanged":true}"#)
            .request()
    };
    let refused = proxy.send(&listen().header("Accept", "application/json"));
    assert_eq!(refused.status, 406, "{}", refused.text());
    let mut stream = proxy.stream(&listen().header("Accept", BOTH));
    assert!(stream.expect().contains("acknowledged"));
}

#[test]
fn who_accepts_neither_is_refused_in_both_eras() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    for accept in ["text/html", "application/xml, text/plain", "*/*;q=0", "application/json;q=0"] {
        let legacy = session.request(WORK).header("Accept", accept);
        assert_eq!(proxy.send(&legacy).status, 406, "{accept}");
        let modern = Modern::call("echo", "{}").request().header("Accept", accept);
        assert_eq!(proxy.send(&modern).status, 406, "{accept}");
    }
}
