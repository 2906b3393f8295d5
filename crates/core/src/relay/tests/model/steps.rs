//! What can happen, and what must follow from it.

use proptest::{prelude::*, sample::select};

use super::{
    super::*,
    clients::{Called, Visitor, Wish},
    world::{LIMITS, World},
};
use crate::protocol::LogLevel;

/// Ids that are equal for some parsers, and never for the proxy.
const IDS: [&str; 6] = ["1", "\"1\"", "1.0", "\"\\u0031\"", "12345678901234567890", "\"a\""];
const TOKENS: [&str; 4] = ["1", "\"1\"", "1e0", "\"t\""];
const URIS: [&str; 3] = ["x:a", "x:b", "x:b/part"];

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
    /// A client cancels its running call with this id, if there is one.
    Cancel {
        visitor: usize,
        id: &'static str,
    },
    Progress {
        call: usize,
    },
    Answer {
        call: usize,
        fails: bool,
    },
    Subscribe {
        visitor: usize,
        uri: &'static str,
    },
    Unsubscribe {
        visitor: usize,
        uri: &'static str,
    },
    AnswerWish {
        accepted: bool,
    },
    Updated {
        uri: &'static str,
    },
    SetLevel {
        visitor: usize,
        level: usize,
    },
    Log {
        level: usize,
    },
    ListChanged,
    /// The upstream asks something.
    Ask,
    Restart,
    /// The upstream answers nothing for too long.
    Tick,
    /// A disconnected client sends something.
    SendAfterClose {
        visitor: usize,
        uri: &'static str,
    },
    /// A call waits for the upstream, and is dropped.
    DropFuture {
        visitor: usize,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let number = || 0usize..1000;
    let level = || 0..LogLevel::NAMES.len();
    let token = || prop::option::of(select(&TOKENS[..]));
    prop_oneof![
        3 => Just(Open),
        1 => number().prop_map(|visitor| Close { visitor }),
        8 => (number(), select(&IDS[..]), token()).prop_map(|(visitor, id, token)| Call { visitor, id, token }),
        2 => (number(), select(&IDS[..])).prop_map(|(visitor, id)| Cancel { visitor, id }),
        6 => number().prop_map(|call| Progress { call }),
        6 => (number(), any::<bool>()).prop_map(|(call, fails)| Answer { call, fails }),
        4 => (number(), select(&URIS[..])).prop_map(|(visitor, uri)| Subscribe { visitor, uri }),
        2 => (number(), select(&URIS[..])).prop_map(|(visitor, uri)| Unsubscribe { visitor, uri }),
        4 => prop::bool::weighted(0.8).prop_map(|accepted| AnswerWish { accepted }),
        4 => select(&URIS[..]).prop_map(|uri| Updated { uri }),
        1 => (number(), level()).prop_map(|(visitor, level)| SetLevel { visitor, level }),
        2 => level().prop_map(|level| Log { level }),
        1 => Just(ListChanged),
        1 => Just(Ask),
        1 => Just(Restart),
        1 => Just(Tick),
        2 => (number(), select(&URIS[..])).prop_map(|(visitor, uri)| SendAfterClose { visitor, uri }),
        1 => number().prop_map(|visitor| DropFuture { visitor }),
    ]
}

/// The element that a random number selects.
fn pick<T>(of: &[T], number: usize) -> Option<usize> {
    (!of.is_empty()).then(|| number % of.len())
}

impl World {
    pub(super) fn apply(&mut self, step: &Step) {
        match *step {
            Step::Open => self.visitors.push(Visitor::new(self.upstream.client())),
            Step::Close { visitor } => self.close(visitor),
            Step::Call { visitor, id, token } => self.call(visitor, id, token),
            Step::Cancel { visitor, id } => self.cancel(visitor, id),
            Step::Progress { call } => self.progress(call),
            Step::Answer { call, fails } => self.answer(call, fails),
            Step::Subscribe { visitor, uri } => self.subscribe(visitor, uri),
            Step::Unsubscribe { visitor, uri } => self.unsubscribe(visitor, uri),
            Step::AnswerWish { accepted } => self.answer_wish(accepted),
            Step::Updated { uri } => self.updated(uri),
            Step::SetLevel { visitor, level } => self.set_level(visitor, level),
            Step::Log { level } => self.log(level),
            Step::ListChanged => {
                let text = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
                self.says(text);
                self.visitors.iter_mut().for_each(|visitor| visitor.must_read(text));
            }
            Step::Ask => {
                self.says(
                    r#"{"jsonrpc":"2.0","id":"up","method":"sampling/createMessage","params":{}}"#,
                );
                let sent = self.upstream.sent();
                assert!(sent.len() == 1 && sent[0]["error"]["code"] == -32601, "{sent:?}");
            }
            Step::Restart => self.restart(None),
            Step::Tick => self.tick(),
            Step::SendAfterClose { visitor, uri } => self.send_after_close(visitor, uri),
            Step::DropFuture { visitor } => {
                if let Some(visitor) = self.open_visitor(visitor) {
                    self.restart(Some(visitor));
                }
            }
        }
    }

    fn says(&self, text: &str) {
        self.upstream.shared.receive(&Message::parse(text.to_owned().into()).unwrap());
    }

    fn open_visitor(&self, number: usize) -> Option<usize> {
        pick(&self.visitors, number).filter(|visitor| self.visitors[*visitor].open)
    }

    fn close(&mut self, number: usize) {
        let Some(index) = self.open_visitor(number) else { return };
        self.visitors[index].connection.close();
        self.visitors[index].open = false;
        let calls = self.calls.iter_mut().filter(|call| call.visitor == index);
        self.cancellations.extend(calls.filter_map(Called::is_given_up));
    }

    fn call(&mut self, number: usize, id: &'static str, token: Option<&'static str>) {
        let Some(visitor) = self.open_visitor(number) else { return };
        // A client that has an id under way twice cannot tell its answers apart.
        let under_way = |call: &Called| call.running && call.visitor == visitor && call.id == id;
        if self.calls.iter().any(under_way) {
            return;
        }
        let call = Called::new(visitor, id, token);
        call.begin(&self.visitors[visitor].connection, self.calls.len());
        self.calls.push(call);
    }

    fn cancel(&mut self, number: usize, id: &'static str) {
        let Some(visitor) = self.open_visitor(number) else { return };
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        );
        let notification = Message::parse(text.into()).unwrap();
        assert!(self.visitors[visitor].connection.send(notification, None, None).is_none());
        let calls = self.calls.iter_mut().filter(|call| call.visitor == visitor && call.id == id);
        self.cancellations.extend(calls.filter_map(Called::is_given_up));
    }

    fn progress(&mut self, number: usize) {
        let Some(index) = pick(&self.calls, number) else { return };
        let Some(id) = self.calls[index].upstream else { return };
        self.says(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{id},"message":"{number}"}}}}"#
        ));
        self.calls[index].progresses(&number.to_string());
    }

    /// Answers a call, whether it is running or not.
    fn answer(&mut self, number: usize, fails: bool) {
        let Some(index) = pick(&self.calls, number) else { return };
        let Some(id) = self.calls[index].upstream else { return };
        let member = if fails {
            format!(r#""error":{{"code":{number},"message":"no"}}"#)
        } else {
            format!(r#""result":{{"number":{number}.0}}"#)
        };
        self.says(&format!(r#"{{"jsonrpc":"2.0","id":{id},{member}}}"#));
        self.calls[index].ends(&member);
    }

    fn subscribe(&mut self, number: usize, uri: &'static str) {
        let Some(visitor) = self.open_visitor(number) else { return };
        let sink = Arc::new(Kept::default());
        let request = json!({"jsonrpc": "2.0", "id": "wish", "method": "resources/subscribe",
            "params": {"uri": uri}});
        call(&self.visitors[visitor].connection, &request, &sink);
        self.visitors[visitor].asked.insert(uri.to_owned());
        let uri = uri.to_owned();
        self.wishes.push(Wish { visitor, uri, sink, withdrawn: false, answered: false });
    }

    fn unsubscribe(&mut self, number: usize, uri: &'static str) {
        let Some(index) = self.open_visitor(number) else { return };
        let sink = Arc::new(Kept::default());
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/unsubscribe",
            "params": {"uri": uri}});
        call(&self.visitors[index].connection, &request, &sink);
        assert_eq!(sink.take(), [json!({"jsonrpc": "2.0", "id": 1, "result": {}})]);
        let visitor = &mut self.visitors[index];
        visitor.asked.remove(uri);
        visitor.promised.remove(uri);
        for wish in self.wishes.iter_mut().filter(|wish| wish.visitor == index && wish.uri == uri) {
            wish.withdrawn = true;
        }
    }

    fn answer_wish(&mut self, accepted: bool) {
        if self.unanswered.is_empty() {
            return;
        }
        let (id, uri) = self.unanswered.remove(0);
        if accepted {
            self.says(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
            return;
        }
        self.says(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":1,"message":"no"}}}}"#));
        for visitor in &mut self.visitors {
            visitor.promised.remove(&uri);
        }
    }

    /// An update of a resource also concerns everything that contains it.
    fn updated(&mut self, uri: &str) {
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}"}}}}"#
        );
        self.says(&text);
        for visitor in &mut self.visitors {
            let covers = |wanted: &String| uri == wanted || uri.starts_with(&format!("{wanted}/"));
            if visitor.promised.iter().any(covers) {
                visitor.must_read(&text);
            } else if visitor.asked.iter().any(covers) {
                visitor.may_read(&text);
            }
        }
    }

    fn set_level(&mut self, number: usize, level: usize) {
        let Some(index) = self.open_visitor(number) else { return };
        let name = LogLevel::NAMES[level];
        let sink = Arc::new(Kept::default());
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "logging/setLevel",
            "params": {"level": name}});
        call(&self.visitors[index].connection, &request, &sink);
        assert_eq!(sink.take(), [json!({"jsonrpc": "2.0", "id": 1, "result": {}})]);
        self.visitors[index].level = LogLevel::from_json(format!("\"{name}\"").as_bytes());
    }

    fn log(&mut self, level: usize) {
        let name = LogLevel::NAMES[level];
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{name}","data":1}}}}"#
        );
        self.says(&text);
        // While calls are running, it belongs to one of them; which one is known only if there is
        // just one.
        let mut callers: Vec<usize> =
            self.calls.iter().filter(|call| call.running).map(|call| call.visitor).collect();
        callers.sort_unstable();
        callers.dedup();
        for (index, visitor) in self.visitors.iter_mut().enumerate() {
            let is_theirs = callers.is_empty() || callers == [index];
            if is_theirs && visitor.level.is_none_or(|wanted| level >= wanted as usize) {
                visitor.must_read(&text);
            }
        }
    }

    /// Everything that the upstream has not answered by now has exceeded its limit.
    fn tick(&mut self) {
        // Signs of life are noticed when the time is checked.
        self.upstream.shared.sweep(LIMITS);
        self.runtime.block_on(tokio::time::advance(Duration::from_secs(10)));
        for call in self.calls.iter_mut().filter(|call| call.running) {
            self.cancellations.extend(call.upstream);
            call.ends(
                r#""error":{"code":-32603,"message":"Request timed out","data":{"timeout":10000}}"#,
            );
        }
        for (id, uri) in self.unanswered.drain(..) {
            self.cancellations.insert(id);
            for visitor in &mut self.visitors {
                visitor.promised.remove(&uri);
            }
        }
        self.cancellations.extend(self.ignored.drain(..));
        self.upstream.shared.sweep(LIMITS);
    }

    fn send_after_close(&mut self, number: usize, uri: &str) {
        let Some(index) = pick(&self.visitors, number) else { return };
        let visitor = &self.visitors[index];
        if visitor.open {
            return;
        }
        for method in
            ["tools/call", "resources/subscribe", "resources/unsubscribe", "logging/setLevel"]
        {
            let sink = Arc::new(Kept::default());
            let request = json!({"jsonrpc": "2.0", "id": 1, "method": method,
                "params": {"uri": uri, "level": "debug"}});
            call(&visitor.connection, &request, &sink);
            assert_eq!((sink.take(), *sink.forgotten.lock().unwrap()), (Vec::new(), 1), "{method}");
        }
        assert_eq!(self.upstream.sent(), NOTHING);
    }

    /// A call waits for an upstream that is away, and its future is dropped.
    fn drop_waiting(&self, visitor: usize) {
        let sink = Arc::new(Kept::default());
        let request = message(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call"}));
        let reply = Reply::to(&request, Arc::<Kept>::clone(&sink) as _);
        let waiting = self.visitors[visitor].connection.send(request, Some(reply), None);
        drop(waiting.expect("it has to wait"));
        assert_eq!(sink.take().len(), 1, "no call goes without an answer");
        assert_eq!(self.upstream.shared.lock().waiting.len(), 0);
    }

    /// The upstream ends with everything it had to answer, and another one starts; meanwhile a call
    /// is dropped.
    fn restart(&mut self, drops: Option<usize>) {
        self.deliver();
        self.unanswered.clear();
        self.ignored.clear();
        let cause = Cause { message: "gone".to_owned(), data: None };
        self.upstream.shared.lost(&cause, 1);
        for call in &mut self.calls {
            call.ends(r#""error":{"code":-32603,"message":"gone"}"#);
        }
        if let Some(visitor) = drops {
            self.drop_waiting(visitor);
        }
        self.upstream.outbox = Arc::default();
        self.upstream.connect(Arc::clone(&self.upstream.outbox));
    }
}
