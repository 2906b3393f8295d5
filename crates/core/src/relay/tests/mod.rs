//! The relay between scripted clients and a scripted upstream.

mod dedicated;
mod dropped;
mod expiry;
#[cfg(feature = "shuttle")]
mod interleavings;
mod mixed;
mod model;
mod modern;
mod outbox;
mod reentrant;
mod threads;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::*;
use crate::jsonrpc::Assembly;

/// A client's messages when none were sent.
const NOTHING: [Value; 0] = [];

/// A sink that keeps what its client would receive.
#[derive(Debug, Default)]
struct Kept {
    messages: Mutex<Vec<String>>,
    forgotten: Mutex<usize>,
}

impl Sink for Kept {
    fn write(&self, outgoing: Outgoing<'_>) {
        let Outgoing { source, edits, .. } = outgoing;
        let bytes = Assembly { before: b"", source, edits, behind: b"" }.frame().runs().concat();
        self.messages.lock().unwrap().push(String::from_utf8(bytes).unwrap());
    }

    fn forget(&self) {
        *self.forgotten.lock().unwrap() += 1;
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }
}

impl Reader for Kept {
    fn is_heard(&self) -> bool {
        true
    }
}

impl Kept {
    /// What has come since the last check, raw.
    fn take_raw(&self) -> Vec<String> {
        std::mem::take(&mut *self.messages.lock().unwrap())
    }

    fn take(&self) -> Vec<Value> {
        self.take_raw().iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

/// A shared upstream that the test plays.
struct Upstream {
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
}

fn message(value: &Value) -> Message {
    Message::parse(value.to_string().into()).unwrap()
}

impl Upstream {
    fn new(limits: Limits) -> Self {
        let shared = Shared::new(Ids::Ascending(1), limits, Duration::from_secs(10));
        let upstream = Self { shared, outbox: Arc::default() };
        upstream.connect(Arc::clone(&upstream.outbox));
        upstream
    }

    fn connect(&self, outbox: Arc<Outbox>) {
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "result": {
            "protocolVersion": "2025-11-25",
            "capabilities": {"logging": {}, "resources": {"subscribe": true},
                "tools": {"listChanged": true}},
            "serverInfo": {"name": "scripted", "version": "1"},
        }});
        let initialize = InitializeResult::of(&message(&initialize)).unwrap();
        self.shared.connected(outbox, initialize, None);
    }

    /// A client, and the sink for messages that answer none of its requests.
    fn client(&self) -> (Arc<dyn Connection>, Arc<Kept>) {
        let sink = Arc::new(Kept::default());
        let unsolicited: Arc<dyn Sink> = Arc::<Kept>::clone(&sink);
        let client = Client { unsolicited: Some(unsolicited), ..Client::default() };
        let connection = self.shared.open(client).now_or_never().expect("no wait").ok();
        (connection.expect("an upstream"), sink)
    }

    /// The member with this number, which is open.
    fn member(&self, id: u64) -> member::Member {
        member::Member::new(id, Era::Legacy, Arc::clone(&self.shared))
    }

    /// What was sent to the server since the last check.
    fn sent(&self) -> Vec<Value> {
        let batch = self.outbox.next().now_or_never().flatten().unwrap_or_default().concat();
        let lines = batch.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    /// The server writes a message.
    fn says(&self, value: &Value) {
        self.shared.receive(&message(value));
    }
}

/// A client's request, answered to the sink.
fn call(connection: &Arc<dyn Connection>, request: &Value, sink: &Arc<Kept>) {
    let request = message(request);
    let reply = Reply::to(&request, Arc::<Kept>::clone(sink) as _);
    assert!(connection.send(request, Some(reply), None).is_none(), "it was taken at once");
}
