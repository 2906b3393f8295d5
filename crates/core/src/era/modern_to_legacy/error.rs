//! A legacy error in codes that the modern era defines.

use crate::{
    era::input_required::Question,
    jsonrpc::{Code, ErrorBody, Message, Raw, Span, elements, find_member},
};

/// What to do with an error.
#[derive(Debug)]
pub(crate) enum Translated {
    AsItIs,
    Instead(ErrorBody),
    /// The client must visit these URLs and retry (-32042 of 2025-11-25).
    Ask(Vec<Question>),
}

const RESOURCE_NOT_FOUND: i64 = -32002;
const URL_ELICITATION_REQUIRED: i64 = -32042;
/// Reserved for what the specification defines.
const RESERVED: std::ops::RangeInclusive<i64> = -32099..=-32020;
const MISSING_CAPABILITY: i64 = -32021;
const DEFINED: [i64; 2] = [-32020, -32022];

/// Examines the error in this response.
pub(crate) fn translate_error(response: &Message) -> Translated {
    let Some(error) = response.error() else { return Translated::AsItIs };
    let member = |name| find_member(response.bytes(), error, name);
    let data = member("data");
    let Some(code) = response.error_code() else { return Translated::AsItIs };
    match code {
        RESOURCE_NOT_FOUND => Translated::Instead(with_code(response, Code::InvalidParams, data)),
        URL_ELICITATION_REQUIRED => match data.and_then(|data| questions(response, data)) {
            Some(questions) => Translated::Ask(questions),
            None => Translated::Instead(undefined(response, code, data)),
        },
        MISSING_CAPABILITY if names_capabilities(response, data) => Translated::AsItIs,
        _ if RESERVED.contains(&code) && !DEFINED.contains(&code) => {
            Translated::Instead(undefined(response, code, data))
        }
        _ => Translated::AsItIs,
    }
}

fn names_capabilities(response: &Message, data: Option<Span>) -> bool {
    let required =
        data.and_then(|data| find_member(response.bytes(), data, "requiredCapabilities"));
    required.is_some_and(|required| response.text(required).starts_with(b"{"))
}

fn with_code(response: &Message, code: Code, data: Option<Span>) -> ErrorBody {
    let message = response
        .error()
        .and_then(|error| find_member(response.bytes(), error, "message"))
        .and_then(|span| crate::jsonrpc::decode_string(response.text(span)));
    let raw = |span| String::from_utf8_lossy(response.text(span)).into_owned();
    ErrorBody { code, message: message.unwrap_or_default(), data: data.map(raw) }
}

fn undefined(response: &Message, code: i64, data: Option<Span>) -> ErrorBody {
    let mut error = with_code(response, Code::Internal, data);
    let original = error.data.take().map_or_else(String::new, |data| format!(r#","data":{data}"#));
    error.data = Some(format!(r#"{{"originalCode":{code}{original}}}"#));
    error
}

/// Most questions in one error.
const MAX_QUESTIONS: usize = 100;

/// The URLs of `data.elicitations`; empty unless all of them are valid.
fn questions(response: &Message, data: Span) -> Option<Vec<Question>> {
    let span = find_member(response.bytes(), data, "elicitations")?;
    let text = response.bytes();
    let member = |elicitation, name| {
        find_member(text, elicitation, name).and_then(|span| str::from_utf8(span.of(text)).ok())
    };
    let questions: Option<Vec<Question>> = elements(text, span)
        .take(MAX_QUESTIONS + 1)
        .enumerate()
        .map(|(place, elicitation)| {
            let url = member(elicitation, "url").filter(|url| url.starts_with('"'))?;
            let message = member(elicitation, "message")?;
            let params = format!(r#"{{"message":{message},"mode":"url","url":{url}}}"#);
            let question = Question::of_url(Raw::new(b"null"), &params);
            (place < MAX_QUESTIONS).then_some(question)
        })
        .collect();
    questions.filter(|questions| !questions.is_empty())
}
