//! A server's question, and what a client answers.

use super::super::Answers;
use crate::{
    era::sampling::with_objects,
    jsonrpc::{Message, Span, decode_string, find_member, find_removal},
};

/// A server's question as a request to the client, in the form of its era.
pub(super) fn question(
    id: u64,
    message: &Message,
    entry: Span,
    answers: Answers,
) -> Result<Message, String> {
    let bytes = message.bytes();
    let member = |object, name| find_member(bytes, object, name);
    let method = member(entry, "method").and_then(|span| decode_string(span.of(bytes)));
    let params = member(entry, "params").filter(|span| span.of(bytes).first() == Some(&b'{'));
    let of_params = |name| params.and_then(|params| member(params, name));
    let is_url = of_params("mode").is_some_and(|mode| mode.of(bytes) == b"\"url\"");
    let method = method.as_deref().unwrap_or("a question without a method");
    let (able, need) = match method {
        "elicitation/create" if is_url => (answers.url, "elicitation.url"),
        "elicitation/create" => (answers.form, "elicitation"),
        "sampling/createMessage" if of_params("tools").is_some() => {
            (answers.tools, "sampling.tools")
        }
        "sampling/createMessage" => (answers.sampling, "sampling"),
        "roots/list" => (answers.roots, "roots"),
        _ => {
            return Err(format!("the MCP server asked for input with the unknown method {method}"));
        }
    };
    if !able {
        return Err(format!("the MCP server asked for input that this client cannot give: {need}"));
    }
    let mut params = params.map_or_else(
        || "{}".to_owned(),
        |span| String::from_utf8_lossy(span.of(bytes)).into_owned(),
    );
    if is_url && of_params("elicitationId").is_none() {
        // Required of older servers; nothing refers to it (MCP 2026-07-28, changelog).
        params.insert_str(1, &format!("\"elicitationId\":\"{}\",", uuid::Uuid::new_v4()));
    }
    if method == "sampling/createMessage" {
        params = with_objects(params);
    }
    let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
    Message::parse(text.into()).map_err(|invalid| {
        format!("the MCP server asked for input by {method}, but not as a request: {invalid}")
    })
}

/// What a client sent instead of an answer.
pub(super) fn refusal(response: &Message, error: Span) -> String {
    let message = find_member(response.bytes(), error, "message")
        .and_then(|span| decode_string(response.text(span)))
        .unwrap_or_default();
    format!("the client did not give the input that the MCP server asked for: {message}")
}

/// An answer as the newer era embeds it, without metadata.
pub(super) fn bare(response: &Message, result: Span) -> String {
    let text =
        |start, end| String::from_utf8_lossy(Span { start, end }.of(response.bytes())).into_owned();
    match find_removal(response.bytes(), result, "_meta") {
        Some(cut) => text(result.start, cut.start) + &text(cut.end, result.end),
        None => text(result.start, result.end),
    }
}
