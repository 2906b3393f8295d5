//! A legacy server's questions during a call, put to a modern client as `input_required` results.
//!
//! One machine for one call: every step takes it by value and gives the next one with what has to
//! be done. It knows nothing of tokens, sockets or time; whoever drives it does. (MCP 2026-07-28,
//! multi round-trip requests.)

mod question;

pub(crate) use question::{Need, Question};

use crate::jsonrpc::{Message, Span, members};

/// Where a call is.
#[derive(Debug, Default)]
pub(crate) enum Dialogue {
    /// The client waits for the server.
    #[default]
    Working,
    /// The client waits; the server has asked and may ask more within a moment.
    Gathering(Vec<Question>),
    /// The client has been asked. Nobody waits.
    Held(Box<Held>),
    /// The client has its answer, or the call was given up.
    Over,
}

/// A call between two requests of its client.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// What the client was asked, by the keys it was told. A question that was withdrawn has none.
    asked: Vec<(String, Option<Question>)>,
    /// What was asked since.
    later: Vec<Question>,
    /// The server's response, if it did not wait for the answers.
    outcome: Option<Message>,
}

/// What follows a question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Call [`Dialogue::due`] after a moment.
    Gather,
    Nothing,
}

/// What follows the server's response.
#[derive(Debug)]
pub(crate) enum Finished {
    /// It is the client's.
    Deliver,
    /// It is kept until the client comes back.
    Kept,
    /// Nobody wants it.
    Dropped,
}

/// What follows a client's return with answers.
#[derive(Debug, Default)]
pub(crate) struct Resumed {
    /// Responses for the server.
    pub(crate) answers: Vec<Vec<u8>>,
    /// The client has to be asked again at once: call [`Dialogue::due`].
    pub(crate) asks_again: bool,
    /// The server's response, which is there already.
    pub(crate) outcome: Option<Message>,
}

/// Malformed answers (-32602).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidAnswers {
    #[error("params.inputResponses: must be an object of results")]
    Malformed,
    #[error("the call is not waiting for answers")]
    NotHeld,
}

impl Dialogue {
    /// The server asks.
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

    /// The server takes back the question with this raw id.
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

    /// What the client has to be able to do for the questions that are gathered.
    pub(crate) fn needs(&self) -> impl Iterator<Item = Need> {
        let gathered = match self {
            Self::Gathering(questions) => questions.as_slice(),
            _ => &[],
        };
        gathered.iter().map(|question| question.need)
    }

    /// The moment has passed: the `inputRequests` for the client, if there are any.
    pub(crate) fn due(self) -> (Self, Option<String>) {
        let Self::Gathering(questions) = self else { return (self, None) };
        let asked: Vec<(String, Option<Question>)> = (1..)
            .zip(questions)
            .map(|(place, question)| (format!("r{place}"), Some(question)))
            .collect();
        let requests = input_requests(&asked);
        (Self::Held(Box::new(Held { asked, ..Held::default() })), Some(requests))
    }

    /// The client comes back with this raw object of answers. Unknown keys are ignored; what is
    /// not answered is asked again.
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

    /// The call is given up: what the server has to be told of its questions, and whether it is
    /// still at work.
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

/// The answers to what was asked, in its order; nothing if they are not object of objects, or one of
/// them appears twice. Others are passed by.
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

/// The result that asks a client; it comes back with the state.
pub(crate) fn input_required(requests: &str, state: &str) -> String {
    format!(
        r#"{{"resultType":"input_required","inputRequests":{requests},"requestState":"{state}"}}"#
    )
}

/// Questions that no server waits for the answers of, as `inputRequests`.
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
