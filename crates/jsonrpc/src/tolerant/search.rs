//! Finds the messages among the other text of a line.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    broken::{answer_id, id_at_end},
    error_form::is_odd,
    mend::mend,
};
use crate::{
    Code, ErrorBody, MAX_SERVER_BATCH, Message, Span,
    json::{Scanner, SyntaxError},
    members,
};

/// The content of a line.
#[derive(Debug, Default)]
pub struct Found {
    /// In their order; an unreadable answer becomes an error that says so.
    pub messages: Vec<Message>,
    /// The text around them, without separators.
    pub noise: Vec<Bytes>,
    /// Whether a message was understood that is not quite valid.
    pub is_mended: bool,
    /// Why something that begins like a message is not one.
    pub unreadable: Option<SyntaxError>,
}

/// Where a line breaks that begins like a message.
#[derive(Debug, Default)]
struct Breaks {
    /// As JSON.
    json: Option<(usize, SyntaxError)>,
    /// As another language shows an object.
    foreign: Option<(usize, SyntaxError)>,
}

/// Looks for messages in a line of UTF-8, in linear time. A line with more messages than a server
/// may write in one counts as noise as a whole.
pub fn search(line: &Bytes) -> Found {
    let mut found = Found::default();
    let (mut at, mut noise_from) = (0, 0);
    // Bytes that were searched without success: enough for any prefix, and not counted again for
    // each brace.
    let mut effort = line.len().saturating_mul(2);
    let mut breaks = Breaks::default();
    while let Some(brace) = line.get(at..).and_then(|rest| memchr::memchr(b'{', rest)) {
        let start = at + brace;
        at = start + 1;
        match object_end(&line[start..]) {
            Ok(length) => {
                at = start + length;
                let object = line.slice(start..at);
                if let Some(message) = found.take(&object) {
                    if found.messages.len() == MAX_SERVER_BATCH {
                        return Found { noise: vec![line.clone()], ..Found::default() };
                    }
                    found.note(&line[noise_from..start], line);
                    found.messages.push(message);
                    noise_from = at;
                }
            }
            Err(error) => {
                let error = SyntaxError { at: error.at + start, ..error };
                breaks.note(&line[start..], start, error);
                match effort.checked_sub(error.at - start) {
                    Some(left) => effort = left,
                    None => break,
                }
            }
        }
    }
    found.note(&line[noise_from..], line);
    if found.messages.is_empty() {
        found.fail(line, &breaks);
    }
    found
}

impl Breaks {
    fn note(&mut self, text: &[u8], start: usize, error: SyntaxError) {
        const PROBLEM: &str = "a key without double quotes";
        let inside = text.get(1..).unwrap_or_default().trim_ascii_start();
        match inside.first() {
            Some(b'"') => {
                self.json.get_or_insert((start, error));
            }
            Some(_) if begins_like_a_message(inside) => {
                self.foreign.get_or_insert((start, SyntaxError { problem: PROBLEM, ..error }));
            }
            _ => {}
        }
    }
}

impl Found {
    fn take(&mut self, object: &Bytes) -> Option<Message> {
        if let Ok(message) = Message::parse(object.clone())
            && !is_odd(&message)
        {
            return Some(message);
        }
        let mended = mend(object).or_else(|| unanswerable(object));
        self.is_mended |= mended.is_some();
        mended
    }

    fn note(&mut self, text: &[u8], line: &Bytes) {
        let separates =
            |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'[' | b']' | b',');
        if !text.iter().all(separates) {
            self.noise.push(line.slice_ref(text.trim_ascii()));
        }
    }

    /// It cannot be read: its call fails, if that can be identified.
    fn fail(&mut self, line: &[u8], breaks: &Breaks) {
        const CUT: SyntaxError = SyntaxError { at: 0, problem: "the beginning is missing" };
        self.unreadable = breaks.json.map(|(_, error)| error);
        let broken = |of: Option<(usize, SyntaxError)>| {
            let (start, error) = of?;
            Some((answer_id(&line[start..])?, error))
        };
        let cut = || Some((id_at_end(line)?, CUT));
        let failed = broken(breaks.json).or_else(|| broken(breaks.foreign)).or_else(cut);
        let Some((id, error)) = failed else { return };
        if let Some(message) = failure(&id, &error.to_string()) {
            self.unreadable = Some(error);
            self.messages.push(message);
            self.noise.clear();
        }
    }
}

/// An object with a version and an id, and without a readable answer.
fn unanswerable(object: &[u8]) -> Option<Message> {
    let whole = Span::new(0, object.len());
    let is_version = |name: Cow<'_, str>| name.eq_ignore_ascii_case("jsonrpc");
    members(object, whole).find(|entry| is_version(entry.name()))?;
    failure(&answer_id(object)?, "it is not exactly one of a result and an error")
}

fn failure(id: &[u8], reason: &str) -> Option<Message> {
    let text = format!("the MCP server wrote an answer that cannot be read: {reason}");
    Message::parse(ErrorBody::new(Code::Internal, text).response(id)).ok()
}

/// The length of the object with which the text begins.
fn object_end(text: &[u8]) -> Result<usize, SyntaxError> {
    let mut scanner = Scanner::new(text)?;
    scanner.value().map(|span| span.range().end)
}

/// Whether this begins with a member of a message, in any quotes or none.
fn begins_like_a_message(inside: &[u8]) -> bool {
    let name = inside.strip_prefix(b"'").unwrap_or(inside);
    ["jsonrpc", "id", "result", "error"].iter().any(|known| name.starts_with(known.as_bytes()))
}
