//! The code that the checks check, without the checks: what fuzzers measure the memory of.

use std::sync::Arc;

use bytes::Bytes;

use super::eras::{CLIENT, METHODS, SERVER, come_back_to, edited, parsed};
use crate::{
    codec::{
        event_reader::EventReader,
        line::{LineBuffer, classify},
    },
    era::{
        input_required::{Dialogue, Question},
        modern_server::{Additions, Call, Discovery, Envelope, Progress, Step},
        modern_to_legacy::{Answer, LegacyRequest, stamps, translate_error},
    },
    identity,
    jsonrpc::{Kind, MAX_SERVER_BATCH, Message, escape, oracle as messages, search, split},
};

/// Scans a message, and a batch.
pub fn envelope(bytes: &[u8]) {
    let text = Bytes::copy_from_slice(bytes);
    drop(Message::parse(text.clone()));
    drop(split(text, MAX_SERVER_BATCH));
}

/// Gives a message another id and another token.
pub fn splice(bytes: &[u8]) {
    let Some(request) = parsed(bytes) else { return };
    let edits = messages::edits(&request, b"7", b"\"own\"");
    drop(crate::jsonrpc::spliced(request.bytes(), &edits));
}

/// Reads lines, and looks for messages in each.
pub fn line(bytes: &[u8]) {
    let mut buffer = LineBuffer::new(usize::MAX);
    for read in bytes.chunks(1024) {
        buffer.room().extend_from_slice(read);
        while let Ok(Some(line)) = buffer.next_line() {
            if std::str::from_utf8(&line).is_ok() {
                drop(search(&line));
            }
            classify(line);
        }
    }
    drop(search(&buffer.rest()));
}

/// Reads an event stream as a remote server's is read.
pub fn events(bytes: &[u8]) {
    let mut reader = EventReader::new(usize::MAX);
    for read in bytes.chunks(1024) {
        reader.push(read);
        while let Ok(Some(event)) = reader.next_event() {
            drop(event);
        }
    }
}

/// Translates a message between a client of 2026-07-28 and an older server.
pub fn modern_to_legacy(bytes: &[u8]) {
    let [method, rest @ ..] = bytes else { return };
    let Some(message) = parsed(rest) else { return };
    match message.kind() {
        Kind::Request | Kind::Notification => drop(LegacyRequest::of(&message)),
        Kind::Error => drop(translate_error(&message)),
        Kind::Result => {
            let method = METHODS[usize::from(*method) % METHODS.len()];
            if let Some(patches) = stamps(&message, Answer::to(method), Some(SERVER)) {
                drop(edited(&message, patches.iter().map(|patch| patch.edit()).collect()));
            }
        }
    }
}

/// Translates a message between an older client and a server of 2026-07-28.
pub fn modern_server(bytes: &[u8]) {
    let [choice, rest @ ..] = bytes else { return };
    let Some(message) = parsed(rest) else { return };
    let own = Envelope::of_proxy("1");
    if message.kind() == Kind::Request {
        let envelope = Arc::new(Envelope::of_client(&message, own));
        return sent(&Call::new(message, envelope, true));
    }
    drop(Discovery::of(&message));
    let method = METHODS[usize::from(choice & 0x7f) % METHODS.len()];
    let text = format!(r#"{{"jsonrpc":"2.0","id":"a","method":"{method}","params":{{}}}}"#);
    let (Some(client), Some(request)) = (parsed(CLIENT.as_bytes()), parsed(text.as_bytes())) else {
        return;
    };
    let call = Call::new(request, Arc::new(Envelope::of_client(&client, own)), true);
    if message.kind() == Kind::Error {
        return drop(call.refused(&message));
    }
    match call.answered(&message, || 1) {
        Step::Complete(rewrite) => drop(edited(&message, rewrite.edits())),
        Step::Ask(round, questions) => {
            let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":{}}}}}"#, escape("b"));
            let Some(answer) = parsed(answer.as_bytes()) else { return };
            if let Progress::Again(call) = round.answer(1, &answer) {
                sent(&call);
            }
            drop(questions);
        }
        Step::Again(call, _) => sent(&call),
        Step::Ended(_, answer) => drop(answer),
        Step::Fail(failure) => drop(failure.outcome()),
    }
}

fn sent(call: &Call) {
    let additions = Additions { id: b"7", metadata: call.metadata(), answers: call.answers() };
    drop(edited(call.request(), additions.edits(call.request()).to_vec()));
}

/// A call during which an older server asks.
pub fn dialogue(bytes: &[u8]) {
    let mut dialogue = Dialogue::default();
    for line in bytes.split(|&byte| byte == b'\n').take(64) {
        let message = parsed(line);
        dialogue = match message.as_ref().map(|message| (message.kind(), message)) {
            Some((Kind::Request, request)) => match Question::of(request) {
                Some(question) => dialogue.asked(question).0,
                None => dialogue,
            },
            Some((Kind::Notification, notification)) => {
                let id = notification.cancelled_id().map(|span| notification.text(span));
                dialogue.withdrawn(id.unwrap_or_default())
            }
            Some((Kind::Result | Kind::Error, response)) => dialogue.finished(response).0,
            None => come_back_to(dialogue, line),
        };
    }
}

/// Reads what issuers and operators publish.
pub fn identity_documents(bytes: &[u8]) {
    identity::oracle::read_documents(bytes);
}
