//! One client over a pair of streams, with a scripted server of either era.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines},
    sync::oneshot,
    task::JoinHandle,
};

use super::*;
use crate::{
    era::modern_server::Discovery,
    relay::{Ids, InitializeResult, Limits, Listener as _, Outbox, Shared},
};

const META: &str = "io.modelcontextprotocol/";

/// A client, the front that serves it, and the server's part.
struct Scene {
    input: Option<DuplexStream>,
    output: Lines<BufReader<DuplexStream>>,
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
    sent: std::collections::VecDeque<Value>,
    serving: JoinHandle<Ended>,
    _stop: oneshot::Sender<()>,
}

fn message(value: &Value) -> Message {
    Message::parse(value.to_string().into()).unwrap()
}

impl Scene {
    fn before(server: Era) -> Self {
        let shared = Shared::new(Ids::Ascending(1), Limits::default(), Duration::from_secs(10));
        let outbox: Arc<Outbox> = Arc::default();
        let capabilities = json!({"tools": {"listChanged": true}, "logging": {}});
        let named = json!({"name": "scripted", "version": "1"});
        let introduced = match server {
            Era::Legacy => InitializeResult::of(&message(&json!({"jsonrpc": "2.0", "id": 0,
                "result": {"protocolVersion": "2025-11-25", "capabilities": capabilities,
                    "serverInfo": named}}))),
            Era::Modern => {
                let discovered = message(&json!({"jsonrpc": "2.0", "id": 0, "result": {
                    "supportedVersions": ["2026-07-28"], "capabilities": capabilities,
                    "_meta": {(format!("{META}serverInfo")): named}}}));
                InitializeResult::of_discovery(Discovery::of(&discovered))
            }
        };
        shared.connected(Arc::clone(&outbox), introduced.unwrap(), None);
        let (input, read) = tokio::io::duplex(1 << 16);
        let (written, output) = tokio::io::duplex(1 << 16);
        let (stop, stopped) = oneshot::channel::<()>();
        let backend: Arc<dyn Backend> = Arc::clone(&shared) as _;
        let serving = tokio::spawn(async move {
            serve(backend, 1 << 16, (read, written), async { drop(stopped.await) }).await
        });
        Self {
            input: Some(input),
            output: BufReader::new(output).lines(),
            shared,
            outbox,
            sent: std::collections::VecDeque::new(),
            serving,
            _stop: stop,
        }
    }

    async fn write(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it is not closed");
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// What the client reads next.
    async fn read(&mut self) -> Value {
        let line = self.output.next_line().await.unwrap().expect("a line");
        serde_json::from_str(&line).unwrap()
    }

    /// What the server reads next.
    async fn sent(&mut self) -> Value {
        while self.sent.is_empty() {
            let batch = self.outbox.next().await.expect("it is open").concat();
            let lines = batch.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
            self.sent.extend(lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()));
        }
        self.sent.pop_front().unwrap()
    }

    /// The server answers a request.
    fn answers(&self, request: &Value, result: &Value) {
        self.shared
            .receive(&message(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result})));
    }

    /// Ends the client's input; returns how serving it ended.
    async fn end(mut self) -> Ended {
        drop(self.input.take());
        self.serving.await.unwrap()
    }
}

fn modern(id: &str, method: &str, params: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}"_meta":{{"{META}protocolVersion":"2026-07-28","{META}clientCapabilities":{{}}}}}}}}"#
    )
}

fn legacy(id: &str, method: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"protocolVersion":"2025-11-25"}}}}"#
    )
}

#[tokio::test]
async fn a_client_of_either_era_uses_a_server_of_either() {
    for server in [Era::Legacy, Era::Modern] {
        let result = match server {
            Era::Legacy => json!({"content": []}),
            Era::Modern => json!({"content": [], "resultType": "complete"}),
        };
        let mut scene = Scene::before(server);
        scene.write(&modern("\"a\"", "tools/call", r#""name":"t","#)).await;
        let called = scene.sent().await;
        scene.answers(&called, &result);
        let told = scene.read().await;
        assert_eq!((&told["id"], &told["result"]["resultType"]), (&json!("a"), &json!("complete")));
        assert!(matches!(scene.end().await, Ended::Cleanly));

        let mut scene = Scene::before(server);
        scene.write(&legacy("0", "initialize")).await;
        assert_eq!(scene.read().await["result"]["serverInfo"]["name"], "scripted");
        scene.write(&legacy("1", "tools/call")).await;
        let mut called = scene.sent().await;
        while called["method"] != "tools/call" {
            called = scene.sent().await;
        }
        scene.answers(&called, &result);
        let told = scene.read().await;
        assert_eq!(told, json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}}));
        assert!(matches!(scene.end().await, Ended::Cleanly));
    }
}

/// The handshake of a client of the older era; the server has received all of it.
async fn greeted(server: Era) -> Scene {
    let mut scene = Scene::before(server);
    scene.write(&legacy("0", "initialize")).await;
    scene.read().await;
    scene
}

#[tokio::test]
async fn an_array_is_answered_with_one_array() {
    let mut scene = greeted(Era::Legacy).await;
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    let messages = [&legacy("1", "tools/call"), notification, &legacy("\"1\"", "tools/list")];
    scene.write(&format!("[{}]", messages.join(","))).await;
    let (called, passed, listed) = (scene.sent().await, scene.sent().await, scene.sent().await);
    assert_eq!(passed["method"], "notifications/x");
    scene.answers(&listed, &json!({"tools": []}));
    scene.write(&legacy("2", "tools/call")).await;
    let alone = scene.sent().await;
    scene.answers(&alone, &json!({}));
    assert_eq!(scene.read().await["id"], 2, "one that is alone waits for no array");
    scene.answers(&called, &json!({"content": []}));
    let answers = json!([
        {"jsonrpc": "2.0", "id": "1", "result": {"tools": []}},
        {"jsonrpc": "2.0", "id": 1, "result": {"content": []}},
    ]);
    assert_eq!(scene.read().await, answers);
    assert!(matches!(scene.end().await, Ended::Cleanly));
}

#[tokio::test]
async fn what_an_array_leads_to_besides_its_answers_does_not_wait() {
    let mut scene = greeted(Era::Legacy).await;
    let asks = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p"}}}"#;
    scene.write(&format!("[{asks}]")).await;
    let called = scene.sent().await;
    let token = &called["params"]["_meta"]["progressToken"];
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress",
        "params": {"progressToken": token, "progress": 1}});
    scene.shared.receive(&message(&progress));
    assert_eq!(scene.read().await["params"]["progressToken"], "p");
    scene.answers(&called, &json!({}));
    assert_eq!(scene.read().await, json!([{"jsonrpc": "2.0", "id": 1, "result": {}}]));
}

#[tokio::test]
async fn what_of_an_array_is_not_answered_leaves_no_gap() {
    let mut scene = greeted(Era::Legacy).await;
    scene.write(&format!("[{},{}]", legacy("1", "tools/call"), legacy("2", "tools/call"))).await;
    let calls = [scene.sent().await, scene.sent().await];
    let cancel = |id: u8| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        )
    };
    scene.write(&cancel(1)).await;
    assert_eq!(scene.sent().await["method"], "notifications/cancelled");
    scene.answers(&calls[1], &json!({}));
    assert_eq!(scene.read().await, json!([{"jsonrpc": "2.0", "id": 2, "result": {}}]));

    let notification = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    scene.write(&format!("[{notification}]")).await;
    assert_eq!(scene.sent().await["method"], "notifications/x");
    scene.write(&format!("[{}]", legacy("3", "tools/call"))).await;
    scene.sent().await;
    scene.write(&cancel(3)).await;
    scene.write(&legacy("4", "ping")).await;
    assert_eq!(scene.read().await["id"], 4, "nothing to answer, no array");
    assert!(matches!(scene.end().await, Ended::Cleanly));
}

#[tokio::test]
async fn arrays_that_no_client_may_send_are_refused_as_a_whole() {
    let call = legacy("1", "tools/call");
    let long = vec![call.clone(); 101].join(",");
    let handshake = legacy("1", "initialize");
    let mut scene = greeted(Era::Legacy).await;
    for line in [String::new(), long, format!("{call},{handshake}")] {
        scene.write(&format!("[{line}]")).await;
        let refused = scene.read().await;
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(null), &json!(-32600)));
        let why = refused["error"]["message"].as_str().unwrap();
        assert!(why.starts_with("Invalid Request: Batch must not"), "{why}");
    }
    scene.write(&call).await;
    assert_eq!(scene.sent().await["method"], "tools/call", "nothing of them was sent");
}

#[tokio::test]
async fn a_discovery_leaves_the_handshake_open_and_a_request_does_not() {
    let mut scene = Scene::before(Era::Legacy);
    scene.write(&modern("1", "server/discover", "")).await;
    assert_eq!(scene.read().await["result"]["supportedVersions"], json!(["2026-07-28"]));
    scene.write(&legacy("2", "initialize")).await;
    assert_eq!(scene.read().await["result"]["protocolVersion"], "2025-11-25");

    let mut scene = Scene::before(Era::Legacy);
    scene.write(&modern("1", "ping", "")).await;
    assert_eq!(scene.read().await["error"]["code"], -32601);
    scene.write(&legacy("2", "initialize")).await;
    let refused = scene.read().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(2), &json!(-32022)));
    assert_eq!(refused["error"]["data"]["supported"], json!(["2026-07-28"]));
    for (line, code) in [
        (r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#, -32602),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":3,"method":"tools/list"}]"#, -32600),
        ("{", -32700),
    ] {
        scene.write(line).await;
        let refused = scene.read().await;
        assert_eq!(refused["error"]["code"], code, "{line}");
        assert_eq!(refused.get("id").is_some(), code == -32602, "{refused}");
    }
}

#[tokio::test]
async fn a_cancelled_request_is_cancelled_at_the_server_and_not_answered() {
    for server in [Era::Legacy, Era::Modern] {
        let mut scene = Scene::before(server);
        for id in ["1", "\"1\""] {
            scene.write(&modern(id, "tools/call", r#""name":"t","#)).await;
        }
        let calls = [scene.sent().await, scene.sent().await];
        scene
            .write(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"1"}}"#)
            .await;
        let told = scene.sent().await;
        assert_eq!(told["method"], "notifications/cancelled");
        let cancelled = &told["params"]["requestId"];
        assert!(calls.iter().any(|call| call["id"] == *cancelled));
        for call in &calls {
            scene.answers(call, &json!({"content": []}));
        }
        assert_eq!(scene.read().await["id"], 1);
        scene.write(&modern("2", "tools/call", r#""name":"t","#)).await;
        let call = scene.sent().await;
        scene.answers(&call, &json!({"content": []}));
        assert_eq!(scene.read().await["id"], 2, "the cancelled one got no answer");
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_told_of_changes_and_end_with_the_input() {
    let mut scene = Scene::before(Era::Legacy);
    let listen =
        modern("\"s\"", "subscriptions/listen", r#""notifications":{"toolsListChanged":true},"#);
    scene.write(&listen).await;
    let subscription =
        |told: &Value, of: &str| told[of]["_meta"][format!("{META}subscriptionId")].clone();
    let told = scene.read().await;
    assert_eq!(told["method"], "notifications/subscriptions/acknowledged");
    let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    scene.shared.receive(&message(&changed));
    let told = scene.read().await;
    assert_eq!(told["method"], changed["method"]);
    assert_eq!(subscription(&told, "params"), "s");
    drop(scene.input.take());
    let told = scene.read().await;
    assert_eq!((&told["id"], subscription(&told, "result")), (&json!("s"), json!("s")));
    assert!(matches!(scene.serving.await.unwrap(), Ended::Cleanly));
}

#[tokio::test]
async fn answers_to_nothing_are_dropped() {
    let mut scene = Scene::before(Era::Modern);
    scene.write(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).await;
    scene.write(&modern("1", "tools/call", r#""name":"t","#)).await;
    assert_eq!(scene.sent().await["method"], "tools/call");
    scene.write(r#"{"jsonrpc":"2.0","id":1,"result":{"forged":true}}"#).await;
    scene.write(&modern("2", "tools/list", "")).await;
    assert_eq!(scene.sent().await["method"], "tools/list");
}
