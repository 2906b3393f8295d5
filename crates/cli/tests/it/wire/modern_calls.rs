//! 2026-07-28 clients of a handshake server: what passes, and what is changed.

use serde_json::{Value, json};

use crate::support::{Launch, Modern, Proxy, call};

const SERVER: &str =
    r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"fixture","version":"1.0.0"}}"#;

#[test]
fn a_result_gets_what_the_revision_requires_and_nothing_else_changes() {
    let proxy = Proxy::of("scripted");
    let answer = Modern::call("numbers", "{}").id("\"a\\u0062\"").send(&proxy);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let expected = format!(
        r#"{{"jsonrpc":"2.0","id":"a\u0062","result":{{"resultType":"complete",{SERVER},"content":[],"structuredContent":{{"big":12345678901234567890,"one":1.0,"huge":1e400,"tiny":-0.0E-7,"negative":-0,"exact":0.1000000000000000055511151231257827}}}}}}"#
    );
    assert_eq!(answer.text(), expected);
}

#[test]
fn the_servers_own_metadata_stays() {
    let answer = Modern::call("vendor", "{}").send(&Proxy::of("scripted")).json();
    let meta = &answer["result"]["_meta"];
    assert_eq!(meta["vendor.example/trace"]["n"], 1.5);
    assert_eq!(meta["io.modelcontextprotocol/serverInfo"]["name"], "fixture");
}

#[test]
fn requests_reach_the_server_in_its_own_words() {
    let proxy = Proxy::of("scripted");
    let answer = Modern::new("vendor/line")
        .params(r#""big":12345678901234567890,"task":{},"inputs":1.0"#)
        .meta(r#""progressToken":"t","traceparent":"00-x","io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"},"io.modelcontextprotocol/logLevel":"error""#)
        .send(&proxy);
    let seen = &answer.json()["result"];
    assert_eq!(seen["method"], "vendor/line");
    let params = &seen["params"];
    assert_eq!(params["_meta"]["traceparent"], "00-x");
    assert_eq!(params["_meta"].as_object().map(serde_json::Map::len), Some(2), "{params}");
    assert!(params.get("task").is_none() && params["inputs"] == 1.0);
    assert!(answer.text().contains("12345678901234567890"));
    let bare = Modern::new("vendor/line").send(&proxy).json();
    assert_eq!(bare["result"]["params"], json!({}));
}

#[test]
fn ids_come_back_as_they_were_spelled() {
    let proxy = Proxy::of("echo");
    for id in ["1", "\"1\"", "1.0", "-0", "\"\\u00e9\""] {
        let answer = Modern::call("echo", r#"{"text":"x"}"#).id(id).send(&proxy);
        assert!(answer.text().starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"#)), "{id}");
    }
}

#[test]
fn discovery_tells_the_handshake() {
    let answer = Modern::new("server/discover").send(&Proxy::of("echo")).json();
    let result = &answer["result"];
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(0), &json!("private")));
    assert_eq!(result["instructions"], "Be kind.");
    assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "fixture");
}

#[test]
fn cache_hints_are_on_the_lists_and_on_resources_only() {
    let proxy = Proxy::of("echo");
    for (method, cacheable) in [
        ("tools/list", true),
        ("prompts/list", true),
        ("resources/list", true),
        ("resources/templates/list", true),
        ("completion/complete", false),
    ] {
        let result = Modern::new(method).send(&proxy).json()["result"].clone();
        assert_eq!(result["resultType"], "complete");
        assert_eq!(result.get("ttlMs").is_some(), cacheable, "{method}");
        assert_eq!(result.get("cacheScope").is_some(), cacheable, "{method}");
    }
}

#[test]
fn a_tool_that_needs_a_task_is_listed_like_any_other() {
    let answer = Modern::new("tools/list").send(&Proxy::of("eras"));
    let tools = answer.json()["result"]["tools"].clone();
    let names: Vec<&str> =
        tools.as_array().expect("tools").iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["mirrored", "tasks-only", "plain"]);
    assert!(!answer.text().contains("execution"));
}

/// The error that a client gets for this error of the server.
fn error(proxy: &Proxy, error: &str) -> (u16, Value) {
    let call = Modern::call("fail", &format!(r#"{{"error":{error}}}"#));
    let answer = call.capabilities(r#"{"elicitation":{"form":{}}}"#).send(proxy);
    (answer.status, answer.json()["error"].clone())
}

#[test]
fn errors_are_told_in_codes_of_the_revision() {
    let proxy = Proxy::of("eras");
    for (given, status, code) in [
        (r#"{"code":-32002,"message":"m","data":{"uri":"x"}}"#, 200, -32602),
        (r#"{"code":-32050,"message":"m"}"#, 200, -32603),
        (r#"{"code":-32601,"message":"m"}"#, 404, -32601),
        (r#"{"code":-32021,"message":"m","data":{"requiredCapabilities":{}}}"#, 400, -32021),
        (r#"{"code":-32042,"message":"m"}"#, 200, -32603),
        (
            r#"{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","url":"x","message":"m","elicitationId":"e"}]}}"#,
            400,
            -32021,
        ),
        (r#"{"code":7,"message":"m"}"#, 200, 7),
    ] {
        let (answered, error) = error(&proxy, given);
        assert_eq!((answered, &error["code"]), (status, &json!(code)), "{given}");
    }
    let (_, error) = error(&proxy, r#"{"code":-32002,"message":"m","data":{"uri":"x"}}"#);
    assert_eq!(error["data"], json!({ "uri": "x" }));
}

#[test]
fn content_is_always_there() {
    let proxy = Proxy::of("eras");
    let call = Modern::call("result", r#"{"result":{"toolResult":{"n":1.0}}}"#);
    let result = call.send(&proxy).json()["result"].clone();
    assert_eq!(result["content"], json!([{ "type": "text", "text": "{\"n\":1.0}" }]));
    let scalar = Modern::call("result", r#"{"result":7}"#).send(&proxy).json();
    assert_eq!(scalar["error"]["code"], -32603);
}

#[test]
fn progress_comes_before_the_result_on_an_event_stream() {
    let proxy = Proxy::of("progress 3");
    for _ in 0..20 {
        let answer = Modern::call("work", "{}").meta(r#""progressToken":"mine""#).send(&proxy);
        assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
        assert_eq!(answer.header("x-accel-buffering"), Some("no"));
        let messages = answer.messages();
        assert_eq!(messages.len(), 4, "{messages:?}");
        for (step, message) in (1..).zip(&messages[..3]) {
            assert!(message.contains(&format!(r#""progressToken":"mine","progress":{step}"#)));
        }
        assert!(messages[3].contains(r#""resultType":"complete""#));
        assert!(answer.events().iter().all(|event| event.id.is_none() && event.retry.is_none()));
    }
    let plain = Modern::call("work", "{}").send(&proxy);
    assert_eq!(plain.header("content-type"), Some("application/json; charset=utf-8"));
}

#[test]
fn the_same_progress_token_is_a_different_one_for_every_request() {
    let proxy = Proxy::of("slow");
    let open = |text: &str| {
        let call = Modern::call("hold", &format!(r#"{{"text":"{text}"}}"#));
        proxy.stream(&call.meta(r#""progressToken":1"#).request())
    };
    std::thread::scope(|scope| {
        let held: Vec<_> = ["one", "two"]
            .map(|text| scope.spawn(move || (text, open(text))))
            .into_iter()
            .collect();
        let session = proxy.session();
        crate::support::wait_for("both calls are held", || {
            session.call("1", "held", "{}").contains(r#""text":"2""#).then_some(())
        });
        session.call("2", "step", "{}");
        session.call("3", "release", "{}");
        for thread in held {
            let (text, mut stream) = thread.join().expect("a stream");
            assert!(stream.expect().contains(r#""progressToken":1,"progress":1"#));
            assert!(stream.expect().contains(text));
            assert_eq!(stream.message(), None);
        }
    });
}

#[test]
fn log_messages_come_with_the_call_that_asked_for_them() {
    let proxy = Proxy::of("log");
    let levels = |level: &str| {
        let call = Modern::call("log", "{}");
        let call = call.meta(&format!(r#""io.modelcontextprotocol/logLevel":"{level}""#));
        let messages = call.send(&proxy).messages();
        let (result, logs) = messages.split_last().expect("a result");
        assert!(result.contains(r#""resultType":"complete""#));
        logs.iter()
            .map(|log| {
                let log: Value = serde_json::from_str(log).expect("a message");
                log["params"]["level"].as_str().expect("a level").to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(levels("error"), ["error", "critical", "alert", "emergency"]);
    assert_eq!(levels("debug").len(), 8);
    assert_eq!(levels("emergency"), ["emergency"]);
    let silent = Modern::call("log", "{}").send(&proxy);
    assert_eq!(silent.messages().len(), 1, "nobody asked for any");
    let told = proxy.session().call("1", "levels", "{}");
    assert_eq!(told.matches("debug").count(), 1, "once for all: {told}");
    let odd = Modern::call("log", "{}").meta(r#""io.modelcontextprotocol/logLevel":"loud""#);
    assert_eq!(odd.send(&proxy).json()["error"]["code"], -32602);
}

#[test]
fn a_client_that_leaves_has_cancelled() {
    let proxy = Proxy::of("cancel");
    let session = proxy.session();
    let report = || {
        let report: Value =
            serde_json::from_str(&session.call("9", "cancelled", "{}")).expect("a report");
        report["result"]["structuredContent"].clone()
    };
    let mut connection = proxy.connect();
    connection.write(&Modern::call("hang", "{}").request().bytes());
    crate::support::wait_for("the call arrives", || {
        (report()["hanging"].as_array().map(Vec::len) == Some(1)).then_some(())
    });
    drop(connection);
    let told = crate::support::wait_for("the cancellation arrives", || {
        let report = report();
        (report["cancelled"].as_array().map(Vec::len) == Some(1)).then_some(report)
    });
    assert_eq!(told["cancelled"][0]["requestId"], told["hanging"][0]);
    let finished = Modern::call("echo", r#"{"text":"x"}"#).send(&proxy);
    assert_eq!(finished.status, 200);
    assert_eq!(report()["cancelled"].as_array().map(Vec::len), Some(1), "an answered call is over");
}

#[test]
fn nothing_that_was_not_asked_for_reaches_a_call() {
    let proxy = Proxy::of("list-changed");
    let session = proxy.session();
    let mut changes = session.listen();
    let answer = Modern::call("change", "{}").send(&proxy);
    assert_eq!(answer.messages().len(), 1, "{}", answer.text());
    assert_eq!(changes.until("resources/list_changed").len(), 3);
}

#[test]
fn a_server_that_ends_fails_the_call() {
    let proxy = Launch::new("exit-after 1").flags(&["--restart", "never"]).start();
    let answer = Modern::call("echo", "{}").send(&proxy);
    let error = answer.json();
    assert_eq!((answer.status, &error["error"]["code"]), (200, &json!(-32603)));
    assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("code 3")));
}

#[test]
fn a_call_that_takes_too_long_fails() {
    let proxy = Launch::new("cancel").flags(&["--requestTimeout", "100"]).start();
    let answer = Modern::call("hang", "{}").send(&proxy).json();
    assert_eq!(answer["error"]["message"], "Request timed out");
}

#[test]
fn clients_of_both_eras_do_not_mix() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let ask = &|client: usize, number: usize| {
        let (id, text) = (number.to_string(), format!(r#"{{"text":"{client}/{number}"}}"#));
        let answer = if client.is_multiple_of(2) {
            Modern::call("echo", &text).id(&id).send(&proxy).message()
        } else {
            session.post(call(&id, "echo", &text)).message()
        };
        assert!(answer.contains(&format!(r#""text":"{client}/{number}""#)), "{answer}");
        assert_eq!(answer.contains("resultType"), client.is_multiple_of(2), "{answer}");
    };
    std::thread::scope(|scope| {
        for client in 0..4 {
            scope.spawn(move || (0..25).for_each(|number| ask(client, number)));
        }
    });
}
