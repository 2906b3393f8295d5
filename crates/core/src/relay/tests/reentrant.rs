//! Sinks that call back while they are written to: nothing is done for clients under the lock.

use std::sync::OnceLock;

use super::*;

/// A sink that sends a request whenever something arrives, or does not.
#[derive(Default)]
struct CallsBack {
    connection: OnceLock<Arc<dyn Connection>>,
    kept: Arc<Kept>,
    calls: Mutex<u32>,
}

impl CallsBack {
    fn call_back(&self) {
        let Some(connection) = self.connection.get() else { return };
        let number = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        let request = json!({"jsonrpc": "2.0", "id": format!("back {number}"), "method": "tools/call",
            "params": {"name": "again"}});
        call(connection, &request, &self.kept);
    }
}

impl Sink for CallsBack {
    fn write(&self, outgoing: Outgoing<'_>) {
        self.call_back();
        self.kept.write(outgoing);
    }

    fn forget(&self) {
        self.call_back();
        self.kept.forget();
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(&*self.kept)
    }
}

/// Sends requests whose sink calls back, and lets the server act on them; returns how often the
/// sink was called.
fn called_back(requests: &[Value], act: impl Fn(&Upstream, &Arc<dyn Connection>)) -> u32 {
    let upstream = Upstream::new(Limits::default());
    let sink = Arc::new(CallsBack::default());
    let unsolicited: Arc<dyn Sink> = Arc::<CallsBack>::clone(&sink);
    let client = Client { unsolicited: Some(unsolicited), ..Client::default() };
    let connection = upstream.shared.open(client).now_or_never().unwrap().expect("connected");
    sink.connection.set(Arc::clone(&connection)).expect("set once");
    for request in requests {
        let request = message(request);
        let reply = Reply::to(&request, Arc::<CallsBack>::clone(&sink));
        drop(connection.send(request, Some(reply), None));
    }
    act(&upstream, &connection);

    *sink.calls.lock().unwrap()
}

fn request(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn nothing(_: &Upstream, _: &Arc<dyn Connection>) {}

#[test]
fn a_sink_may_call_back_whatever_it_is_told() {
    let tool = request("tools/call", &json!({"name": "a", "_meta": {"progressToken": 7}}));
    let wish = request("resources/subscribe", &json!({"uri": "a:b"}));
    let level = |level: &str| request("logging/setLevel", &json!({ "level": level }));
    let result = |upstream: &Upstream, id: u64| {
        upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    };
    // Requests, what happens then, and how often the sink is called.
    let progress = called_back(std::slice::from_ref(&tool), |upstream, _| {
        upstream.says(&json!({"jsonrpc": "2.0", "method": "notifications/progress",
            "params": {"progressToken": 1, "progress": 1}}));
        result(upstream, 1);
    });
    assert_eq!(progress, 2, "a progress and an answer");
    let subscribed = called_back(&[wish.clone(), wish.clone()], |upstream, _| result(upstream, 1));
    assert_eq!(subscribed, 2, "two wishes are fulfilled by one answer");
    let again = called_back(std::slice::from_ref(&wish), |upstream, connection| {
        result(upstream, 1);
        call(
            connection,
            &request("resources/unsubscribe", &json!({"uri": "a:b"})),
            &Arc::default(),
        );
    });
    assert_eq!(again, 1);
    let unsubscribed =
        called_back(&[request("resources/unsubscribe", &json!({"uri": "c"}))], nothing);
    assert_eq!(unsubscribed, 1);
    assert_eq!(called_back(&[level("debug"), level("loud")], nothing), 2);
    let pinged = called_back(&[request("ping", &json!({}))], nothing);
    assert_eq!(pinged, 1);
    let lost = called_back(&[tool.clone(), wish], |upstream, _| {
        upstream.shared.closed(&Cause { message: "gone".to_owned(), data: None });
    });
    assert_eq!(lost, 2, "a call and a wish fail");
    let closed = called_back(&[tool], |_, connection| connection.close());
    assert_eq!(closed, 1, "the call is forgotten");
    let told = called_back(&[], |upstream, _| {
        upstream.says(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    });
    assert_eq!(told, 1);
}
