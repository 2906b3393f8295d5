//! What can happen, and what must follow from it.

use proptest::{prelude::*, sample::select};

use super::{
    super::*,
    clients::{Called, Caller, Listener, META, Reader, Visitor, Wanted},
    world::World,
};
use crate::{era::Era, protocol::LogLevel};

/// Ids that are equal for some parsers, and never for the proxy.
const IDS: [&str; 6] = ["1", "\"1\"", "1.0", "\"\\u0031\"", "12345678901234567890", "\"a\""];
const TOKENS: [&str; 4] = ["1", "\"1\"", "1.5", "\"t\""];
const URIS: [&str; 3] = ["x:a", "x:b", "x:c"];

#[derive(Clone, Debug)]
pub(super) enum Step {
    Open,
    Close {
        visitor: usize,
    },
    Call {
        visitor: usize,
        id: &'static str,
        token: Option<&'static str>,
    },
    /// Of a client without a session.
    CallAlone {
        id: &'static str,
        token: Option<&'static str>,
        level: Option<usize>,
    },
    /// A client ends its call: by a cancellation, or by disconnecting.
    GiveUp {
        call: usize,
    },
    Progress {
        call: usize,
    },
    Answer {
        call: usize,
        fails: bool,
    },
    /// The server needs something of the client to go on.
    Ask {
        call: usize,
    },
    /// A client answers what it is asked.
    Reply {
        call: usize,
    },
    /// Another client answers in its place.
    Forge {
        visitor: usize,
        call: usize,
    },
    SetLevel {
        visitor: usize,
        level: usize,
    },
    Log {
        level: usize,
    },
    Subscribe {
        visitor: usize,
        uri: &'static str,
    },
    Unsubscribe {
        visitor: usize,
        uri: &'static str,
    },
    Listen {
        id: &'static str,
        tools: bool,
        uris: Vec<&'static str>,
    },
    Leave {
        listener: usize,
    },
    Updated {
        uri: &'static str,
    },
    ListChanged,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let number = || 0usize..1000;
    let level = || 0..LogLevel::NAMES.len();
    let (id, token) = (|| select(&IDS[..]), || prop::option::of(select(&TOKENS[..])));
    let uri = || select(&URIS[..]);
    prop_oneof![
        3 => Just(Open),
        1 => number().prop_map(|visitor| Close { visitor }),
        6 => (number(), id(), token()).prop_map(|(visitor, id, token)| Call { visitor, id, token }),
        6 => (id(), token(), prop::option::of(level()))
            .prop_map(|(id, token, level)| CallAlone { id, token, level }),
        3 => number().prop_map(|call| GiveUp { call }),
        6 => number().prop_map(|call| Progress { call }),
        6 => (number(), any::<bool>()).prop_map(|(call, fails)| Answer { call, fails }),
        3 => number().prop_map(|call| Ask { call }),
        2 => number().prop_map(|call| Reply { call }),
        1 => (number(), number()).prop_map(|(visitor, call)| Forge { visitor, call }),
        1 => (number(), level()).prop_map(|(visitor, level)| SetLevel { visitor, level }),
        4 => level().prop_map(|level| Log { level }),
        3 => (number(), uri()).prop_map(|(visitor, uri)| Subscribe { visitor, uri }),
        2 => (number(), uri()).prop_map(|(visitor, uri)| Unsubscribe { visitor, uri }),
        2 => (id(), any::<bool>(), prop::collection::btree_set(uri(), 0..3))
            .prop_map(|(id, tools, uris)| Listen { id, tools, uris: uris.into_iter().collect() }),
        1 => number().prop_map(|listener| Leave { listener }),
        4 => uri().prop_map(|uri| Updated { uri }),
        2 => Just(ListChanged),
    ]
}

/// The element that a random number selects.
fn pick<T>(of: &[T], number: usize) -> Option<usize> {
    (!of.is_empty()).then(|| number % of.len())
}

fn level_of(number: usize) -> LogLevel {
    LogLevel::from_json(format!("\"{}\"", LogLevel::NAMES[number]).as_bytes()).unwrap()
}

impl World {
    pub(super) fn apply(&mut self, step: &Step) {
        self.said += 1;
        match *step {
            Step::Open => {
                let visitor = Visitor::new(&self.upstream, self.visitors.len());
                self.visitors.push(visitor);
            }
            Step::Close { visitor } => self.close(visitor),
            Step::Call { visitor, id, token } => self.call(visitor, id, token),
            Step::CallAlone { id, token, level } => {
                let (number, level) = (self.calls.len(), level.map(level_of));
                self.calls.push(Called::alone(&self.upstream, number, (id, token), level));
            }
            Step::GiveUp { call } => self.give_up(call),
            Step::Progress { call } => self.progress(call),
            Step::Answer { call, fails } => self.answer(call, fails),
            Step::Ask { call } => self.ask(call),
            Step::Reply { call } => self.reply(call),
            Step::Forge { visitor, call } => self.forge(visitor, call),
            Step::SetLevel { visitor, level } => self.set_level(visitor, level_of(level)),
            Step::Log { level } => self.log(level_of(level)),
            Step::Subscribe { visitor, uri } => self.subscribe(visitor, uri, true),
            Step::Unsubscribe { visitor, uri } => self.subscribe(visitor, uri, false),
            Step::Listen { id, tools, ref uris } => self.listen(id, tools, uris),
            Step::Leave { listener } => self.leave(listener),
            Step::Updated { uri } => self.updated(uri),
            Step::ListChanged => self.list_changed(),
        }
    }

    fn open_visitor(&self, number: usize) -> Option<usize> {
        pick(&self.visitors, number).filter(|visitor| self.visitors[*visitor].open)
    }

    fn close(&mut self, number: usize) {
        let Some(index) = self.open_visitor(number) else { return };
        self.visitors[index].connection.close();
        self.visitors[index].open = false;
        let calls = self.calls.iter_mut().filter(|call| call.is_of(index));
        self.cancellations.extend(calls.filter_map(Called::give_up));
    }

    fn call(&mut self, number: usize, id: &'static str, token: Option<&'static str>) {
        let Some(visitor) = self.open_visitor(number) else { return };
        // A client that has an id under way twice cannot tell its answers apart.
        if self.calls.iter().any(|call| call.running && call.is_of(visitor) && call.id == id) {
            return;
        }
        let call = Called::new(Caller::Visitor(visitor), id, token);
        call.begin(&self.visitors[visitor].connection, self.calls.len(), "");
        self.calls.push(call);
    }

    fn give_up(&mut self, number: usize) {
        let Some(index) = pick(&self.calls, number) else { return };
        let call = &mut self.calls[index];
        match &call.client {
            Caller::Alone(connection, _) => connection.close(),
            Caller::Visitor(visitor) => {
                // A cancellation of the same client's later call with this id would cancel another
                // call.
                if !call.running {
                    return;
                }
                if let Some(question) = &call.asked {
                    call.reader.must_read(json!({"jsonrpc": "2.0",
                        "method": "notifications/cancelled",
                        "params": {"requestId": question, "reason": "the call was cancelled"}}));
                }
                let text = format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{}}}}}"#,
                    call.id
                );
                let notification = Message::parse(text.into()).unwrap();
                let connection = &self.visitors[*visitor].connection;
                assert!(connection.send(notification, None, None).is_none());
            }
        }
        self.cancellations.extend(call.give_up());
    }

    fn progress(&mut self, number: usize) {
        let Some(index) = pick(&self.calls, number) else { return };
        let Some(id) = self.calls[index].upstream else { return };
        let progress = |token: &Value| {
            json!({"jsonrpc": "2.0", "method": "notifications/progress",
                "params": {"progressToken": token, "progress": self.said}})
        };
        self.says(&progress(&id.into()));
        let read =
            self.calls[index].token.map(|token| progress(&serde_json::from_str(token).unwrap()));
        let call = &mut self.calls[index];
        if let (true, Some(read)) = (call.is_under_way(), read) {
            call.reader.must_read(read);
        }
    }

    /// Answers a call, whether or not anybody waits for it.
    fn answer(&mut self, number: usize, fails: bool) {
        let Some(index) = pick(&self.calls, number) else { return };
        let Some(id) = self.calls[index].upstream.filter(|_| self.calls[index].asked.is_none())
        else {
            return;
        };
        let said = self.said;
        let mut result = json!({"content": [], "said": said});
        if self.era == Era::Modern {
            result["resultType"] = "complete".into();
        }
        let error = json!({"code": said, "message": "no"});
        let (kind, told) = if fails { ("error", error) } else { ("result", result) };
        self.says(&json!({"jsonrpc": "2.0", "id": id, kind: told}));
        self.ends(index, kind, told);
    }

    /// A call is answered with this, translated for its client.
    fn ends(&mut self, index: usize, kind: &str, mut told: Value) {
        let call = &mut self.calls[index];
        if !call.is_under_way() {
            return;
        }
        call.running = false;
        if kind == "result" {
            match (self.era, &call.client) {
                (Era::Legacy, Caller::Visitor(_)) | (Era::Modern, Caller::Alone(..)) => {}
                (Era::Modern, Caller::Visitor(_)) => {
                    told.as_object_mut().unwrap().remove("resultType");
                }
                (Era::Legacy, Caller::Alone(..)) => {
                    told["resultType"] = "complete".into();
                    told["_meta"][format!("{META}serverInfo")] =
                        json!({"name": "scripted", "version": "1"});
                }
            }
        }
        let id: Value = serde_json::from_str(call.id).unwrap();
        call.reader.must_read(json!({"jsonrpc": "2.0", "id": id, kind: told}));
        call.reader.check();
        if let Caller::Alone(connection, _) = &call.client {
            connection.close();
        }
    }

    fn ask(&mut self, number: usize) {
        let Some(index) = pick(&self.calls, number) else { return };
        if self.era == Era::Legacy {
            // It does not say which client it asks.
            return self.says(&json!({"jsonrpc": "2.0", "id": "up", "method": "roots/list"}));
        }
        let call = &mut self.calls[index];
        let Some(id) = call.upstream.filter(|_| call.asked.is_none()) else { return };
        let told = json!({"resultType": "input_required", "requestState": self.said,
            "inputRequests": {"a": {"method": "roots/list"}}});
        self.upstream.says(&json!({"jsonrpc": "2.0", "id": id, "result": told}));
        if call.is_alone() {
            return self.ends(index, "result", told);
        }
        if call.running {
            let question = call.reader.sink.take();
            assert!(question.len() == 1 && question[0]["method"] == "roots/list", "{question:?}");
            call.asked = Some(question[0]["id"].clone());
        }
    }

    fn reply(&mut self, number: usize) {
        let Some(index) = pick(&self.calls, number) else { return };
        let call = &mut self.calls[index];
        let (Some(question), Caller::Visitor(visitor)) = (call.asked.take(), &call.client) else {
            return;
        };
        call.upstream = None;
        let connection = &self.visitors[*visitor].connection;
        let answer = json!({"jsonrpc": "2.0", "id": question, "result": {"roots": [index]}});
        assert!(connection.send(message(&answer), None, None).is_none());
        let sent = self.upstream.sent();
        assert_eq!(sent.len(), 1, "it is made again: {sent:?}");
        assert_eq!(sent[0]["params"]["inputResponses"], json!({"a": {"roots": [index]}}));
        self.read(&sent[0]);
    }

    fn forge(&mut self, number: usize, call: usize) {
        let Some(visitor) = self.open_visitor(number) else { return };
        let Some(index) = pick(&self.calls, call).filter(|call| !self.calls[*call].is_of(visitor))
        else {
            return;
        };
        let question = self.calls[index].asked.clone().unwrap_or_else(|| 0.into());
        let answer = json!({"jsonrpc": "2.0", "id": question, "result": {"roots": ["forged"]}});
        let is_own = self
            .calls
            .iter()
            .any(|call| call.is_of(visitor) && call.asked == Some(question.clone()));
        if !is_own {
            let connection = &self.visitors[visitor].connection;
            assert!(connection.send(message(&answer), None, None).is_none());
            assert!(self.upstream.sent().is_empty());
        }
    }

    fn set_level(&mut self, number: usize, level: LogLevel) {
        let Some(index) = self.open_visitor(number) else { return };
        let visitor = &mut self.visitors[index];
        let answer = visitor.settle("logging/setLevel", &json!({"level": level.name()}));
        assert_eq!(answer.take(), [json!({"jsonrpc": "2.0", "id": "own", "result": {}})]);
        visitor.level = Some(level);
    }

    fn log(&mut self, level: LogLevel) {
        self.deliver();
        let message = json!({"jsonrpc": "2.0", "method": "notifications/message",
            "params": {"level": level.name(), "data": self.said}});
        self.says(&message);
        if self.era == Era::Legacy {
            // While calls are running, it belongs to one of them; which one is known only if there
            // is just one.
            let under_way = || self.calls.iter().filter(|call| call.is_under_way());
            let is_theirs = |visitor: usize| under_way().all(|call| call.is_of(visitor));
            let entitled: Vec<usize> =
                (0..self.visitors.len()).filter(|&of| is_theirs(of)).collect();
            for index in entitled {
                let visitor = &mut self.visitors[index];
                if visitor.open && visitor.level.is_none_or(|wanted| level >= wanted) {
                    visitor.reader.must_read(message.clone());
                }
            }
        }
        if let Some(reader) = self.reader_of_log(level) {
            reader.must_read(message);
        }
    }

    /// Who gets a log message because one of its calls is running.
    fn reader_of_log(&mut self, level: LogLevel) -> Option<&mut Reader> {
        let wanted = |call: &Called, visitors: &[Visitor]| match &call.client {
            Caller::Visitor(visitor) => visitors[*visitor].level,
            Caller::Alone(_, level) => *level,
        };
        let under_way: Vec<usize> =
            (0..self.calls.len()).filter(|call| self.calls[*call].is_under_way()).collect();
        let wants = |call: &usize| {
            wanted(&self.calls[*call], &self.visitors).is_some_and(|wanted| level >= wanted)
        };
        if self.era == Era::Legacy {
            // Its call is known only if no other one is running.
            let [only] = under_way[..] else { return None };
            let call = wants(&only) && self.calls[only].is_alone();
            return call.then(|| &mut self.calls[only].reader);
        }
        let wanting: Vec<usize> = under_way.into_iter().filter(wants).collect();
        match wanting[..] {
            [only] => Some(&mut self.calls[only].reader),
            [first, ..] => {
                let Caller::Visitor(visitor) = self.calls[first].client else { return None };
                let alone = wanting.iter().all(|call| self.calls[*call].is_of(visitor));
                alone.then(|| &mut self.visitors[visitor].reader)
            }
            [] => None,
        }
    }

    fn subscribe(&mut self, number: usize, uri: &'static str, on: bool) {
        let Some(index) = self.open_visitor(number) else { return };
        let method = if on { "resources/subscribe" } else { "resources/unsubscribe" };
        let answer = self.visitors[index].settle(method, &json!({ "uri": uri }));
        self.deliver();
        assert_eq!(answer.take(), [json!({"jsonrpc": "2.0", "id": "own", "result": {}})]);
        let resources = &mut self.visitors[index].resources;
        if on {
            resources.insert(uri);
        } else {
            resources.remove(uri);
        }
    }

    fn listen(&mut self, id: &'static str, tools: bool, uris: &[&'static str]) {
        let mut filter = json!({});
        if tools {
            filter["toolsListChanged"] = true.into();
        }
        if !uris.is_empty() {
            filter["resourceSubscriptions"] = json!(uris);
        }
        let number = self.listeners.len();
        let mut listener = Listener::new(&self.upstream, id, filter.clone(), number);
        listener.told("subscriptions/acknowledged", json!({ "notifications": filter }));
        self.listeners.push(listener);
    }

    fn leave(&mut self, number: usize) {
        let Some(index) = pick(&self.listeners, number) else { return };
        self.listeners[index].open = false;
        self.listeners[index].connection.close();
    }

    fn updated(&mut self, uri: &'static str) {
        self.deliver();
        let (wanted, params) = (Wanted::Resource(uri), json!({"uri": uri, "said": self.said}));
        self.changed(&wanted, "resources/updated", &params);
        for visitor in &mut self.visitors {
            if visitor.open && visitor.resources.contains(uri) {
                visitor.reader.must_read(json!({"jsonrpc": "2.0",
                    "method": "notifications/resources/updated", "params": params}));
            }
        }
        self.tell_listeners(&wanted, "resources/updated", &params);
    }

    fn list_changed(&mut self) {
        self.deliver();
        let params = json!({"said": self.said});
        self.changed(&Wanted::Tools, "tools/list_changed", &params);
        for visitor in self.visitors.iter_mut().filter(|visitor| visitor.open) {
            visitor.reader.must_read(json!({"jsonrpc": "2.0",
                "method": "notifications/tools/list_changed", "params": params}));
        }
        self.tell_listeners(&Wanted::Tools, "tools/list_changed", &params);
    }

    fn tell_listeners(&mut self, wanted: &Wanted, kind: &str, params: &Value) {
        for listener in self.listeners.iter_mut().filter(|listener| listener.wants(wanted)) {
            listener.told(kind, params.clone());
        }
    }
}
