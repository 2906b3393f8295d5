//! Checks the translation between the eras: whatever goes in, the result is a message with
//! everything that its era requires, and nothing of the other era.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::{
    era::{
        input_required::{Dialogue, Question, input_required, requests_of},
        metadata::{
            CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, RequestMetadata,
            SERVER_INFO,
        },
        modern_server::{Additions, Call, Discovery, Envelope, Progress, Round, Step},
        modern_to_legacy::{Answer, LegacyRequest, Translated, stamps, translate_error},
    },
    jsonrpc::{Edit, Kind, Message, spliced},
};

pub(super) const METHODS: [&str; 6] =
    ["tools/call", "tools/list", "prompts/list", "prompts/get", "resources/read", "vendor/thing"];
pub(super) const SERVER: &[u8] = br#"{"name":"s","version":"1"}"#;
pub(super) const CLIENT: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{"listChanged":true},"tasks":{}},"clientInfo":{"name":"c","version":"1"}}}"#;

pub(super) fn parsed(bytes: &[u8]) -> Option<Message> {
    Message::parse(Bytes::copy_from_slice(bytes)).ok()
}

/// The result must be a message, whatever the input was.
fn made(bytes: &[u8]) -> Message {
    let text = String::from_utf8_lossy(bytes);
    parsed(bytes).unwrap_or_else(|| panic!("no message is made: {text}"))
}

pub(super) fn edited(message: &Message, mut edits: Vec<Edit<'_>>) -> Message {
    edits.sort_by_key(Edit::place);
    made(&spliced(message.bytes(), &edits))
}

/// As a tree; `None` if it is nested too deeply for one.
fn tree(message: &Message) -> Option<Value> {
    serde_json::from_slice(message.bytes()).ok()
}

/// A 2026-07-28 client with a handshake server: its requests, and their answers. The first byte
/// selects the request that is answered.
pub fn modern_to_legacy(bytes: &[u8]) {
    let [method, rest @ ..] = bytes else { return };
    let Some(message) = parsed(rest) else { return };
    match message.kind() {
        Kind::Request | Kind::Notification => legacy_request(&message),
        Kind::Result => stamped(&message, METHODS[usize::from(*method) % METHODS.len()]),
        Kind::Error => match translate_error(&message) {
            Translated::AsItIs => {
                let code = message.error_code().unwrap_or_default();
                let undefined =
                    (-32099..=-32023).contains(&code) || [-32002, -32042].contains(&code);
                assert!(!undefined, "{code}");
            }
            Translated::Instead(error) => {
                assert_eq!(made(&error.response(b"1")).kind(), Kind::Error);
            }
            Translated::Ask(questions) => asks(&requests_of(questions)),
        },
    }
}

fn legacy_request(request: &Message) {
    let LegacyRequest { message, .. } = LegacyRequest::of(request);
    let again = made(message.bytes());
    assert_eq!((again.kind(), again.id()), (request.kind(), request.id()));
    assert_eq!(again.method(), request.method());
    let Some(tree) = tree(&again) else { return };
    let params = &tree["params"];
    for foreign in ["requestState", "inputResponses", "task"] {
        assert!(params.get(foreign).is_none(), "{foreign} is left in {tree}");
    }
    for key in [PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL] {
        assert!(params["_meta"].get(key).is_none(), "{key} is left in {tree}");
    }
}

/// SCH28: `resultType` on every result, hints on the cacheable ones, `content` on a call's.
fn stamped(response: &Message, method: &str) {
    let Some(patches) = stamps(response, Answer::to(method), Some(SERVER)) else { return };
    let result = edited(response, patches.iter().map(|patch| patch.edit()).collect());
    assert_eq!((result.kind(), result.id()), (Kind::Result, response.id()));
    let Some(tree) = tree(&result) else { return };
    let result = &tree["result"];
    assert_eq!(result["resultType"], "complete", "{tree}");
    let cacheable = method.ends_with("/list") || method == "resources/read";
    assert_eq!(result["ttlMs"].is_u64() && result["cacheScope"] == "private", cacheable, "{tree}");
    assert!(method != "tools/call" || result.get("content").is_some(), "{tree}");
    if result["_meta"].is_object() {
        assert!(result["_meta"].get(SERVER_INFO).is_some(), "{tree}");
    }
}

/// A handshake client with a 2026-07-28 server: its requests, and their answers, in as many rounds
/// as needed. The first byte selects the method, and whether the client can be asked.
pub fn modern_server(bytes: &[u8]) {
    let [choice, rest @ ..] = bytes else { return };
    let Some(message) = parsed(rest) else { return };
    let own = Envelope::of_proxy("1");
    let envelope = Arc::new(match message.kind() {
        Kind::Request => Envelope::of_client(&message, own),
        _ => Envelope::of_client(&made(CLIENT.as_bytes()), own),
    });
    let askable = choice & 0x80 == 0;
    if message.kind() == Kind::Request {
        return enveloped(&Call::new(message, envelope, askable));
    }
    drop(Discovery::of(&message));
    let method = METHODS[usize::from(choice & 0x7f) % METHODS.len()];
    let text =
        format!(r#"{{"jsonrpc":"2.0","id":"a","method":"{method}","params":{{"name":"t"}}}}"#);
    let call = Call::new(made(text.as_bytes()), envelope, askable);
    match message.kind() {
        Kind::Error => {
            if let Some(failure) = call.refused(&message) {
                told(failure.outcome());
            }
        }
        Kind::Result => answered(call, &message, method),
        Kind::Request | Kind::Notification => {}
    }
}

/// SCH28: the envelope with every request.
fn enveloped(call: &Call) {
    let additions = Additions { id: b"7", metadata: call.metadata(), answers: call.answers() };
    let sent = edited(call.request(), additions.edits(call.request()).to_vec());
    assert_eq!((sent.kind(), sent.id()), (Kind::Request, Some(&b"7"[..])));
    let meta = sent.meta().map_or(&b"{}"[..], |meta| sent.text(meta));
    let meta = String::from_utf8_lossy(meta);
    let metadata = RequestMetadata::parse(&meta).unwrap_or_else(|error| panic!("{error}: {meta}"));
    assert_eq!(metadata.version, "2026-07-28");
}

fn answered(call: Call, response: &Message, method: &str) {
    let mut next = 0;
    let ids = || {
        next += 1;
        next
    };
    match call.answered(response, ids) {
        Step::Complete(rewrite) => {
            let Some(tree) = tree(&edited(response, rewrite.edits())) else { return };
            let result = &tree["result"];
            assert!(result.get("resultType").is_none(), "{tree}");
            if let Some(structured) =
                result.get("structuredContent").filter(|_| method == "tools/call")
            {
                assert!(structured.is_object(), "{tree}");
            }
        }
        Step::Ask(round, questions) => replied(round, &questions),
        Step::Again(call, _) => enveloped(&call),
        Step::Ended(_, answer) => assert_ne!(made(answer.bytes()).kind(), Kind::Request),
        Step::Fail(failure) => told(failure.outcome()),
    }
}

/// The client answers every question.
fn replied(mut round: Box<Round>, questions: &[Message]) {
    let open = round.open();
    assert_eq!(open.len(), questions.len());
    for (id, question) in open.into_iter().zip(questions) {
        let asked = made(question.bytes());
        assert_eq!((asked.kind(), asked.id()), (Kind::Request, Some(id.to_string().as_bytes())));
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"x":1}}}}"#);
        match round.answer(id, &made(answer.as_bytes())) {
            Progress::Open(open) => round = open,
            Progress::Again(call) => return enveloped(&call),
            Progress::Fail(..) => panic!("every answer is one"),
        }
    }
    panic!("every question was answered");
}

/// What a client gets in place of an answer.
fn told(outcome: Result<String, crate::jsonrpc::ErrorBody>) {
    match outcome {
        Ok(result) => {
            let result: Value = serde_json::from_str(&result).unwrap_or_default();
            assert!(result["content"].is_array() && result["isError"] == true);
        }
        Err(error) => assert_eq!(made(&error.response(b"1")).kind(), Kind::Error),
    }
}

/// A call during which a handshake server asks questions: each line is a server's message, or the
/// answers with which the client returns.
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
            None => come_back(dialogue, line),
        };
    }
    let (_, declined, _) = dialogue.abandoned();
    for response in declined {
        assert!(matches!(made(&response).kind(), Kind::Result | Kind::Error));
    }
}

/// The client is asked what there is, and comes back.
pub(super) fn come_back_to(dialogue: Dialogue, line: &[u8]) -> Dialogue {
    dialogue.due().0.resumed(Some(line)).0
}

/// The same, with a look at what is said.
fn come_back(dialogue: Dialogue, line: &[u8]) -> Dialogue {
    let (dialogue, requests) = dialogue.due();
    if let Some(requests) = requests {
        asks(&requests);
    }
    let (dialogue, resumed) = dialogue.resumed(Some(line));
    for answer in resumed.iter().flat_map(|resumed| &resumed.answers) {
        assert!(matches!(made(answer).kind(), Kind::Result | Kind::Error));
    }
    dialogue
}

/// SCH28: an `InputRequiredResult`.
fn asks(requests: &str) {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}}}"#, input_required(requests, "s"));
    let Some(tree) = tree(&made(text.as_bytes())) else { return };
    let result = &tree["result"];
    assert_eq!(
        (&result["resultType"], &result["requestState"]),
        (&"input_required".into(), &"s".into())
    );
    assert!(result["inputRequests"].is_object(), "{tree}");
    for request in result["inputRequests"].as_object().into_iter().flat_map(|all| all.values()) {
        assert!(request["method"].is_string(), "{tree}");
        let params = &request["params"];
        assert!(params.is_null() || params.get("task").is_none(), "{tree}");
    }
}
