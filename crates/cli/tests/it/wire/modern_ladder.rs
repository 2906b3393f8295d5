//! 2026-07-28: the checks before a request is served, step by step.

use serde_json::{Value, json};

use crate::support::{LATEST, Launch, MODERN, Modern, Proxy, Request, Response, call};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

fn echo() -> Modern {
    Modern::call("echo", r#"{"text":"hi"}"#)
}

/// Status, code and id of a refusal.
fn refusal(answer: &Response) -> (u16, i64, Value) {
    let error = answer.json();
    assert_eq!(answer.header("mcp-session-id"), None);
    let code = error["error"]["code"].as_i64();
    (answer.status, code.unwrap_or_else(|| panic!("an error: {error}")), error["id"].clone())
}

fn refused(proxy: &Proxy, request: &Request) -> (u16, i64) {
    let (status, code, id) = refusal(&proxy.send(request));
    assert_eq!(id, json!(1), "the id is echoed");
    (status, code)
}

/// The request with another body and the same headers.
fn with_body(modern: &Modern, change: impl Fn(&str) -> String) -> Request {
    modern.request().body(change(&modern.body()))
}

#[test]
fn metadata_comes_first() {
    let proxy = Proxy::of("echo");
    let capabilities = r#""io.modelcontextprotocol/clientCapabilities":{}"#;
    for (from, to) in [
        (capabilities, r#""a":1"#),
        (capabilities, r#""io.modelcontextprotocol/clientCapabilities":[]"#),
        (MODERN, r#"","io.modelcontextprotocol/clientInfo":{"name":"x"},"b":""#),
        ("\"2026-07-28\"", "7"),
        (
            capabilities,
            r#""io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":7"#,
        ),
        // A header with the revision requires metadata with it.
        (VERSION, "a"),
        ("\"_meta\"", "\"meta\""),
    ] {
        let request = with_body(&echo(), |body| body.replacen(from, to, 1));
        // Other faults are not reached.
        for request in [request.clone(), request.header("Mcp-Method", "ping")] {
            let answer = refused(&proxy, &request);
            assert_eq!(answer, (400, -32602), "{from} -> {to}");
        }
    }
    let bare = Request::mcp(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    let bare = bare.header("MCP-Protocol-Version", MODERN);
    assert_eq!(refused(&proxy, &bare), (400, -32602));
}

#[test]
fn client_info_is_not_needed() {
    assert_eq!(echo().send(&Proxy::of("echo")).status, 200);
}

#[test]
fn headers_agree_with_the_body() {
    let proxy = Proxy::of("echo");
    let request = echo().request();
    for (request, fault) in [
        (request.clone().header("MCP-Protocol-Version", "2025-11-25"), "another version"),
        (request.clone().header("MCP-Protocol-Version", "v999"), "an unknown version"),
        (request.clone().and_header("MCP-Protocol-Version", MODERN), "two versions"),
        (request.clone().without("MCP-Protocol-Version"), "no version"),
        (request.clone().header("Mcp-Method", "tools/list"), "another method"),
        (request.clone().header("Mcp-Method", "TOOLS/CALL"), "the method in capitals"),
        (request.clone().without("Mcp-Method"), "no method"),
        (request.clone().without("Mcp-Name"), "no name"),
        (request.clone().header("Mcp-Name", "Echo"), "another name"),
        (request.clone().and_header("Mcp-Name", "echo"), "two names"),
        (request.clone().header("Mcp-Name", "=?base64?ZWNobw?="), "bad padding"),
        (request.clone().header("Mcp-Name", "=?base64?ZWN!bw==?="), "a bad alphabet"),
        (request.clone().header("Mcp-Name", "=?base64?/w==?="), "no text"),
    ] {
        assert_eq!(refused(&proxy, &request), (400, -32020), "{fault}");
    }
    for (request, spelling) in [
        (request.clone().header("Mcp-Name", "  echo \t"), "white space around it"),
        (request.clone().header("Mcp-Name", "=?base64?ZWNobw==?="), "encoded"),
        (request.without("Mcp-Name").header("MCP-NAME", "echo"), "the header in capitals"),
    ] {
        assert_eq!(proxy.send(&request).status, 200, "{spelling}");
    }
}

#[test]
fn a_version_that_is_not_served_is_refused_with_those_that_are() {
    let proxy = Proxy::of("echo");
    for version in ["2027-01-01", "v999", "2025-11-25"] {
        let request = with_body(&echo(), |body| body.replace(MODERN, version));
        let answer = proxy.send(&request.clone().header("MCP-Protocol-Version", version));
        assert_eq!(refusal(&answer), (400, -32022, json!(1)));
        let data = &answer.json()["error"]["data"];
        assert_eq!(*data, json!({ "supported": [MODERN], "requested": version }));
        // Headers and body must agree before the version is checked.
        let disagreeing = request.header("MCP-Protocol-Version", MODERN);
        assert_eq!(refused(&proxy, &disagreeing), (400, -32020));
        // It is checked before missing parts.
        let incomplete = with_body(&echo(), |body| body.replace(MODERN, version));
        let incomplete = incomplete.without("MCP-Protocol-Version").without("Mcp-Name");
        assert_eq!(refused(&proxy, &incomplete), (400, -32022));
    }
}

#[test]
fn methods_that_the_revision_does_not_have_are_404() {
    let proxy = Proxy::of("eras");
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/get",
        "tasks/list",
        "notifications/initialized",
        "unknown/method",
    ] {
        // Before its parameters are checked.
        let answer = Modern::new(method).send(&proxy);
        assert_eq!(refusal(&answer), (404, -32601, json!(1)), "{method}");
    }
}

#[test]
fn an_initialize_that_names_the_revision_by_its_header_alone_is_a_mismatch() {
    let proxy = Proxy::of("echo");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2026-07-28","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}"#;
    let request = Request::mcp(body).header("MCP-Protocol-Version", MODERN);
    assert_eq!(refused(&proxy, &request), (400, -32020));
    // Without the header it is a handshake, which is answered with a revision that has one.
    let answer = proxy.send(&Request::mcp(body)).message();
    assert!(answer.contains(LATEST), "{answer}");
}

#[test]
fn batches_belong_to_the_older_era() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let modern = echo().body();
    for batch in [format!("[{modern}]"), format!("[{},{modern}]", call("2", "echo", "{}"))] {
        for request in [Request::mcp(&*batch), session.request(&*batch)] {
            let answer = proxy.send(&request);
            assert_eq!(answer.status, 400, "{}", answer.text());
            let error = answer.json();
            assert_eq!(error["error"]["code"], -32600);
            assert!(error.get("id").is_none(), "nothing is answered: {error}");
        }
    }
}

#[test]
fn bodies_that_are_nothing_have_no_id() {
    let proxy = Proxy::of("echo");
    for (body, code) in [("{", -32700), ("", -32700), ("{}", -32600), ("7", -32600)] {
        let answer = proxy.send(&Request::mcp(body).header("MCP-Protocol-Version", MODERN));
        let error = answer.json();
        assert_eq!((answer.status, &error["error"]["code"]), (400, &json!(code)), "{body:?}");
        assert!(error.get("id").is_none(), "{error}");
    }
}

#[test]
fn the_content_type_is_json() {
    let proxy = Proxy::of("echo");
    let answer = proxy.send(&echo().request().header("Content-Type", "text/plain"));
    assert_eq!(refusal(&answer), (415, -32000, json!(1)));
}

#[test]
fn accept_and_session_are_ignored() {
    let proxy = Proxy::of("echo");
    for request in [
        echo().request().header("Accept", "*/*"),
        echo().request().without("Accept"),
        echo().request().session("unknown"),
        echo().request().header("Last-Event-ID", "1_1"),
    ] {
        let answer = proxy.send(&request);
        assert_eq!((answer.status, answer.header("mcp-session-id")), (200, None));
    }
}

#[test]
fn notifications_are_accepted_without_headers() {
    let proxy = Proxy::of("echo");
    let body = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":1,"_meta":{{"{VERSION}":"{MODERN}"}}}}}}"#
    );
    let answer = proxy.send(&Request::mcp(body));
    assert_eq!((answer.status, answer.text()), (202, ""));
    let bare = r#"{"jsonrpc":"2.0","method":"notifications/anything"}"#;
    let answer = proxy.send(&Request::mcp(bare).header("MCP-Protocol-Version", MODERN));
    assert_eq!((answer.status, answer.text()), (202, ""));
}

#[test]
fn responses_are_never_of_this_era() {
    let proxy = Proxy::of("echo");
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let answer = proxy.send(&Request::mcp(response).header("MCP-Protocol-Version", MODERN));
    assert_eq!(answer.status, 400);
}

#[test]
fn mirrored_parameters_are_checked_once_the_tool_is_known() {
    let proxy = Proxy::of("eras");
    let call = Modern::call("mirrored", r#"{"region":"eu","count":42}"#);
    assert_eq!(call.send(&proxy).status, 200, "nobody has seen the list yet");
    assert_eq!(Modern::new("tools/list").send(&proxy).status, 200);
    let request = call.request().header("Mcp-Param-Region", "eu").header("Mcp-Param-Count", "42");
    for (request, fault) in [
        (request.clone().without("Mcp-Param-Region"), "missing"),
        (request.clone().header("Mcp-Param-Region", "us"), "another value"),
        (request.clone().header("Mcp-Param-Region", "EU"), "another case"),
        (request.clone().and_header("Mcp-Param-Region", "eu"), "repeated"),
        (request.clone().header("Mcp-Param-Region", "=?base64?ZXU?="), "bad padding"),
        (request.clone().header("Mcp-Param-Count", "41"), "another number"),
    ] {
        assert_eq!(refused(&proxy, &request), (400, -32020), "{fault}");
    }
    for (request, spelling) in [
        (request.clone(), "as it is"),
        (request.clone().header("Mcp-Param-Region", "=?base64?ZXU=?="), "encoded"),
        (request.clone().header("Mcp-Param-Count", "42.0"), "the same number"),
        (request.header("Mcp-Param-Other", "x"), "an unknown one"),
        (Modern::call("mirrored", r#"{"region":null}"#).request(), "nothing to mirror"),
        (Modern::call("plain", r#"{"region":"eu"}"#).request(), "another tool's"),
    ] {
        let answer = proxy.send(&request);
        assert_ne!(answer.json()["error"]["code"], -32020, "{spelling}");
    }
}

#[test]
fn the_revision_can_be_switched_off() {
    let proxy = Launch::new("echo").flags(&["--no-modern"]).start();
    let answer = echo().send(&proxy);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("No valid session ID provided"), "{}", answer.text());
    proxy.session().assert_healthy();
}

#[test]
fn both_eras_are_served_at_once() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    for _ in 0..3 {
        session.assert_healthy();
        assert_eq!(echo().send(&proxy).status, 200);
    }
}

#[test]
fn sessions_need_no_session_mode() {
    let proxy = Launch::new("echo").flags(&["--stateless"]).start();
    assert_eq!(echo().send(&proxy).status, 200);
    assert_eq!(proxy.send(&Request::mcp(call("1", "echo", "{}"))).status, 200);
}
