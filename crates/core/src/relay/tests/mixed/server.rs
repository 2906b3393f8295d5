//! The server's part: it reads what it is sent, and answers at once what is not a client's.

use super::{
    super::*,
    clients::{Caller, META, Wanted},
    world::{Stream, World},
};
use crate::era::Era;

impl World {
    /// The server reads everything that it is sent.
    pub(super) fn deliver(&mut self) {
        loop {
            let sent = self.upstream.sent();
            if sent.is_empty() {
                return;
            }
            for message in sent {
                self.read(&message);
            }
        }
    }

    pub(super) fn read(&mut self, sent: &Value) {
        let id = sent["id"].as_u64();
        assert!(id.is_none_or(|id| self.seen.insert(id)), "an id was given twice: {sent}");
        match (sent["method"].as_str(), id) {
            (Some("tools/call"), Some(id)) => self.called(id, sent),
            (Some("subscriptions/listen"), Some(id)) => self.listened(id, sent),
            (Some("notifications/cancelled"), None) => self.cancelled(sent),
            (Some("resources/subscribe" | "resources/unsubscribe"), Some(id)) => {
                assert_eq!(self.era, Era::Legacy);
                self.upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
            }
            (Some("logging/setLevel"), Some(_)) => assert_eq!(self.era, Era::Legacy),
            (None, None) => {
                // The answer to a question that the proxy asks no client.
                assert_eq!((&sent["id"], self.era), (&json!("up"), Era::Legacy));
                assert_eq!(sent["error"]["code"], -32601);
            }
            _ => panic!("nobody has sent {sent}"),
        }
    }

    fn called(&mut self, id: u64, sent: &Value) {
        let number: usize = sent["params"]["number"].as_u64().unwrap().try_into().unwrap();
        let call = &mut self.calls[number];
        assert!(call.running && call.upstream.is_none(), "it was sent twice: {sent}");
        call.upstream = Some(id);
        let meta = &sent["params"]["_meta"];
        assert_eq!(meta["progressToken"], call.token.map_or(Value::Null, |_| id.into()));
        let client = match (self.era, &call.client) {
            (Era::Legacy, _) => Value::Null,
            (Era::Modern, Caller::Visitor(visitor)) => format!("v{visitor}").into(),
            (Era::Modern, Caller::Alone(..)) => format!("m{number}").into(),
        };
        assert_eq!(meta[format!("{META}clientInfo")]["name"], client);
        let own = |key: &String| key.starts_with(META);
        let told = meta.as_object().is_some_and(|meta| meta.keys().any(own));
        assert_eq!(told, self.era == Era::Modern, "{sent}");
    }

    fn listened(&mut self, id: u64, sent: &Value) {
        assert_eq!(self.era, Era::Modern);
        let filter = sent["params"]["notifications"].clone();
        let listener = sent["params"]["_meta"]["listener"].as_u64();
        let listener = listener.map(|number| usize::try_from(number).unwrap());
        self.upstream.says(&on_stream(
            id,
            "subscriptions/acknowledged",
            json!({ "notifications": filter }),
        ));
        self.streams.push(Stream { id, filter, listener });
    }

    fn cancelled(&mut self, sent: &Value) {
        let id = sent["params"]["requestId"].as_u64().unwrap();
        let stream = self.streams.iter().position(|stream| stream.id == id);
        if let Some(stream) = stream {
            let listener = self.streams.remove(stream).listener;
            assert!(listener.is_none_or(|listener| !self.listeners[listener].open));
        } else {
            assert!(self.cancellations.remove(&id), "nobody has cancelled {id}");
        }
    }

    pub(super) fn says(&self, message: &Value) {
        self.upstream.says(message);
    }

    /// Something has changed: a server with a handshake reports it once, another on each stream
    /// that was opened for it.
    pub(super) fn changed(&self, wanted: &Wanted, kind: &str, params: &Value) {
        if self.era == Era::Legacy {
            let method = format!("notifications/{kind}");
            return self.says(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
        }
        for stream in self.streams.iter().filter(|stream| wanted.is_in(&stream.filter)) {
            self.says(&on_stream(stream.id, kind, params.clone()));
        }
    }
}

fn on_stream(id: u64, kind: &str, mut params: Value) -> Value {
    params["_meta"] = json!({format!("{META}subscriptionId"): id});
    json!({"jsonrpc": "2.0", "method": format!("notifications/{kind}"), "params": params})
}
