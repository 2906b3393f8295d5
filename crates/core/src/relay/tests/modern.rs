//! A scripted server of 2026-07-28 between clients of both eras.

use super::*;
use crate::era::{Era, modern_server::Discovery};
use crate::identity::Identity;

/// Params of requests, without the envelope that every one must have.
fn bare(request: &Value) -> Value {
    let mut params = request["params"].clone();
    let meta = params["_meta"].as_object_mut().expect("an envelope");
    let mut own = |key: &str| meta.remove(&format!("io.modelcontextprotocol/{key}"));
    assert_eq!(own("protocolVersion"), Some(json!("2026-07-28")));
    assert!(own("clientCapabilities").is_some() && own("clientInfo").is_some());
    if meta.is_empty() {
        params.as_object_mut().unwrap().remove("_meta");
    }
    params
}

fn envelope<'a>(request: &'a Value, key: &str) -> &'a Value {
    &request["params"]["_meta"][format!("io.modelcontextprotocol/{key}")]
}

pub(super) fn discover(upstream: &Upstream) {
    let discovered = json!({"jsonrpc": "2.0", "id": "server-discover", "result": {
        "resultType": "complete", "supportedVersions": ["2026-07-28"],
        "capabilities": {"logging": {}, "resources": {"subscribe": true, "listChanged": true},
            "tools": {"listChanged": true}},
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "modern", "version": "2"}},
    }});
    let server = InitializeResult::of_discovery(Discovery::of(&message(&discovered))).unwrap();
    upstream.shared.connected(Arc::clone(&upstream.outbox), server, None);
}

fn modern() -> Upstream {
    let shared = Shared::new(Ids::Ascending(1), Limits::default(), Duration::from_secs(10));
    let upstream = Upstream { shared, outbox: Arc::default() };
    discover(&upstream);
    tokio::spawn(Arc::clone(&upstream.shared).tend());
    upstream
}

/// Like `Upstream::client`; also acknowledges the proxy's own stream.
fn legacy_client(upstream: &Upstream, capabilities: &Value) -> (Arc<dyn Connection>, Arc<Kept>) {
    let (connection, sink) = upstream.client();
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": capabilities,
        "clientInfo": {"name": "c", "version": "1"}}});
    let answers = Arc::new(Kept::default());
    call(&connection, &initialize, &answers);
    let answer = answers.take();
    assert_eq!(answer[0]["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(answer[0]["result"]["serverInfo"]["name"], "modern");
    for request in upstream.sent() {
        acknowledge(upstream, &request);
    }
    (connection, sink)
}

fn acknowledge(upstream: &Upstream, listen: &Value) {
    assert_eq!(listen["method"], "subscriptions/listen");
    let notifications = &bare(listen)["notifications"];
    upstream.says(&on_stream(
        &listen["id"],
        "subscriptions/acknowledged",
        json!({
        "notifications": notifications}),
    ));
}

fn on_stream(id: &Value, kind: &str, mut params: Value) -> Value {
    params["_meta"] = json!({"io.modelcontextprotocol/subscriptionId": id});
    json!({"jsonrpc": "2.0", "method": format!("notifications/{kind}"), "params": params})
}

fn modern_client(upstream: &Upstream) -> Arc<dyn Connection> {
    let client = Client { era: Era::Modern, ..Client::default() };
    upstream.shared.open(client).now_or_never().expect("no wait").expect("an upstream")
}

fn tool(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "t"}})
}

fn input_required(id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {"resultType": "input_required",
        "requestState": "s", "inputRequests": {"a": {"method": "roots/list"},
            "b": {"method": "roots/list"}}}})
}

fn answer(connection: &Arc<dyn Connection>, value: &Value) {
    assert!(connection.send(message(value), None, None).is_none());
}

fn roots(id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {"roots": []}})
}

/// A client that was asked two questions during its call 7.
struct Questioned {
    upstream: Upstream,
    connection: Arc<dyn Connection>,
    stream: Arc<Kept>,
    questions: Vec<Value>,
}

fn questioned() -> Questioned {
    let upstream = modern();
    let (connection, _) = legacy_client(&upstream, &json!({"roots": {}}));
    let stream = Arc::new(Kept::default());
    call(&connection, &tool(7), &stream);
    upstream.says(&input_required(&upstream.sent()[0]["id"]));
    let questions = stream.take();
    Questioned { upstream, connection, stream, questions }
}

/// The suite's own server writes `String(id)`.
#[tokio::test]
async fn a_stream_is_known_by_its_id_in_any_spelling() {
    let spelled = |id: &Value, spelling: usize| match spelling {
        0 => id.clone(),
        1 => json!(id.to_string()),
        2 => json!(id.as_f64().unwrap()),
        _ => json!(format!("{id}.0")),
    };
    for spelling in 0..4 {
        let upstream = modern();
        let (connection, heard) = upstream.client();
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"}}});
        call(&connection, &initialize, &Arc::new(Kept::default()));
        let own = upstream.sent().remove(0);
        let id = spelled(&own["id"], spelling);
        let notifications = bare(&own)["notifications"].clone();
        let filter = json!({"notifications": notifications});
        upstream.says(&on_stream(&id, "subscriptions/acknowledged", filter));
        upstream.says(&on_stream(&id, "tools/list_changed", json!({})));
        assert_eq!(heard.take()[0]["method"], "notifications/tools/list_changed", "{spelling}");

        let listener = modern_client(&upstream);
        let stream = Arc::new(Kept::default());
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}});
        let listen = json!({"jsonrpc": "2.0", "id": "sub-1", "method": "subscriptions/listen",
            "params": {"notifications": {"toolsListChanged": true}, "_meta": meta}});
        call(&listener, &listen, &stream);
        let id = spelled(&upstream.sent()[0]["id"], spelling);
        upstream.says(&on_stream(
            &id,
            "subscriptions/acknowledged",
            json!({
            "notifications": {"toolsListChanged": true}}),
        ));
        upstream.says(&on_stream(&id, "tools/list_changed", json!({})));
        let told = stream.take();
        assert_eq!(told.len(), 2, "{spelling}: {told:?}");
        for message in told {
            let key = "io.modelcontextprotocol/subscriptionId";
            assert_eq!(message["params"]["_meta"][key], "sub-1", "{spelling}");
        }
    }
}

#[tokio::test]
async fn a_call_is_made_again_with_the_clients_answers() {
    let upstream = modern();
    let (connection, _) = legacy_client(&upstream, &json!({"roots": {"listChanged": true}}));
    let stream = Arc::new(Kept::default());
    call(&connection, &tool(7), &stream);
    let first = upstream.sent().remove(0);
    assert_eq!(bare(&first), json!({"name": "t"}));
    assert_eq!(envelope(&first, "clientCapabilities"), &json!({"roots": {}}));
    assert_eq!(envelope(&first, "clientInfo")["name"], "c");
    upstream.says(&input_required(&first["id"]));
    let questions = stream.take();
    assert_eq!(questions.len(), 2);
    assert_eq!(questions[0]["method"], "roots/list");
    answer(&connection, &roots(&questions[1]["id"]));
    assert!(upstream.sent().is_empty(), "one answer is missing");
    answer(&connection, &roots(&questions[0]["id"]));
    let second = upstream.sent().remove(0);
    assert_ne!(second["id"], first["id"]);
    assert_eq!(
        bare(&second),
        json!({"name": "t", "requestState": "s",
        "inputResponses": {"a": {"roots": []}, "b": {"roots": []}}})
    );
    upstream.says(&json!({"jsonrpc": "2.0", "id": second["id"],
        "result": {"resultType": "complete", "content": []}}));
    assert_eq!(stream.take(), [json!({"jsonrpc": "2.0", "id": 7, "result": {"content": []}})]);
}

#[tokio::test]
async fn only_the_client_that_was_asked_can_answer_and_only_once() {
    let upstream = modern();
    let (connection, _) = legacy_client(&upstream, &json!({"roots": {}}));
    let (other, _) = legacy_client(&upstream, &json!({"roots": {}}));
    let stream = Arc::new(Kept::default());
    call(&connection, &tool(7), &stream);
    let first = upstream.sent().remove(0);
    upstream.says(&input_required(&first["id"]));
    let ids: Vec<Value> =
        stream.take().into_iter().map(|question| question["id"].clone()).collect();
    let forged = |id: &Value| json!({"jsonrpc": "2.0", "id": id, "result": {"forged": true}});
    for id in &ids {
        answer(&other, &forged(id));
        answer(&connection, &forged(&json!(id.to_string())));
    }
    for id in [json!(99), json!("x"), json!(-1), json!(0.5)] {
        answer(&connection, &forged(&id));
    }
    answer(&connection, &roots(&ids[0]));
    answer(&connection, &forged(&ids[0]));
    assert!(upstream.sent().is_empty() && stream.take().is_empty());
    answer(&connection, &roots(&ids[1]));
    answer(&connection, &forged(&ids[1]));
    let sent = upstream.sent();
    assert_eq!(sent.len(), 1, "the call is made once: {sent:?}");
    assert_eq!(sent[0]["params"]["inputResponses"]["a"], json!({"roots": []}));
}

#[tokio::test]
async fn a_refused_question_fails_the_call_and_withdraws_the_other() {
    let Questioned { upstream, connection, stream, questions } = questioned();
    answer(
        &connection,
        &json!({"jsonrpc": "2.0", "id": questions[0]["id"],
        "error": {"code": -1, "message": "not today"}}),
    );
    let told = stream.take();
    assert_eq!(told[0]["method"], "notifications/cancelled");
    assert_eq!(told[0]["params"]["requestId"], questions[1]["id"]);
    assert_eq!((&told[1]["id"], &told[1]["result"]["isError"]), (&json!(7), &json!(true)));
    assert!(upstream.sent().is_empty(), "the server is not waiting");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_is_not_waited_for_for_ever() {
    let Questioned { stream, questions, .. } = questioned();
    tokio::time::sleep(Duration::from_mins(9)).await;
    assert!(stream.take().is_empty());
    tokio::time::sleep(Duration::from_mins(2)).await;
    let told = stream.take();
    assert_eq!(told.len(), questions.len() + 1);
    assert_eq!(told[2]["result"]["isError"], true);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_server_puts_off_is_made_again_after_a_pause() {
    let upstream = modern();
    let (connection, _) = legacy_client(&upstream, &json!({}));
    let stream = Arc::new(Kept::default());
    call(&connection, &tool(7), &stream);
    let first = upstream.sent().remove(0);
    upstream.says(&json!({"jsonrpc": "2.0", "id": first["id"],
        "result": {"resultType": "input_required", "requestState": {"n": 1}}}));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(upstream.sent().is_empty());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = upstream.sent().remove(0);
    assert_eq!(bare(&second), json!({"name": "t", "requestState": {"n": 1}}));
}

#[tokio::test]
async fn a_cancelled_call_takes_its_questions_with_it() {
    let Questioned { upstream, connection, stream, questions } = questioned();
    answer(
        &connection,
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 7}}),
    );
    let told: Vec<Value> =
        stream.take().iter().map(|told| told["params"]["requestId"].clone()).collect();
    assert_eq!(told.len(), 2);
    assert!(questions.iter().all(|question| told.contains(&question["id"])));
    assert_eq!(*stream.forgotten.lock().unwrap(), 1);
    answer(&connection, &roots(&questions[0]["id"]));
    answer(&connection, &roots(&questions[1]["id"]));
    assert!(upstream.sent().is_empty() && stream.take().is_empty());
}

#[tokio::test]
async fn a_question_outlives_the_server_that_asked_it() {
    let Questioned { upstream, connection, questions, .. } = questioned();
    let cause = Cause { message: "gone".to_owned(), data: None };
    upstream.shared.lost(&cause, 1);
    for question in questions {
        if question["id"] == json!(0) {
            answer(&connection, &roots(&question["id"]));
        } else {
            let sending = connection.send(message(&roots(&question["id"])), None, None);
            discover(&upstream);
            sending.expect("it waits for a server").await;
        }
    }
    let sent = upstream.sent();
    let retried = sent.iter().find(|sent| sent["method"] == "tools/call").expect("a call");
    assert_eq!(retried["params"]["requestState"], "s");
}

#[tokio::test]
async fn log_messages_reach_the_one_client_that_asked_for_them() {
    let upstream = modern();
    let (one, one_sink) = legacy_client(&upstream, &json!({}));
    let (two, two_sink) = legacy_client(&upstream, &json!({}));
    let (one_stream, two_stream) = (Arc::new(Kept::default()), Arc::new(Kept::default()));
    let log = |level: &str| {
        json!({"jsonrpc": "2.0", "method": "notifications/message",
        "params": {"level": level, "data": level}})
    };
    call(
        &one,
        &json!({"jsonrpc": "2.0", "id": 1, "method": "logging/setLevel",
        "params": {"level": "warning"}}),
        &one_stream,
    );
    assert_eq!(one_stream.take(), [json!({"jsonrpc": "2.0", "id": 1, "result": {}})]);
    assert!(upstream.sent().is_empty(), "the server has no such request");
    upstream.says(&log("error"));
    call(&one, &tool(2), &one_stream);
    call(&two, &tool(2), &two_stream);
    let sent = upstream.sent();
    assert_eq!(envelope(&sent[0], "logLevel"), "warning");
    assert_eq!(envelope(&sent[1], "logLevel"), &Value::Null);
    upstream.says(&log("info"));
    upstream.says(&log("error"));
    assert_eq!(one_stream.take(), [log("error")]);
    call(
        &two,
        &json!({"jsonrpc": "2.0", "id": 3, "method": "logging/setLevel",
        "params": {"level": "debug"}}),
        &two_sink,
    );
    two_sink.take();
    upstream.says(&log("error"));
    upstream.says(&log("info"));
    assert_eq!(two_stream.take(), [log("info")], "the one that is not ambiguous");
    assert!(
        one_stream.take().is_empty() && one_sink.take().is_empty() && two_sink.take().is_empty()
    );
}

#[tokio::test]
async fn changes_are_told_once_and_to_whom_they_concern() {
    let upstream = modern();
    let (one, one_sink) = upstream.client();
    let (_two, two_sink) = legacy_client(&upstream, &json!({}));
    let answers = Arc::new(Kept::default());
    let subscribe = json!({"jsonrpc": "2.0", "id": 5, "method": "resources/subscribe",
        "params": {"uri": "x:a"}});
    call(&one, &subscribe, &answers);
    let sent = upstream.sent();
    assert_eq!(
        bare(&sent[0])["notifications"],
        json!({"toolsListChanged": true,
        "resourcesListChanged": true, "resourceSubscriptions": ["x:a"]})
    );
    assert!(answers.take().is_empty(), "it is not acknowledged yet");
    let first = json!(sent[0]["id"].as_u64().unwrap() - 1);
    upstream.says(&on_stream(&first, "tools/list_changed", json!({})));
    acknowledge(&upstream, &sent[0]);
    assert_eq!(answers.take(), [json!({"jsonrpc": "2.0", "id": 5, "result": {}})]);
    let closed = upstream.sent();
    assert_eq!(closed[0]["method"], "notifications/cancelled");
    assert_eq!(closed[0]["params"]["requestId"], first);
    upstream.says(&on_stream(&first, "tools/list_changed", json!({})));
    upstream.says(&on_stream(&sent[0]["id"], "resources/updated", json!({"uri": "x:a"})));
    let changed =
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {}});
    let updated = json!({"jsonrpc": "2.0", "method": "notifications/resources/updated",
        "params": {"uri": "x:a"}});
    assert_eq!(one_sink.take(), [changed.clone(), updated]);
    assert_eq!(two_sink.take(), [changed]);
}

#[tokio::test]
async fn a_subscription_that_is_not_honoured_is_refused() {
    let upstream = modern();
    let (one, _) = legacy_client(&upstream, &json!({}));
    let answers = Arc::new(Kept::default());
    call(
        &one,
        &json!({"jsonrpc": "2.0", "id": 5, "method": "resources/subscribe",
        "params": {"uri": "x:a"}}),
        &answers,
    );
    let id = upstream.sent()[0]["id"].clone();
    upstream.says(&on_stream(&id, "subscriptions/acknowledged", json!({"notifications": {}})));
    assert_eq!(answers.take()[0]["error"]["code"], -32602);
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_is_opened_again() {
    let upstream = modern();
    let (_one, sink) = upstream.client();
    let first = upstream.sent().remove(0);
    acknowledge(&upstream, &first);
    upstream.says(&json!({"jsonrpc": "2.0", "id": first["id"],
        "error": {"code": -32603, "message": "oops"}}));
    assert!(upstream.sent().is_empty());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = upstream.sent().remove(0);
    acknowledge(&upstream, &second);
    upstream.says(&on_stream(&second["id"], "tools/list_changed", json!({})));
    assert_eq!(sink.take().len(), 1);
}

#[tokio::test]
async fn clients_of_the_servers_own_era_get_every_byte() {
    let upstream = modern();
    let connection = modern_client(&upstream);
    let stream = Arc::new(Kept::default());
    let request = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t","requestState":"s\u0041","inputResponses":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p"}}}"#;
    let request = Message::parse(request.into()).unwrap();
    let reply = Reply::to(&request, Arc::<Kept>::clone(&stream) as _);
    assert!(connection.send(request.clone(), Some(reply), None).is_none());
    let sent = upstream.outbox.next().now_or_never().flatten().unwrap_or_default().concat();
    let sent = String::from_utf8(sent).unwrap();
    let expected = String::from_utf8(request.bytes().to_vec()).unwrap();
    assert_eq!(sent, expected.replace("\"a\"", "1").replace("\"p\"", "1") + "\n");
    for (said, read) in [
        (
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1.0}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1.0}}"#,
        ),
        (
            r#"{"result":{"resultType":"input_required","requestState":"\u0042","ttlMs":1e2},"id":1,"jsonrpc":"2.0"}"#,
            r#"{"result":{"resultType":"input_required","requestState":"\u0042","ttlMs":1e2},"id":"a","jsonrpc":"2.0"}"#,
        ),
    ] {
        upstream.shared.receive(&Message::parse(said.into()).unwrap());
        assert_eq!(stream.take_raw(), [read]);
    }
}

#[tokio::test]
async fn a_clients_own_stream_carries_its_own_name() {
    let upstream = modern();
    let (_legacy, legacy_sink) = legacy_client(&upstream, &json!({}));
    let connection = modern_client(&upstream);
    let stream = Arc::new(Kept::default());
    call(
        &connection,
        &json!({"jsonrpc": "2.0", "id": "mine", "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": true}}}),
        &stream,
    );
    let id = upstream.sent()[0]["id"].clone();
    upstream.says(&on_stream(&id, "subscriptions/acknowledged", json!({"notifications": {}})));
    upstream.says(&on_stream(&id, "tools/list_changed", json!({})));
    let mine = json!("mine");
    assert_eq!(
        stream.take(),
        [
            on_stream(&mine, "subscriptions/acknowledged", json!({"notifications": {}})),
            on_stream(&mine, "tools/list_changed", json!({})),
        ]
    );
    upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete",
        "_meta": {"io.modelcontextprotocol/subscriptionId": id}}}));
    assert_eq!(
        stream.take(),
        [json!({"jsonrpc": "2.0", "id": "mine", "result": {
        "resultType": "complete", "_meta": {"io.modelcontextprotocol/subscriptionId": "mine"}}})]
    );
    assert!(legacy_sink.take().is_empty());
}

#[tokio::test]
async fn a_server_that_cancels_a_stream_ends_it_for_its_client() {
    let upstream = modern();
    let connection = modern_client(&upstream);
    let stream = Arc::new(Kept::default());
    call(
        &connection,
        &json!({"jsonrpc": "2.0", "id": 3.0, "method": "subscriptions/listen"}),
        &stream,
    );
    let id = upstream.sent()[0]["id"].clone();
    upstream.says(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": id}}));
    let end = r#"{"jsonrpc":"2.0","id":3.0,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":3.0}}}"#;
    assert_eq!(stream.take_raw(), [end]);
}

#[tokio::test]
async fn what_a_server_of_the_era_must_not_send_reaches_nobody() {
    let upstream = modern();
    let (_one, sink) = legacy_client(&upstream, &json!({"roots": {}}));
    upstream.says(&json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"}));
    upstream.says(&on_stream(&json!(77), "tools/list_changed", json!({})));
    upstream.says(&on_stream(&json!("x"), "tools/list_changed", json!({})));
    upstream.says(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 77}}));
    assert!(sink.take().is_empty());
    assert!(upstream.sent().is_empty(), "it is not answered");
}

#[tokio::test]
async fn what_the_era_has_no_word_for_is_answered_by_the_proxy() {
    let upstream = modern();
    let (connection, _) = legacy_client(&upstream, &json!({}));
    let answers = Arc::new(Kept::default());
    for (method, code) in [
        ("ping", Value::Null),
        ("tasks/list", json!(-32601)),
        ("server/discover", json!(-32601)),
        ("subscriptions/listen", json!(-32601)),
        ("resources/subscribe", json!(-32602)),
        ("logging/setLevel", json!(-32602)),
    ] {
        call(
            &connection,
            &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}),
            &answers,
        );
        assert_eq!(answers.take()[0]["error"]["code"], code, "{method}");
    }
    for method in ["initialized", "roots/list_changed", "progress"] {
        answer(
            &connection,
            &json!({"jsonrpc": "2.0", "method": format!("notifications/{method}")}),
        );
    }
    assert!(upstream.sent().is_empty());
}

#[tokio::test]
async fn errors_of_the_newer_era_are_told_in_words_of_the_older() {
    let upstream = modern();
    let (connection, _) = legacy_client(&upstream, &json!({}));
    let stream = Arc::new(Kept::default());
    let told = |method: &str, error: &Value| {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": {}});
        call(&connection, &request, &stream);
        let id = upstream.sent()[0]["id"].clone();
        upstream.says(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
        stream.take().remove(0)
    };
    let missing = json!({"code": -32021, "message": "sampling is needed",
        "data": {"requiredCapabilities": {"sampling": {}}}});
    let result = told("tools/call", &missing);
    assert_eq!((&result["id"], &result["result"]["isError"]), (&json!(7), &json!(true)));
    let text = result["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("sampling is needed") && text.contains(r#"{"sampling":{}}"#), "{text}");
    let error = told("prompts/get", &missing);
    assert_eq!(error["error"]["code"], -32603);
    for code in [-32020, -32022] {
        let error = told("tools/call", &json!({"code": code, "message": "no"}));
        assert_eq!(error["error"]["code"], -32603, "{code}");
    }
    for code in [-32601, -32602, -32603, -32000, 7] {
        let own = json!({"code": code, "message": "no", "data": {"uri": "x:a"}});
        assert_eq!(told("tools/call", &own)["error"], own);
    }
}

#[tokio::test]
async fn what_callers_mirror_is_known_to_those_who_saw_the_tools() {
    let upstream = modern();
    let of = |principal: &'static str| {
        let principal = Identity::named(principal);
        let client = Client { era: Era::Modern, principal, ..Client::default() };
        upstream.shared.open(client).now_or_never().expect("no wait").expect("an upstream")
    };
    let (one, two) = (of("one"), of("two"));
    let stream = Arc::new(Kept::default());
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    call(&one, &list, &stream);
    let id = upstream.sent()[0]["id"].clone();
    let schema = json!({"type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}});
    let result = json!({"tools": [{"name": "t", "inputSchema": schema}]});
    upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    assert_eq!(stream.take(), [json!({"jsonrpc": "2.0", "id": 1, "result": result})]);
    assert_eq!(of("one").mirrored("t").expect("known")[0].header, "Mcp-Param-Region");
    assert!(two.mirrored("t").is_none() && one.mirrored("u").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_leaves_while_the_server_is_away_leaves_nothing() {
    let upstream = Upstream::new(Limits::default());
    let client = Client { era: Era::Modern, ..Client::default() };
    let Ok(connection) = upstream.shared.open(client).await else { panic!("no connection") };
    upstream.shared.lost(&Cause { message: "gone".to_owned(), data: None }, 1);
    let request = message(&json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": {"notifications": {"resourceSubscriptions": ["x:a"]}}}));
    let reply = Reply::to(&request, Arc::<Kept>::default());
    let mut listening = connection.send(request, Some(reply), None).expect("it has to wait");
    assert!((&mut listening).now_or_never().is_none());
    drop(listening);
    connection.close();
    assert_eq!(upstream.shared.lock().members.len(), 0);
    assert_eq!(upstream.shared.crossings().subscribed(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_takes_is_none() {
    let upstream = Upstream::new(Limits::default());
    for era in [Era::Legacy, Era::Modern] {
        let client = Client { era, ..Client::default() };
        drop(upstream.shared.open(client));
        assert_eq!(upstream.shared.lock().members.len(), 0);
    }
}
