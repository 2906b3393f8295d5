//! What each client has asked for, and what it may and must receive.

use std::collections::BTreeSet;

use super::super::*;
use crate::protocol::LogLevel;

/// One client.
pub(super) struct Visitor {
    pub(super) connection: Arc<dyn Connection>,
    pub(super) sink: Arc<Kept>,
    pub(super) open: bool,
    pub(super) level: Option<LogLevel>,
    /// Resources for which it has asked and which it has not given up: it may get their updates.
    pub(super) asked: BTreeSet<String>,
    /// Those that were granted: it must get their updates.
    pub(super) promised: BTreeSet<String>,
    /// What it must have received since the last check.
    expected: Vec<String>,
    /// What it may have received in addition.
    tolerated: Vec<String>,
}

impl Visitor {
    pub(super) fn new((connection, sink): (Arc<dyn Connection>, Arc<Kept>)) -> Self {
        Self {
            connection,
            sink,
            open: true,
            level: None,
            asked: BTreeSet::new(),
            promised: BTreeSet::new(),
            expected: Vec::new(),
            tolerated: Vec::new(),
        }
    }

    pub(super) fn must_read(&mut self, text: &str) {
        if self.open {
            self.expected.push(text.to_owned());
        }
    }

    pub(super) fn may_read(&mut self, text: &str) {
        if self.open {
            self.tolerated.push(text.to_owned());
        }
    }

    pub(super) fn check(&mut self) {
        let mut read = self.sink.take_raw();
        read.retain(|text| !self.tolerated.contains(text));
        assert_eq!(read, self.expected);
        self.expected.clear();
        self.tolerated.clear();
    }
}

/// Both ends of one call.
pub(super) struct Called {
    pub(super) visitor: usize,
    /// The id as its client writes it.
    pub(super) id: &'static str,
    token: Option<&'static str>,
    sink: Arc<Kept>,
    /// The id under which the upstream knows it.
    pub(super) upstream: Option<u64>,
    pub(super) running: bool,
    expected: Vec<String>,
    forgotten: usize,
}

impl Called {
    pub(super) fn new(visitor: usize, id: &'static str, token: Option<&'static str>) -> Self {
        Self {
            visitor,
            id,
            token,
            sink: Arc::default(),
            upstream: None,
            running: true,
            expected: Vec::new(),
            forgotten: 0,
        }
    }

    /// Sends it, as the call of this number.
    pub(super) fn begin(&self, connection: &Arc<dyn Connection>, number: usize) {
        let meta = self.token.map(|token| format!(r#""_meta":{{"progressToken":{token}}},"#));
        let text = format!(
            r#"{{"params":{{{}"number":{number}}},"id":{},"method":"tools/call","jsonrpc":"2.0"}}"#,
            meta.unwrap_or_default(),
            self.id
        );
        let request = Message::parse(text.into()).unwrap();
        let reply = Reply::to(&request, Arc::<Kept>::clone(&self.sink) as _);
        assert!(connection.send(request, Some(reply), None).is_none());
    }

    /// The upstream reads it.
    pub(super) fn arrives(&mut self, id: u64, sent: &Value) {
        assert!(self.upstream.replace(id).is_none(), "it was sent twice");
        let token = self.token.map_or(Value::Null, |_| id.into());
        assert_eq!(sent["params"]["_meta"]["progressToken"], token);
    }

    pub(super) fn progresses(&mut self, text: &str) {
        if let (true, Some(token)) = (self.running, self.token) {
            self.expected.push(format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"message":"{text}"}}}}"#
            ));
        }
    }

    /// It is answered with this member.
    pub(super) fn ends(&mut self, member: &str) {
        if std::mem::take(&mut self.running) {
            self.expected.push(format!(r#"{{"jsonrpc":"2.0","id":{},{member}}}"#, self.id));
        }
    }

    /// Its client has cancelled it or disconnected; the upstream must be told about the id that is
    /// returned.
    pub(super) fn is_given_up(&mut self) -> Option<u64> {
        if !std::mem::take(&mut self.running) {
            return None;
        }
        self.forgotten += 1;
        self.upstream
    }

    pub(super) fn check(&mut self) {
        assert_eq!(self.sink.take_raw(), std::mem::take(&mut self.expected));
        assert_eq!(*self.sink.forgotten.lock().unwrap(), self.forgotten);
    }
}

/// A client's request for updates of a resource.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) visitor: usize,
    pub(super) uri: String,
    pub(super) sink: Arc<Kept>,
    /// It was given up before it was answered.
    pub(super) withdrawn: bool,
    pub(super) answered: bool,
}

impl Wish {
    pub(super) fn check(&mut self, visitors: &mut [Visitor]) {
        let answers = self.sink.take();
        if answers.is_empty() {
            return;
        }
        assert!(answers.len() == 1 && !std::mem::replace(&mut self.answered, true), "{answers:?}");
        assert_eq!(answers[0]["id"], "wish");
        let visitor = &mut visitors[self.visitor];
        if answers[0].get("result").is_some() && !self.withdrawn && visitor.open {
            visitor.promised.insert(self.uri.clone());
        }
    }
}
