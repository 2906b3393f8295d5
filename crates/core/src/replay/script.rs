//! The calls of clients, and everything that they received for them.

use std::{collections::HashMap, path::Path};

use serde_json::Value;

use super::reading::{Seen, Unreadable, messages};

/// A recording as calls.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) calls: Vec<Call>,
    /// Messages that are incomplete in the recording.
    pub(super) missing: u64,
}

/// One request of a client. Texts are kept raw: trees would take several times as much memory, and
/// a client gets the exact bytes.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// The progress token in its notifications.
    pub(super) token: Value,
    /// The whole request.
    request: Box<str>,
    /// What the client received, up to the answer and after it.
    pub(super) steps: Vec<Step>,
    at: u64,
}

/// A message to a client.
#[derive(Debug)]
pub(super) struct Step {
    /// Nanoseconds since the previous event.
    pub(super) after: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Answer(Box<str>),
    Notification(Box<str>),
    /// A question of the server; the client's answer must be waited for.
    Question(Box<str>),
}

/// The owner of a message: a session, or the stream of a client without one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Party {
    Session(String),
    Stream(Option<u64>),
}

/// State during reading.
#[derive(Default)]
struct Reader {
    calls: Vec<Call>,
    /// Calls without an answer, by their clients and ids.
    open: HashMap<(Party, String), usize>,
    /// The last call of each party.
    last: HashMap<Party, usize>,
    /// The stream of each call.
    streams: HashMap<usize, Option<u64>>,
    /// When the last event of a call happened.
    times: HashMap<usize, u64>,
    /// Calls that wait for the answer to a question.
    questions: HashMap<(Party, String), usize>,
}

impl Script {
    /// Reads a recording.
    pub(super) fn read(file: &Path) -> Result<Self, Unreadable> {
        let mut reader = Reader::default();
        let missing = messages(file, |seen| reader.take(seen))?;
        let script = Self { calls: reader.calls, missing };
        if script.calls.is_empty() { Err(Unreadable::Empty(file.to_owned())) } else { Ok(script) }
    }
}

impl Call {
    /// Its parameters.
    pub(super) fn params(&self) -> Value {
        let mut request: Value = serde_json::from_str(&self.request).unwrap_or_default();
        request["params"].take()
    }

    /// Whether an answer was recorded.
    pub(super) fn is_answered(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.what, What::Answer(_)))
    }

    /// The recorded `result` or `error`, if there is one.
    pub(super) fn answer(&self) -> Option<Value> {
        let text = self.steps.iter().find_map(|step| match &step.what {
            What::Answer(answer) => Some(answer),
            _ => None,
        })?;
        let mut answer: Value = serde_json::from_str(text).ok()?;
        let members = answer.as_object_mut()?;
        members.remove("id");
        members.remove("jsonrpc");
        Some(answer)
    }

    /// Whether the server asked its client something during the call.
    pub(super) fn asks(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.what, What::Question(_)))
    }
}

impl Reader {
    fn take(&mut self, seen: Seen) {
        let party = match &seen.session {
            Some(session) => Party::Session(session.clone()),
            None => Party::Stream(seen.stream),
        };
        let message = &seen.message;
        let has_method = message["method"].is_string();
        let has_id = !message["id"].is_null();
        match (seen.is_from_client, has_method, has_id) {
            (true, true, true) => self.begin(party, seen),
            (true, false, true) => self.answer_of_client(&party, &seen),
            (false, false, true) => self.end(party, seen),
            (false, true, _) => self.meanwhile(party, seen),
            // Clients' notifications are not answered; other texts are not messages.
            _ => {}
        }
    }

    fn begin(&mut self, party: Party, mut seen: Seen) {
        let index = self.calls.len();
        let id = seen.message["id"].take();
        self.open.insert((party.clone(), id.to_string()), index);
        self.last.insert(party, index);
        self.streams.insert(index, seen.stream);
        self.times.insert(index, seen.at);
        self.calls.push(Call {
            method: seen.message["method"].as_str().unwrap_or_default().to_owned(),
            token: seen.message["params"]["_meta"]["progressToken"].clone(),
            request: seen.text,
            steps: Vec::new(),
            at: seen.at,
        });
    }

    /// A client has answered a question: the times of what follows count from here.
    fn answer_of_client(&mut self, party: &Party, seen: &Seen) {
        let key = (party.clone(), seen.message["id"].to_string());
        if let Some(index) = self.questions.remove(&key) {
            self.times.insert(index, seen.at);
        }
    }

    fn end(&mut self, party: Party, seen: Seen) {
        let key = (party, seen.message["id"].to_string());
        if let Some(index) = self.open.remove(&key) {
            self.step(index, seen.at, What::Answer(seen.text));
        }
    }

    fn meanwhile(&mut self, party: Party, seen: Seen) {
        let Some(index) = self.call_of(&party, &seen) else { return };
        if seen.message["id"].is_null() {
            return self.step(index, seen.at, What::Notification(seen.text));
        }
        self.questions.insert((party, seen.message["id"].to_string()), index);
        self.step(index, seen.at, What::Question(seen.text));
    }

    /// The call to which a message belongs: the one whose progress it reports, an open one on the
    /// same stream, or the client's last one.
    fn call_of(&self, party: &Party, seen: &Seen) -> Option<usize> {
        let token = &seen.message["params"]["progressToken"];
        let mut open = self.open.iter().filter(|((owner, _), _)| owner == party);
        let reports = |index: usize| {
            !token.is_null() && self.calls.get(index).is_some_and(|call| call.token == *token)
        };
        let by_token = open.clone().find(|(_, index)| reports(**index));
        let by_stream = || {
            let on_stream = |index: &usize| self.streams.get(index) == Some(&seen.stream);
            open.by_ref().map(|(_, index)| *index).filter(on_stream).max()
        };
        by_token
            .map(|(_, index)| *index)
            .or_else(by_stream)
            .or_else(|| self.last.get(party).copied())
    }

    fn step(&mut self, index: usize, at: u64, what: What) {
        let Some(call) = self.calls.get_mut(index) else { return };
        let before = self.times.insert(index, at).unwrap_or(call.at);
        call.steps.push(Step { after: at.saturating_sub(before), what });
    }
}
