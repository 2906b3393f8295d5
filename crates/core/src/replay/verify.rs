//! Sends the clients' calls of a recording to a server.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Ignored, Unreadable, differences,
    player::plain,
    report::{Case, Finding, Report},
    script::{Call, Script},
};
use crate::proxy::{Conversation, Unanswered};

/// Methods that concern a session, not a call: the conversation has its own.
const SKIPPED: [&str; 6] = [
    "initialize",
    "ping",
    "server/discover",
    "subscriptions/listen",
    "logging/setLevel",
    "resources/subscribe",
];

/// How a verification ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verified {
    /// All calls were made.
    Done(Report),
    /// The server did not answer any more; the report contains what was found until then.
    Interrupted(Report, String),
}

/// Makes the calls of a recording, one after the other, and compares the answers. Values in
/// `ignored` may differ; see [`Player::load`](super::Player::load).
pub async fn verify(
    file: &Path,
    ignored: &[String],
    conversation: &mut Conversation,
) -> Result<Verified, Unreadable> {
    let script = Script::read(file)?;
    let ignored = Ignored::new(ignored);
    let mut report = Report::new(file);
    for call in script.calls.iter().filter(|call| !SKIPPED.contains(&&*call.method)) {
        let finding = match compare(call, &ignored, conversation).await {
            Ok(finding) => finding,
            Err(reason) => return Ok(Verified::Interrupted(report, reason)),
        };
        report.add(Case { name: name(call), finding });
    }
    Ok(Verified::Done(report))
}

async fn compare(
    call: &Call,
    ignored: &Ignored,
    conversation: &mut Conversation,
) -> Result<Finding, String> {
    let Some(recorded) = call.answer() else {
        return Ok(Finding::Skipped("its answer was not recorded"));
    };
    if call.asks() {
        return Ok(Finding::Skipped("the server asks its client meanwhile"));
    }
    let params = call.params();
    if params.to_string().contains(crate::watch::REDACTED) {
        return Ok(Finding::Skipped("its parameters were redacted"));
    }
    let params = match plain(&params) {
        Value::Null => json!({}),
        params => params,
    };
    let actual = match conversation.ask(&call.method, params).await {
        Ok(result) => json!({ "result": result }),
        Err(Unanswered::Error { code, message, data }) => {
            let mut error = json!({ "code": code, "message": message });
            if !data.is_null() {
                error["data"] = data;
            }
            json!({ "error": error })
        }
        Err(unreached) => return Err(unreached.to_string()),
    };
    let found = differences(&recorded, &actual, ignored);
    Ok(if found.is_empty() { Finding::Same } else { Finding::Differs(found) })
}

fn name(call: &Call) -> String {
    let params = call.params();
    let target = params["name"].as_str().or_else(|| params["uri"].as_str());
    match target {
        Some(target) => format!("{} {target}", call.method),
        None => call.method.clone(),
    }
}
