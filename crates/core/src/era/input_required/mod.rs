//! A legacy server's requests to its client during a call, sent to a modern client as
//! `input_required` results.
//!
//! A state machine for one call: each step consumes it and returns the next state with what must be
//! done. It knows nothing of tokens, sockets or time; its driver does. (MCP 2026-07-28, multi
//! round-trip requests.)

mod question;

pub(crate) use question::{Need, Question};

use crate::jsonrpc::{Message, Span, members};

/// The state of a call.
#[derive(Debug, Default)]
pub(crate) enum Dialogue {
    /// The client waits for the server.
    #[default]
    Working,
    /// The client waits; the server has asked, and may ask more within a moment.
    Gathering(Vec<Question>),
    /// The client has been asked. No request is open.
    Held(Box<Held>),
    /// The client has its answer, or the call was ended.
    Over,
}

/// A call between two requests of its client.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The questions that the client has, by the keys that it was given. A withdrawn one is empty.
    asked: Vec<(String, Option<Question>)>,
    /// Questions that came since.
    later: Vec<Question>,
    /// The server's response, if it did not wait for the answers.
    outcome: Option<Message>,
}

/// What to do after a question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Call [`Dialogue::due`] after a moment.
    Gather,
    Nothing,
}

/// What to do after the server's response.
#[derive(Debug)]
pub(crate) enum Finished {
    /// Send it to the client.
    Deliver,
    /// Keep it until the client returns.
    Kept,
    /// Drop it.
    Dropped,
}

/// What to do after a client has returned with answers.
#[derive(Debug, Default)]
pub(crate) struct Resumed {
    /// Send these responses to the server.
    pub(crate) answers: Vec<Vec<u8>>,
    /// Ask the client again at once: call [`Dialogue::due`].
    pub(crate) asks_again: bool,
    /// Send the client the server's response, which is already there.
    pub(crate) outcome: Option<Message>,
}

/// The answers are malformed (-32602).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidAnswers {
    #[error("params.inputResponses: must be an object of results")]
    Malformed,
    #[error("the call is not waiting for answers")]
    NotHeld,
}

impl Dialogue {
    /// The server asks a question.
    pub(crate) fn asked(self, question: Question) -> (Self, Then) {
        match self {
            Self::Working => (Self::Gathering(vec![question]), Then::Gather),
            Self::Gathering(mut questions) => {
                questions.push(question);
                (Self::Gathering(questions), Then::Nothing)
            }
            Self::Held(mut held) => {
                held.later.push(question);
                (Self::Held(held), Then::Nothing)
            }
            Self::Over => (Self::Over, Then::Nothing),
        }
    }

    /// The server withdraws the question with this raw id.
    pub(crate) fn withdrawn(self, id: &[u8]) -> Self {
        let is_other = |question: &Question| question.id.as_bytes() != id;
        match self {
            Self::Gathering(mut questions) => {
                questions.retain(is_other);
                if questions.is_empty() { Self::Working } else { Self::Gathering(questions) }
            }
            Self::Held(mut held) => {
                held.later.retain(is_other);
                for (_, question) in &mut held.asked {
                    *question = question.take().filter(is_other);
                }
                Self::Held(held)
            }
            other => other,
        }
    }

    /// The capabilities that the client needs for the collected questions.
    pub(crate) fn needs(&self) -> impl Iterator<Item = Need> {
        let gathered = match self {
            Self::Gathering(questions) => questions.as_slice(),
            _ => &[],
        };
        gathered.iter().map(|question| question.need)
    }

    /// The moment has passed: returns the `inputRequests` for the client, if there are any.
    pub(crate) fn due(self) -> (Self, Option<String>) {
        let Self::Gathering(questions) = self else { return (self, None) };
        let asked: Vec<(String, Option<Question>)> = (1..)
            .zip(questions)
            .map(|(place, question)| (format!("r{place}"), Some(question)))
            .collect();
        let requests = input_requests(&asked);
        (Self::Held(Box::new(Held { asked, ..Held::default() })), Some(requests))
    }

    /// The client returns with this raw object of answers. Unknown keys are ignored; questions
    /// without an answer are asked again.
    pub(crate) fn resumed(
        self,
        responses: Option<&[u8]>,
    ) -> (Self, Result<Resumed, InvalidAnswers>) {
        let Self::Held(held) = self else { return (self, Err(InvalidAnswers::NotHeld)) };
        let asked = held.asked.iter().map(|(key, _)| key.as_str());
        let Some(answers) = answers(responses.unwrap_or(b"{}"), asked) else {
            return (Self::Held(held), Err(InvalidAnswers::Malformed));
        };
        if let Some(outcome) = held.outcome {
            return (Self::Over, Ok(Resumed { outcome: Some(outcome), ..Resumed::default() }));
        }
        let (mut resumed, mut open) = (Resumed::default(), Vec::new());
        for ((_, question), answer) in held.asked.into_iter().zip(answers) {
            let Some(question) = question else { continue };
            match answer {
                Some(answer) => resumed.answers.push(question.answered(answer)),
                None => open.push(question),
            }
        }
        open.extend(held.later);
        if open.is_empty() {
            return (Self::Working, Ok(resumed));
        }
        resumed.asks_again = true;
        (Self::Gathering(open), Ok(resumed))
    }

    /// The server has answered the call.
    pub(crate) fn finished(self, outcome: &Message) -> (Self, Finished) {
        match self {
            Self::Working | Self::Gathering(_) => (Self::Over, Finished::Deliver),
            Self::Held(mut held) => {
                held.outcome = Some(outcome.clone());
                (Self::Held(held), Finished::Kept)
            }
            Self::Over => (Self::Over, Finished::Dropped),
        }
    }

    /// Ends the call: returns the server's open questions, and whether the server is still working.
    pub(crate) fn abandoned(self) -> (Self, Vec<Vec<u8>>, bool) {
        let (questions, works) = match self {
            Self::Working => (Vec::new(), true),
            Self::Gathering(questions) => (questions, true),
            Self::Held(held) => {
                let works = held.outcome.is_none();
                let open = held.asked.into_iter().filter_map(|(_, question)| question);
                (open.chain(held.later).filter(|_| works).collect(), works)
            }
            Self::Over => (Vec::new(), false),
        };
        (Self::Over, questions.iter().map(Question::declined).collect(), works)
    }
}

/// The answers, in the order of the questions; `None` if the text is not an object of objects, or a
/// key appears twice. Unknown keys are skipped.
fn answers<'a, 'k>(
    responses: &'a [u8],
    asked: impl Iterator<Item = &'k str>,
) -> Option<Vec<Option<&'a str>>> {
    if responses.first() != Some(&b'{') {
        return None;
    }
    let asked: Vec<&str> = asked.collect();
    let mut answers = vec![None; asked.len()];
    for entry in members(responses, Span::new(0, responses.len())) {
        let Some(place) = asked.iter().position(|key| entry.is(key)) else { continue };
        let answer = str::from_utf8(entry.value.of(responses)).ok()?;
        if !answer.starts_with('{') || answers[place].replace(answer).is_some() {
            return None;
        }
    }
    Some(answers)
}

/// The result that asks a client; the client sends the state back.
pub(crate) fn input_required(requests: &str, state: &str) -> String {
    format!(
        r#"{{"resultType":"input_required","inputRequests":{requests},"requestState":"{state}"}}"#
    )
}

/// Questions whose answers no server waits for, as `inputRequests`.
pub(crate) fn requests_of(questions: Vec<Question>) -> String {
    let (_, requests) = Dialogue::Gathering(questions).due();
    requests.unwrap_or_default()
}

fn input_requests(asked: &[(String, Option<Question>)]) -> String {
    let members: Vec<String> = asked
        .iter()
        .filter_map(|(key, question)| Some(format!(r#""{key}":{}"#, question.as_ref()?.request)))
        .collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests;
