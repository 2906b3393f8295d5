//! Finds the messages among the other text of a line.

use bytes::Bytes;

use super::{broken::answer_id, mend::mend};
use crate::jsonrpc::{
    Code, ErrorBody, MAX_SERVER_BATCH, Message,
    json::{Scanner, SyntaxError},
};

/// The content of a line.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In their order; an unreadable answer becomes an error that says so.
    pub(crate) messages: Vec<Message>,
    /// The text around them, without separators.
    pub(crate) noise: Vec<Bytes>,
    /// Whether a message was understood that is not quite valid.
    pub(crate) is_mended: bool,
    /// Why something that begins like a message is not one.
    pub(crate) unreadable: Option<SyntaxError>,
}

/// Looks for messages in a line of UTF-8, in linear time. A line with more messages than a server
/// may write in one counts as noise as a whole.
pub(crate) fn search(line: &Bytes) -> Found {
    let mut found = Found::default();
    let (mut at, mut noise_from) = (0, 0);
    // Bytes that were searched without success: enough for any prefix, and not counted again for
    // each brace.
    let mut effort = line.len().saturating_mul(2);
    let mut broken = None;
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
                if broken.is_none() && begins_object(&line[start..]) {
                    broken = Some((start, error));
                }
                match effort.checked_sub(error.at - start) {
                    Some(left) => effort = left,
                    None => break,
                }
            }
        }
    }
    found.note(&line[noise_from..], line);
    if let (Some((start, error)), true) = (broken, found.messages.is_empty()) {
        found.fail(&line[start..], error);
    }
    found
}

impl Found {
    fn take(&mut self, object: &Bytes) -> Option<Message> {
        if let Ok(message) = Message::parse(object.clone()) {
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
    fn fail(&mut self, text: &[u8], error: SyntaxError) {
        self.unreadable = Some(error);
        if let Some(message) = answer_id(text).and_then(|id| failure(id, &error.to_string())) {
            self.messages.push(message);
            self.noise.clear();
        }
    }
}

/// An object with a version and an id, and without a readable answer.
fn unanswerable(object: &[u8]) -> Option<Message> {
    let whole = crate::jsonrpc::Span::new(0, object.len());
    let version = crate::jsonrpc::find_member(object, whole, "jsonrpc")?;
    (version.of(object) == br#""2.0""#).then_some(())?;
    failure(answer_id(object)?, "it is not exactly one of a result and an error")
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

fn begins_object(text: &[u8]) -> bool {
    text.get(1..).is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b'"'))
}
