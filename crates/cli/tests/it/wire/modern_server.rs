//! 2025-era clients of a server that speaks 2026-07-28 only.

use serde_json::{Value, json};

use crate::support::{
    Finished, Launch, Proxy, Request, Session, Sse, call, initialize, initialize_with, wait_for,
};

const META: &str = "io.modelcontextprotocol";
const NAME: &str = r#"{"method":"elicitation/create","params":{"mode":"form","message":"Name?","requestedSchema":{"type":"object","properties":{}}}}"#;
const ROOTS: &str = r#"{"method":"roots/list"}"#;
const ALL: &str = r#"{"elicitation":{},"roots":{"listChanged":true},"sampling":{}}"#;

fn launch(mode: &str, protocol: &str) -> Launch {
    Launch::new(mode).flags(&["--upstreamProtocol", protocol])
}

fn modern() -> Proxy {
    launch("modern", "modern").start()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// A call of `ask` with these questions.
fn ask(id: &str, requests: &str) -> String {
    call(id, "ask", &format!(r#"{{"requests":{requests},"state":"s\u0041\/"}}"#))
}

fn answer(id: &Value, outcome: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},{outcome}}}"#)
}

/// The result of the tool `streams`: how many there were, and the filters of the open ones.
fn streams(session: &Session<'_>) -> Value {
    json_of(&session.call("\"streams\"", "streams", "{}"))["result"]["structuredContent"].clone()
}

#[test]
fn every_protocol_finds_its_server_and_says_if_it_is_another() {
    for (mode, protocol) in
        [("echo", "legacy"), ("echo", "auto"), ("modern", "auto"), ("modern", "modern")]
    {
        launch(mode, protocol).start().session().assert_healthy();
    }
    for (mode, protocol, request) in
        [("echo", "modern", "server/discover"), ("modern", "legacy", "initialize")]
    {
        let Finished { status, stderr, .. } = launch(mode, protocol).run();
        assert!(!status.success(), "{mode} {protocol}");
        assert!(stderr.contains(&format!("refused \"{request}\"")), "{stderr}");
    }
}

#[test]
fn a_server_that_ends_at_the_question_serves_all_the_same() {
    let proxy = launch("touchy", "auto").start();
    proxy.session().assert_healthy();
    for said in ["before it answered \"server/discover\"", "starting it again"] {
        assert!(proxy.stderr.line(|line| line.contains(said)).is_some(), "{said}");
    }
}

#[test]
fn a_session_is_one_of_the_clients_own_era() {
    let proxy = modern();
    let answer = proxy.send(&Request::mcp(initialize("2025-06-18"))).message();
    let result = &json_of(&answer)["result"];
    assert_eq!(result["protocolVersion"], "2025-06-18");
    assert_eq!(result["serverInfo"], json!({"name": "fixture", "version": "2.0.0"}));
    assert_eq!(result["instructions"], "Be modern.");
    assert!(!answer.contains("resultType") && !answer.contains("supportedVersions"), "{answer}");
    let session = proxy.session();
    let ping = session.post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).message();
    assert_eq!(ping, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let prompts = session.post(r#"{"jsonrpc":"2.0","id":"p","method":"prompts/list"}"#).message();
    assert_eq!(prompts, r#"{"jsonrpc":"2.0","id":"p","result":{"prompts":[]}}"#);
    session.assert_healthy();
}

#[test]
fn every_request_says_who_asks() {
    let proxy = modern();
    let session =
        Session::open_with(&proxy, r#"{"tasks":{},"roots":{"listChanged":true},"x":{"n":1.0}}"#);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{{"_meta":{{"traceparent":"t","{META}/logLevel":"debug","progressToken":"p"}},"name":"line","task":{{}},"requestState":"forged","inputResponses":{{}}}}}}"#
    );
    let told = json_of(&session.post(body).message());
    assert_eq!(told["id"], "a");
    let line = &told["result"]["structuredContent"];
    assert_eq!(
        line["params"]["_meta"],
        json!({
            "traceparent": "t",
            "progressToken": line["id"],
            format!("{META}/protocolVersion"): "2026-07-28",
            format!("{META}/clientCapabilities"): {"roots": {}, "x": {"n": 1.0}},
            format!("{META}/clientInfo"): {"name": "wire", "version": "1"},
        })
    );
    let names: Vec<&String> = line["params"].as_object().expect("params").keys().collect();
    assert_eq!(names, ["_meta", "name"]);
}

#[test]
fn a_client_that_cannot_be_asked_does_not_offer_it() {
    let proxy = launch("modern", "modern").flags(&["--stateless"]).start();
    let told = proxy.send(&Request::mcp(call("1", "line", "{}"))).message();
    let meta = &json_of(&told)["result"]["structuredContent"]["params"]["_meta"];
    assert_eq!(meta[format!("{META}/clientCapabilities")], json!({}));
    let body = ask("2", &format!(r#"{{"a":{ROOTS}}}"#));
    let told = proxy.send(&Request::mcp(body)).message();
    assert!(told.contains("isError") && told.contains("cannot give: roots"), "{told}");
}

#[test]
fn a_question_is_asked_on_the_stream_of_its_call() {
    let proxy = modern();
    let session = Session::open_with(&proxy, ALL);
    let mut stream = session.stream(ask("7", &format!(r#"{{"user_name":{NAME},"r":{ROOTS}}}"#)));
    let questions = [json_of(&stream.expect()), json_of(&stream.expect())];
    assert_eq!(questions[0]["method"], "elicitation/create");
    assert_eq!(questions[0]["params"]["message"], "Name?");
    assert_eq!(questions[1]["method"], "roots/list");
    let named = r#""result":{"action":"accept","content":{"name":"Ann","n":1.0}}"#;
    for (question, outcome) in [(1, r#""result":{"roots":[]}"#), (0, named)] {
        let posted = session.post(answer(&questions[question]["id"], outcome));
        assert_eq!((posted.status, posted.text()), (202, ""));
    }
    assert_eq!(
        stream.expect(),
        r#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"structuredContent":{"answers":{"user_name":{"action":"accept","content":{"name":"Ann","n":1.0}},"r":{"roots":[]}},"state":"s\u0041\/"}}}"#
    );
    assert_eq!(stream.message(), None);
}

#[test]
fn questions_reach_clients_of_the_older_transport() {
    let proxy = modern();
    let mut sse = Sse::open(&proxy);
    sse.ask(&initialize_with(ALL));
    let question = json_of(&sse.ask(&ask("1", &format!(r#"{{"r":{ROOTS}}}"#))));
    assert_eq!(question["method"], "roots/list");
    let told = sse.ask(&answer(&question["id"], r#""result":{"roots":[1]}"#));
    assert!(told.contains(r#""answers":{"r":{"roots":[1]}}"#), "{told}");
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let proxy = modern();
    let (session, other) = (Session::open_with(&proxy, ALL), Session::open_with(&proxy, ALL));
    for id in ["0", "1", "\"0\"", "-1", "1e3"] {
        let posted = session.post(answer(&json_of(id), r#""result":{"forged":true}"#));
        assert_eq!(posted.status, 202, "{id}");
    }
    let mut stream = session.stream(ask("7", &format!(r#"{{"a":{ROOTS},"b":{ROOTS}}}"#)));
    let ids = [stream.expect(), stream.expect()].map(|question| json_of(&question)["id"].clone());
    for id in &ids {
        let forged = answer(id, r#""result":{"roots":["another session's"]}"#);
        assert_eq!(other.post(forged).status, 202);
    }
    session.post(answer(&ids[0], r#""result":{"roots":["first"]}"#));
    session.post(answer(&ids[0], r#""result":{"roots":["second"]}"#));
    session.post(answer(&ids[1], r#""result":{"roots":["other"]}"#));
    session.post(answer(&ids[1], r#""error":{"code":-1,"message":"too late"}"#));
    let told = json_of(&stream.expect());
    assert_eq!(
        told["result"]["structuredContent"]["answers"],
        json!({"a": {"roots": ["first"]}, "b": {"roots": ["other"]}})
    );
    assert_eq!(stream.message(), None);
}

#[test]
fn a_question_that_cannot_be_answered_fails_its_call() {
    let proxy = modern();
    let session = Session::open_with(&proxy, r#"{"elicitation":{}}"#);
    let told = session.post(ask("1", &format!(r#"{{"a":{NAME},"b":{ROOTS}}}"#))).message();
    assert!(told.contains("cannot give: roots") && told.contains(r#""isError":true"#), "{told}");
    let mut stream = session.stream(ask("2", &format!(r#"{{"a":{NAME},"b":{NAME}}}"#)));
    let ids = [stream.expect(), stream.expect()].map(|question| json_of(&question)["id"].clone());
    session.post(answer(&ids[1], r#""error":{"code":-1,"message":"rejected"}"#));
    let withdrawn = json_of(&stream.expect());
    assert_eq!(withdrawn["params"]["requestId"], ids[0]);
    let told = stream.expect();
    assert!(told.contains("rejected") && told.contains(r#""isError":true"#), "{told}");
    session.assert_healthy();
}

#[test]
fn a_server_that_asks_again_and_again_is_stopped() {
    let proxy = modern();
    let session = proxy.session();
    let told = session.post(ask("1", "{}")).message();
    assert!(told.contains("more than 10 times"), "{told}");
    session.assert_healthy();
}

#[test]
fn changes_reach_every_session_and_updates_their_subscribers() {
    let proxy = modern();
    let (one, two) = (proxy.session(), proxy.session());
    let (mut first, mut second) = (one.listen(), two.listen());
    let subscribed = one
        .post(r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"x:a"}}"#);
    assert_eq!(subscribed.message(), r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let filter = json!({"toolsListChanged": true, "resourceSubscriptions": ["x:a"]});
    wait_for("the earlier stream is closed", || {
        (streams(&one)["open"] == json!([filter])).then_some(())
    });
    two.call("2", "touch", r#"{"uri":"x:a"}"#);
    two.call("3", "change", "{}");
    let updated =
        r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x:a"}}"#;
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{}}"#;
    assert_eq!((first.expect().as_str(), first.expect().as_str()), (updated, changed));
    assert_eq!(second.expect(), changed);
    assert_eq!(one.delete().status, 200);
    wait_for("nobody is subscribed", || {
        (streams(&two)["open"] == json!([{"toolsListChanged": true}])).then_some(())
    });
}

#[test]
fn a_broken_stream_is_opened_again() {
    let proxy = modern();
    let session = proxy.session();
    let mut stream = session.listen();
    wait_for("the proxy listens", || (streams(&session)["opened"] == 1).then_some(()));
    session.call("1", "break", "{}");
    wait_for("it listens again", || (streams(&session)["opened"] == 2).then_some(()));
    session.call("2", "change", "{}");
    assert!(stream.expect().contains("tools/list_changed"));
}

#[test]
fn log_messages_are_those_that_were_asked_for() {
    let proxy = modern();
    let session = proxy.session();
    assert!(session.call("1", "log", "{}").contains("logged"), "and nothing else");
    let level =
        r#"{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"alert"}}"#;
    assert!(session.post(level).message().contains(r#""result":{}"#));
    let messages = session.post(call("3", "log", "{}")).messages();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[0].contains("at alert") && messages[1].contains("at emergency"));
}

#[test]
fn sessions_survive_the_end_of_their_server() {
    let proxy = modern();
    let session = Session::open_with(&proxy, ALL);
    let mut listening = session.listen();
    let subscribe =
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"x:a"}}"#;
    assert!(session.post(subscribe).message().contains(r#""result":{}"#));
    let mut asked = session.stream(ask("2", &format!(r#"{{"a":{ROOTS}}}"#)));
    let question = json_of(&asked.expect());
    let told = json_of(&session.call("3", "pid", "{}"));
    let pid = told["result"]["content"][0]["text"].as_str().expect("a pid").to_owned();
    let killed = std::process::Command::new("kill").args(["-9", &pid]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    proxy.stderr.line(|line| line.contains("serves again")).expect("a restart");
    let filter = json!([{"toolsListChanged": true, "resourceSubscriptions": ["x:a"]}]);
    wait_for("the proxy listens again", || (streams(&session)["open"] == filter).then_some(()));
    session.call("4", "touch", r#"{"uri":"x:a"}"#);
    assert!(listening.until("resources/updated").len() <= 2);
    session.post(answer(&question["id"], r#""result":{"roots":[]}"#));
    assert!(asked.expect().contains(r#""answers":{"a":{"roots":[]}}"#));
}
