//! Translates messages between the eras, to check them against the schemas of both revisions.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::eras::{edited, parsed};
use crate::{
    era::{
        input_required::{Dialogue, Question, input_required, requests_of},
        modern_server::{Additions, Call, Discovery, Envelope, Failure, Progress, Round, Step},
        modern_to_legacy::{
            Answer, Filter, Greeting, LegacyRequest, Translated, handshake, stamps, translate_error,
        },
    },
    jsonrpc::Message,
};

/// A message to translate.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// The direction, and the kind of message.
    crossing: String,
    /// The method of a request, or of the request that a result answers.
    method: String,
    message: Box<RawValue>,
    /// The client's or the server's handshake; and a client's answers to questions.
    #[serde(default)]
    with: Option<Box<RawValue>>,
}

/// The result.
#[derive(Debug, Serialize)]
pub struct Emitted {
    /// `client request`, `server result` and so on.
    role: &'static str,
    revision: &'static str,
    method: String,
    /// The whole message, or a raw result.
    text: String,
}

const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

fn emitted(role: &'static str, revision: &'static str, method: &str, text: &[u8]) -> Emitted {
    let text = String::from_utf8_lossy(text).into_owned();
    Emitted { role, revision, method: method.to_owned(), text }
}

impl Case {
    /// Translates it; `None` if there is no such translation, or it is not a message.
    pub fn cross(&self) -> Option<Vec<Emitted>> {
        let message = parsed(self.message.get().as_bytes())?;
        Some(match &*self.crossing {
            "request to legacy" => {
                let request = LegacyRequest::of(&message).message;
                vec![emitted("client request", LEGACY, &self.method, request.bytes())]
            }
            "result to modern" => {
                let server = self.with.as_ref().map(|with| with.get().as_bytes());
                let patches = stamps(&message, Answer::to(&self.method), server)?;
                let result = edited(&message, patches.iter().map(|patch| patch.edit()).collect());
                vec![emitted("server result", MODERN, &self.method, result.bytes())]
            }
            "error to modern" => error_to_modern(&message, &self.method),
            "question to modern" => self.question_to_modern(&message)?,
            "handshake to modern" => {
                let discovered = Greeting::of(&message)?.discovery();
                vec![emitted("bare server result", MODERN, "server/discover", &discovered)]
            }
            "subscription to legacy" => self.subscription(&message)?,
            "introduction to legacy" => self.introduction()?,
            "request to modern" => vec![sent(&self.call(message)?)],
            "result to legacy" => self.result_to_legacy(&message)?,
            "discovery to legacy" => match Discovery::of(&message) {
                Discovery::Serves(result) => {
                    vec![emitted("bare server result", LEGACY, "initialize", result.as_bytes())]
                }
                Discovery::Other(_) | Discovery::Unknown => Vec::new(),
            },
            _ => return None,
        })
    }

    fn with(&self) -> Option<&RawValue> {
        self.with.as_deref()
    }

    /// A server's question, the client's answer, and what the server gets if there is none.
    fn question_to_modern(&self, request: &Message) -> Option<Vec<Emitted>> {
        let question = Question::of(request)?;
        let mut all = vec![asked(&requests_of(vec![question.clone()]), "tools/call")];
        let (held, _) = Dialogue::Gathering(vec![question.clone()]).due();
        if let Some(answer) = self.with() {
            let answers = format!(r#"{{"r1":{}}}"#, answer.get());
            let answers = held.resumed(Some(answers.as_bytes())).1.ok()?.answers;
            let told = |text: &Vec<u8>| emitted("client result", LEGACY, &self.method, text);
            all.extend(answers.iter().map(told));
        }
        let (_, declined, _) = Dialogue::Gathering(vec![question]).abandoned();
        all.extend(declined.iter().map(|text| {
            let is_error = parsed(text).is_some_and(|message| message.error().is_some());
            let role = if is_error { "error" } else { "client result" };
            emitted(role, LEGACY, &self.method, text)
        }));
        Some(all)
    }

    fn subscription(&self, request: &Message) -> Option<Vec<Emitted>> {
        let server = Greeting::new(Bytes::copy_from_slice(self.with()?.get().as_bytes()));
        let id = String::from_utf8_lossy(request.id()?).into_owned();
        let filter = Filter::of(request).ok()?.narrowed(&server);
        let first = filter.acknowledgement(&id);
        let method = "notifications/subscriptions/acknowledged";
        Some(vec![emitted("server notification", MODERN, method, first.as_bytes())])
    }

    /// A client's capabilities, and its name and version.
    fn introduction(&self) -> Option<Vec<Emitted>> {
        let message = parsed(self.message.get().as_bytes())?;
        let meta = message.meta()?;
        let member = |name: &str| {
            let span = crate::jsonrpc::find_member(message.bytes(), meta, name)?;
            Some(String::from_utf8_lossy(message.text(span)).into_owned())
        };
        let capabilities = member("io.modelcontextprotocol/clientCapabilities")?;
        let client = member("io.modelcontextprotocol/clientInfo")?;
        let initialize = handshake(&capabilities, &client)?;
        Some(vec![emitted("client request", LEGACY, "initialize", initialize.bytes())])
    }

    /// The request as a call of a client with this handshake.
    fn call(&self, request: Message) -> Option<Call> {
        let initialize = parsed(self.with()?.get().as_bytes())?;
        let envelope = Envelope::of_client(&initialize, Envelope::of_proxy("1"));
        Some(Call::new(request, Arc::new(envelope), true))
    }

    /// A server's answer to a call of a client that can be asked everything.
    fn result_to_legacy(&self, response: &Message) -> Option<Vec<Emitted>> {
        let request = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{}","params":{{"name":"n","uri":"u:v"}}}}"#,
            self.method
        );
        let initialize = parsed(super::eras::CLIENT.as_bytes())?;
        let envelope = Envelope::of_client(&initialize, Envelope::of_proxy("1"));
        let call = Call::new(parsed(request.as_bytes())?, Arc::new(envelope), true);
        let mut next = 0;
        let ids = || {
            next += 1;
            next
        };
        Some(match call.answered(response, ids) {
            Step::Complete(rewrite) => {
                let result = edited(response, rewrite.edits());
                vec![emitted("server result", LEGACY, &self.method, result.bytes())]
            }
            Step::Ask(round, questions) => {
                let ask = |question: &Message| {
                    emitted("server request", LEGACY, &question.method(), question.bytes())
                };
                self.answered(questions.iter().map(ask).collect(), round)?
            }
            Step::Again(call, _) => vec![sent(&call)],
            Step::Ended(..) => Vec::new(),
            Step::Fail(failure) => vec![failed(failure, &self.method)],
        })
    }

    /// The client gives the same answer to everything.
    fn answered(&self, mut all: Vec<Emitted>, mut round: Box<Round>) -> Option<Vec<Emitted>> {
        for id in round.open() {
            let answer = self.with()?.get();
            let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{answer}}}"#);
            match round.answer(id, &parsed(answer.as_bytes())?) {
                Progress::Open(open) => round = open,
                Progress::Again(call) => {
                    all.push(sent(&call));
                    return Some(all);
                }
                Progress::Fail(failure, ..) => {
                    all.push(failed(failure, &self.method));
                    return Some(all);
                }
            }
        }
        None
    }
}

fn error_to_modern(response: &Message, method: &str) -> Vec<Emitted> {
    match translate_error(response) {
        Translated::AsItIs => vec![emitted("error", MODERN, method, response.bytes())],
        Translated::Instead(error) => vec![emitted("error", MODERN, method, &error.response(b"1"))],
        Translated::Ask(questions) => vec![asked(&requests_of(questions), method)],
    }
}

fn asked(requests: &str, method: &str) -> Emitted {
    emitted("bare server result", MODERN, method, input_required(requests, "s").as_bytes())
}

fn failed(failure: Failure, method: &str) -> Emitted {
    match failure.outcome() {
        Ok(result) => emitted("bare server result", LEGACY, method, result.as_bytes()),
        Err(error) => emitted("error", LEGACY, method, &error.response(b"1")),
    }
}

/// The request as the server gets it.
fn sent(call: &Call) -> Emitted {
    let additions = Additions { id: b"7", metadata: call.metadata(), answers: call.answers() };
    let request = edited(call.request(), additions.edits(call.request()).to_vec());
    emitted("client request", MODERN, &call.request().method(), request.bytes())
}
