//! Reasons to refuse a 2026-07-28 request before a server is looked for.

use crate::{
    era::{
        metadata::CLIENT_CAPABILITIES, modern_server::TASKS_EXTENSION,
        modern_to_legacy::is_of_sessions,
    },
    jsonrpc::{Code, ErrorBody, Message, find_member},
};

/// Why no server can be meant; `None` if one can.
pub(super) fn refusal(request: &Message) -> Option<ErrorBody> {
    let method = request.method();
    match &*method {
        "tasks/get" | "tasks/update" | "tasks/cancel" => {
            (!declares_tasks(request)).then(tasks_are_missing)
        }
        _ if is_of_sessions(&method) || method.starts_with("tasks/") => {
            let text = format!("Method not found: {method}");
            Some(ErrorBody::new(Code::MethodNotFound, text))
        }
        _ => None,
    }
}

/// Whether the client supports tasks (SEP-2663).
fn declares_tasks(request: &Message) -> bool {
    let bytes = request.bytes();
    let capabilities =
        request.meta().and_then(|meta| find_member(bytes, meta, CLIENT_CAPABILITIES));
    let extensions = capabilities.and_then(|all| find_member(bytes, all, "extensions"));
    extensions.is_some_and(|all| find_member(bytes, all, TASKS_EXTENSION).is_some())
}

fn tasks_are_missing() -> ErrorBody {
    let data =
        format!(r#"{{"requiredCapabilities":{{"extensions":{{"{TASKS_EXTENSION}":{{}}}}}}}}"#);
    let text = "the client does not declare the tasks extension";
    ErrorBody { data: Some(data), ..ErrorBody::new(Code::MissingCapability, text) }
}
