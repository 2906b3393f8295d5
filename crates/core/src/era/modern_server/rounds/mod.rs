//! A call of a handshake client that its server completes in several rounds.
//!
//! A 2026-07-28 server does not ask its client during a call. It answers that input is required,
//! and the call is sent again with that input (MCP 2026-07-28, "Multi Round-Trip Requests"). The
//! proxy asks a handshake client instead, as servers of its own era would.
//!
//! Each event consumes a state: the answer consumes a [`Call`], the client's answers a [`Round`].

mod question;
mod round;
mod task;
mod tasks;

pub(crate) use task::created as task_created;

use std::{sync::Arc, time::Duration};

use self::{question::question, task::Task};
use super::{
    Answers, Envelope,
    request::cleansed,
    result::{Family, Rewrite, Verdict, read},
};
use crate::jsonrpc::{Code, ErrorBody, Message, Span, decode_string, escape, find_member, members};

/// Most rounds of one call; then it fails.
const MAX_ROUNDS: u32 = 10;
/// Pause before a call is repeated for which the server has no question.
const PAUSE: Duration = Duration::from_millis(250);
/// Most questions in one round.
const MAX_QUESTIONS: usize = 64;

/// A call that the server has not answered.
#[derive(Debug)]
pub(crate) struct Call {
    request: Message,
    family: Family,
    envelope: Arc<Envelope>,
    /// Whether the client can be asked while the call runs.
    askable: bool,
    /// The client's answers in the last round, as members of `params`.
    answers: String,
    rounds: u32,
    /// The progress that was reported to the client in all rounds, and in those before this one.
    told: Option<f64>,
    told_before: Option<f64>,
    /// Members of `params._meta` of a call that the server may run as a task.
    offer: Option<String>,
    /// The id that it was sent under last.
    sent: Option<u64>,
    /// What the server runs it as, if it is a task.
    task: Option<Task>,
}

/// What to do after the server's answer to a call.
#[derive(Debug)]
pub(crate) enum Step {
    /// Give the answer to the client, with these changes.
    Complete(Rewrite),
    /// Ask the client this.
    Ask(Box<Round>, Vec<Message>),
    /// Send the call, or a request about its task, after this pause.
    Again(Box<Call>, Duration),
    /// The task has ended with this answer to the call.
    Ended(Box<Call>, Message),
    /// Give this to the client in place of the answer.
    Fail(Failure),
}

/// What to do after the client's answer to a question.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Wait for the other answers.
    Open(Box<Round>),
    /// Send the call again.
    Again(Box<Call>),
    /// Give this to the client, withdraw the open questions, and end the task.
    Fail(Failure, Vec<u64>, Option<String>),
}

/// Questions that the client has not answered.
#[derive(Debug)]
pub(crate) struct Round {
    call: Call,
    /// Raw.
    state: Option<String>,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    id: u64,
    /// Raw.
    key: String,
    answer: Option<String>,
}

/// The end of a call whose answer the client cannot be given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A failure of the tool: this raw result.
    Result(String),
    Error {
        message: String,
    },
}

impl Call {
    /// The call of a client with this envelope; `askable` says whether it can be asked.
    pub(crate) fn new(request: Message, envelope: Arc<Envelope>, askable: bool) -> Self {
        let family = Family::of(&request.method());
        let request = cleansed(request);
        Self {
            request,
            family,
            envelope,
            askable,
            answers: String::new(),
            rounds: 0,
            told: None,
            told_before: None,
            offer: None,
            sent: None,
            task: None,
        }
    }

    /// Notes that clients know the tool's structured content in wrapped form.
    pub(crate) fn wrapped(mut self, wrapped: bool) -> Self {
        if wrapped {
            self.family = Family::Call { wrapped };
        }
        self
    }

    /// The request that is due: the client's, or one about the task that has become of it.
    pub(crate) fn request(&self) -> &Message {
        self.task.as_ref().map_or(&self.request, Task::request)
    }

    fn may_be_task(&self) -> bool {
        matches!(self.family, Family::Call { .. })
    }

    /// The raw name of the tool, if a tool is called.
    pub(crate) fn tool(&self) -> Option<&[u8]> {
        matches!(self.family, Family::Call { .. }).then_some(())?;
        let name = find_member(self.request.bytes(), self.request.params()?, "name")?;
        Some(self.request.text(name))
    }

    /// Members of `params._meta`.
    pub(crate) fn metadata(&self) -> &str {
        if let Some(offer) = &self.offer {
            return offer;
        }
        if self.askable { self.envelope.members() } else { self.envelope.members_unasked() }
    }

    /// Members of `params`, each followed by a comma.
    pub(crate) fn answers(&self) -> &str {
        &self.answers
    }

    /// Whether the client may be told of this progress: a server starts from zero in every round,
    /// and for the client it is one call, whose progress must grow (MCP 2025-11-25, progress).
    pub(crate) fn advances(&mut self, notification: &Message) -> bool {
        let value = notification
            .params()
            .and_then(|params| find_member(notification.bytes(), params, "progress"))
            .and_then(|span| std::str::from_utf8(notification.text(span)).ok()?.parse().ok());
        let Some(value) = value else { return true };
        if self.told_before.is_some_and(|told| value <= told) {
            return false;
        }
        self.told = Some(self.told.map_or(value, |told: f64| told.max(value)));
        true
    }

    /// Takes the server's result. `ids` yields an id for each question.
    pub(crate) fn answered(self, response: &Message, ids: impl FnMut() -> u64) -> Step {
        if self.task.is_some() {
            return self.looked_at(response, ids);
        }
        match read(response, self.family) {
            Verdict::Complete(rewrite) => Step::Complete(rewrite),
            Verdict::Unknown(kind) if self.may_be_task() && kind == "\"task\"" => {
                self.becomes_task(response, ids)
            }
            Verdict::Unknown(kind) => Step::Fail(Failure::error(format!(
                "the MCP server answered with a result of type {kind}, which cannot be translated for this client"
            ))),
            Verdict::InputRequired { .. } if !self.family.may_ask() => {
                let method = self.request.method();
                let message = format!(
                    "the MCP server asked for input during {method}, where the protocol does not allow it"
                );
                Step::Fail(Failure::error(message))
            }
            Verdict::InputRequired { requests, state } => self.ask(response, requests, state, ids),
        }
    }

    /// The error for the client if its era does not know the server's; `None` if it does.
    pub(crate) fn refused(&self, response: &Message) -> Option<Failure> {
        let member = |object, name| {
            find_member(response.bytes(), object, name).map(|span| response.text(span))
        };
        let (error, code) = (response.error()?, response.error_code()?);
        let said = member(error, "message").and_then(decode_string).unwrap_or_default();
        if code == i64::from(Code::MissingCapability.number()) {
            let needed = member(error, "data").map(String::from_utf8_lossy).unwrap_or_default();
            return Some(self.fail(&format!(
                "the MCP server requires a capability that this client does not have: {said} \
                 {needed}"
            )));
        }
        // These are about members that the proxy wrote on the client's behalf.
        let own = [Code::HeaderMismatch, Code::UnsupportedProtocolVersion];
        own.iter()
            .any(|own| i64::from(own.number()) == code)
            .then(|| Failure::error(format!("the MCP server refused the request: {said}")))
    }

    fn ask(
        mut self,
        response: &Message,
        requests: Option<Span>,
        state: Option<Span>,
        mut ids: impl FnMut() -> u64,
    ) -> Step {
        self.rounds += 1;
        self.told_before = self.told;
        if self.rounds > MAX_ROUNDS {
            let reason = format!("the MCP server asked for input more than {MAX_ROUNDS} times");
            return Step::Fail(self.fail(&reason));
        }
        let text = |span: Span| String::from_utf8_lossy(response.text(span)).into_owned();
        let state = state.map(text);
        let asked_before =
            |name: &str| self.task.as_ref().is_some_and(|task| task.knows(&escape(name)));
        let entries: Vec<_> = requests
            .into_iter()
            .flat_map(|requests| members(response.bytes(), requests))
            .filter(|entry| !asked_before(&entry.name()))
            .take(MAX_QUESTIONS + 1)
            .collect();
        if entries.is_empty() && state.is_none() {
            let message = "the MCP server asked for input, but named no question";
            return Step::Fail(Failure::error(message));
        }
        if entries.len() > MAX_QUESTIONS {
            let message =
                format!("the MCP server asked more than {MAX_QUESTIONS} questions at once");
            return Step::Fail(self.fail(&message));
        }
        let (mut slots, mut questions) = (Vec::new(), Vec::new());
        let answers = if self.askable { self.envelope.answers() } else { Answers::default() };
        for entry in entries {
            let id = ids();
            match question(id, response, entry.value, answers) {
                Ok(question) => questions.push(question),
                Err(reason) => return Step::Fail(self.fail(&reason)),
            }
            slots.push(Slot { id, key: escape(&entry.name()), answer: None });
        }
        let round = Round { call: self, state, slots };
        if questions.is_empty() {
            return Step::Again(round.again(), PAUSE);
        }
        Step::Ask(Box::new(round), questions)
    }

    /// The end of a call although nobody has violated the protocol.
    fn fail(&self, reason: &str) -> Failure {
        if !matches!(self.family, Family::Call { .. }) {
            return Failure::error(reason);
        }
        let text = escape(reason);
        Failure::Result(format!(
            r#"{{"content":[{{"type":"text","text":{text}}}],"isError":true}}"#
        ))
    }
}

impl Failure {
    fn error(message: impl Into<String>) -> Self {
        Self::Error { message: message.into() }
    }

    /// The client's response: a raw result or an error.
    pub(crate) fn outcome(self) -> Result<String, ErrorBody> {
        match self {
            Self::Result(result) => Ok(result),
            Self::Error { message } => Err(ErrorBody::new(Code::Internal, message)),
        }
    }
}

#[cfg(test)]
mod tests;
