//! 2026-07-28 remote servers and clients: which era each of them is spoken to in.

use serde_json::{Value, json};

use super::{
    client::Client,
    server::{Received, Server, Wire, result},
    support::{LATEST, Launch, Modern, Proxy, call, initialize},
};

pub(super) const MODERN: [&str; 2] = ["--upstreamProtocol", "modern"];

/// What the server says about itself.
const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"logging":{},"resources":{"subscribe":true}},"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"scripted","version":"2"}}}"#;

/// The behaviour of a 2026-07-28 server that does not support older clients.
pub(super) fn usually(request: &Received, wire: &mut Wire) {
    match request.method().as_str() {
        "server/discover" => wire.json(&result(request, DISCOVERED)),
        "initialize" => refuse(
            request,
            wire,
            r#"{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}"#,
        ),
        "subscriptions/listen" => {
            acknowledge(request, wire);
            wire.hold();
        }
        "tools/list" => wire.json(&result(
            request,
            r#"{"resultType":"complete","tools":[{"name":"x","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}"#,
        )),
        _ if request.id() == "null" => wire.answer("202 Accepted", "", ""),
        _ => wire.json(&result(
            request,
            r#"{"resultType":"complete","content":[],"x":1.50,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"scripted","version":"2"}}}"#,
        )),
    }
}

/// Opens the stream of changes that this request asks for.
pub(super) fn acknowledge(request: &Received, wire: &mut Wire) {
    wire.events();
    wire.event(&format!(
        r#"data: {{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{},"_meta":{{"io.modelcontextprotocol/subscriptionId":{}}}}}}}"#,
        body(request)["params"]["notifications"],
        request.id()
    ));
}

/// The server with an additional script.
pub(super) fn modern(
    script: impl Fn(&Received, &mut Wire) -> bool + Send + Sync + 'static,
) -> Server {
    Server::start(move |request, wire| {
        if !script(request, wire) {
            usually(request, wire);
        }
        true
    })
}

pub(super) fn refuse(request: &Received, wire: &mut Wire, error: &str) {
    let text = format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, request.id());
    wire.answer("400 Bad Request", "Content-Type: application/json\r\n", &text);
}

pub(super) fn body(request: &Received) -> Value {
    serde_json::from_str(&request.body).expect("a message")
}

fn front(server: &Server) -> Proxy {
    Launch::of(&[&server.url()]).start()
}

#[test]
fn a_request_says_who_asks_and_repeats_itself_in_its_headers() {
    let server = modern(|_, _| false);
    let mut client = Client::greeted(&server.url(), &MODERN);
    let level =
        r#"{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"error"}}"#;
    assert_eq!(client.ask(level)["result"], json!({}));
    client.send(r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"é","arguments":{"n":1.0}}}"#);
    assert_eq!(
        client.line(),
        r#"{"jsonrpc":"2.0","id":"a","result":{"content":[],"x":1.50}}"#,
        "less the words of the other era"
    );
    let sent = server.wait_for(|request| request.method() == "tools/call");
    for (header, value) in [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "=?base64?w6k=?="),
        ("accept", "application/json, text/event-stream"),
    ] {
        assert_eq!(sent.header(header), Some(value), "{header}");
    }
    assert_eq!(sent.header("mcp-session-id"), None);
    let meta = &body(&sent)["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/logLevel"], "error");
    assert!(meta["io.modelcontextprotocol/clientInfo"]["name"].is_string(), "{meta}");
    assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object(), "{meta}");
    assert!(sent.body.contains(r#""arguments":{"n":1.0}"#), "{}", sent.body);
}

#[test]
fn a_server_that_takes_no_handshake_is_asked_who_it_is() {
    let server = modern(|_, _| false);
    let mut client = Client::greeted(&server.url(), &[]);
    assert!(client.ask(&call("1", "x", "{}"))["result"].is_object());
    let methods: Vec<String> = server.received().iter().map(Received::method).collect();
    assert_eq!(methods[..2], ["initialize", "server/discover"], "{methods:?}");
}

#[test]
fn a_refused_handshake_is_the_client_s_to_read_if_the_server_is_of_no_era() {
    let server = Server::start(|request, wire| {
        refuse(request, wire, r#"{"code":-32602,"message":"not you"}"#);
        true
    });
    let mut client = Client::of(&server.url());
    let answer = client.ask(&initialize(LATEST));
    assert_eq!(answer["error"]["message"], "not you", "{answer}");
}

#[test]
fn a_server_of_both_eras_is_spoken_to_in_its_client_s_own() {
    let server = Server::start(|request, wire| {
        let asked = request.body.contains("io.modelcontextprotocol/protocolVersion");
        if asked {
            usually(request, wire);
        }
        asked
    });
    let proxy = front(&server);
    let session = proxy.session();
    let old = session.post(call("\"o\"", "x", "{}")).message();
    assert_eq!(old, r#"{"jsonrpc":"2.0","id":"o","result":{"usual":true}}"#);
    assert_eq!(server.count("server/discover"), 0);
    let new = Modern::call("x", "{}").id("\"n\"").send(&proxy).text().to_owned();
    assert!(new.contains(r#""id":"n""#) && new.contains(r#""x":1.50,"_meta":"#), "{new}");
    let again = session.post(call("2", "x", "{}")).message();
    assert!(again.contains("usual"), "{again}");
    assert_eq!(server.count("initialize"), 1);
    assert_eq!(server.count("server/discover"), 1);
}

#[test]
fn requests_of_its_own_era_pass_with_everything_that_they_say() {
    let server = modern(|_, _| false);
    let proxy = Launch::of(&[&server.url()]).flags(&MODERN).start();
    let request = Modern::call("x", r#"{"n":12345678901234567890,"f":1.0}"#)
        .capabilities(r#"{"sampling":{"vendor":1e2}}"#)
        .params(r#""requestState":"s\u0041""#)
        .meta(r#""traceparent":"t""#);
    assert_eq!(request.send(&proxy).status, 200);
    let sent = server.wait_for(|request| request.method() == "tools/call");
    let params = |text: &str| text.split_once("\"params\":").expect("params").1.to_owned();
    assert_eq!(params(&sent.body), params(&request.body()));
}

#[test]
fn headers_that_do_not_say_what_the_arguments_say_are_refused() {
    const TOOLS: &str = r#"{"resultType":"complete","tools":[{"name":"x","inputSchema":{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"Region"}}}}],"ttlMs":0,"cacheScope":"private"}"#;
    let server = modern(|request, wire| {
        let lists = request.method() == "tools/list";
        if lists {
            wire.json(&result(request, TOOLS));
        }
        lists
    });
    let proxy = front(&server);
    assert_eq!(Modern::new("tools/list").send(&proxy).status, 200);
    let call = Modern::call("x", r#"{"r":"eu"}"#).request();
    for (header, status) in [(None, 400), (Some("us"), 400), (Some("eu"), 200)] {
        let request = match header {
            Some(value) => call.clone().header("Mcp-Param-Region", value),
            None => call.clone(),
        };
        let answer = proxy.send(&request);
        assert_eq!(answer.status, status, "{header:?}: {}", answer.text());
        assert_eq!(answer.text().contains("-32020"), status == 400, "{}", answer.text());
    }
    assert_eq!(server.count("tools/call"), 1);
    let sent = server.wait_for(|request| request.method() == "tools/call");
    assert_eq!(sent.header("mcp-param-region"), Some("eu"));
}

#[test]
fn an_older_server_serves_clients_of_the_newer_era() {
    let server = Server::start(|request, wire| {
        if request.method() == "server/discover" {
            wire.answer("400 Bad Request", "", "Bad Request: no session");
            return true;
        }
        false
    });
    let proxy = front(&server);
    for _ in 0..2 {
        let answer = Modern::call("x", "{}").send(&proxy).json();
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
        assert_eq!(answer["result"]["usual"], true, "{answer}");
    }
    let discovered = Modern::new("server/discover").send(&proxy).json();
    assert_eq!(discovered["result"]["supportedVersions"][0], "2026-07-28", "{discovered}");
    assert_eq!(server.count("server/discover"), 1, "asked once");
    let sent = server.wait_for(|request| request.method() == "tools/call");
    assert_eq!(sent.header("mcp-session-id"), Some("s1"));
    assert!(!sent.body.contains("io.modelcontextprotocol"), "{}", sent.body);
    assert_eq!(server.count("initialize"), 1, "the session waits for the next call");
    proxy.terminate();
    server.wait_for(|request| request.verb == "DELETE");
}

#[test]
fn a_question_of_an_older_server_becomes_the_result_of_the_call() {
    let server = Server::start(|request, wire| {
        let message = body(request);
        match request.method().as_str() {
            "server/discover" => wire.answer("404 Not Found", "", ""),
            "tools/call" => {
                wire.events();
                wire.event(r#"data: {"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"why","requestedSchema":{"type":"object","properties":{}}}}"#);
                wire.hold();
            }
            _ if message["id"] == "q" => wire.answer("202 Accepted", "", ""),
            _ => return false,
        }
        true
    });
    let proxy = front(&server);
    let asking = Modern::call("x", "{}").capabilities(r#"{"elicitation":{}}"#).send(&proxy).json();
    assert_eq!(asking["result"]["resultType"], "input_required", "{asking}");
    let requests = asking["result"]["inputRequests"].as_object().expect("requests");
    assert_eq!(requests.values().next().expect("one")["params"]["message"], "why");
}

/// What an older server does that runs its tool `endless` only as a task.
fn runs_tasks(request: &Received, wire: &mut Wire) -> bool {
    const RUNS: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"tasks":{"cancel":{},"requests":{"tools":{"call":{}}}}},"serverInfo":{"name":"scripted","version":"1"}}"#;
    const TOOLS: &str = r#"{"tools":[{"name":"endless","inputSchema":{"type":"object"},"execution":{"taskSupport":"required"}}]}"#;
    const TASK: &str = r#""taskId":"t1","status":"working","createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:00Z","ttl":null,"pollInterval":50"#;
    let text = match request.method().as_str() {
        "server/discover" => {
            wire.answer("404 Not Found", "", "");
            return true;
        }
        "initialize" => {
            let headers = "Content-Type: application/json\r\nMcp-Session-Id: s1\r\n";
            wire.answer("200 OK", headers, &result(request, RUNS));
            return true;
        }
        "tools/list" => TOOLS.to_owned(),
        "tools/call" => format!(r#"{{"task":{{{TASK}}}}}"#),
        "tasks/get" => format!("{{{TASK}}}"),
        "tasks/cancel" => format!("{{{}}}", TASK.replace("working", "cancelled")),
        _ => return false,
    };
    wire.json(&result(request, &text));
    true
}

#[test]
fn the_task_of_a_client_that_leaves_is_cancelled_at_an_older_server() {
    let server = Server::start(runs_tasks);
    let proxy = front(&server);
    // So that the call is made as a task at once.
    assert_eq!(Modern::new("tools/list").send(&proxy).status, 200);
    let mut connection = proxy.connect();
    connection.write(&Modern::call("endless", "{}").request().bytes());
    server.wait_for(|request| request.method() == "tasks/get");
    drop(connection);
    let cancelled = server.wait_for(|request| request.method() == "tasks/cancel");
    assert_eq!(body(&cancelled)["params"]["taskId"], "t1");
    assert_eq!(cancelled.header("mcp-session-id"), Some("s1"));
    server.wait_for(|request| request.verb == "DELETE");
    let verbs: Vec<_> =
        server.received().iter().map(|one| (one.verb.clone(), one.method())).collect();
    let at =
        |verb: &str, method: &str| verbs.iter().position(|one| one.0 == verb && one.1 == method);
    assert!(at("POST", "tasks/cancel") < at("DELETE", ""), "before its session ends: {verbs:?}");
    assert_eq!(server.count("tasks/cancel"), 1, "{verbs:?}");
}
