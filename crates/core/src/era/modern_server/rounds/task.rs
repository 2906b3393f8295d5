//! What a server runs a call as: a task of the extension (`io.modelcontextprotocol/tasks`).

use std::{collections::HashSet, time::Duration};

use crate::jsonrpc::{Kind, Message, decode_string, escape, find_member};

/// How often a task is looked at if the server names no interval.
const LOOK: Duration = Duration::from_secs(1);
/// No server is asked more often, or more rarely.
pub(super) const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(30));

/// See the module.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: String,
    /// The id of the request that has become the task: progress is still reported for it.
    pub(super) first: Option<u64>,
    /// What is asked next.
    pub(super) request: Message,
    /// It carries answers of the client.
    pub(super) updates: bool,
    pub(super) waited: Duration,
    /// Raw keys of the questions that the client was asked.
    pub(super) asked: HashSet<String>,
}

impl Task {
    pub(super) fn request(&self) -> &Message {
        &self.request
    }

    /// Whether the client was asked this before: a server may repeat a question until it has seen the answer.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.asked.contains(key)
    }

    /// The client has answered these; the server is told next.
    pub(super) fn told(&mut self, keys: impl Iterator<Item = String>) {
        self.asked.extend(keys);
        if let Some(request) = about("tasks/update", &self.id) {
            (self.request, self.updates) = (request, true);
        }
    }
}

/// Longest answer that is searched for a new task.
const MAX_CREATED: usize = 64 * 1024;

/// The id of the task that a server has made of a call, if this is how it answers.
pub(crate) fn created(response: &Message) -> Option<String> {
    let is_short = response.bytes().len() <= MAX_CREATED;
    let result = response.result().filter(|_| is_short && response.kind() == Kind::Result)?;
    let member = |name| find_member(response.bytes(), result, name);
    member("resultType").filter(|kind| response.text(*kind) == b"\"task\"")?;
    decode_string(response.text(member("taskId")?))
}

/// A request about a task.
pub(super) fn about(method: &str, id: &str) -> Option<Message> {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"{method}","params":{{"taskId":{}}}}}"#,
        escape(id)
    );
    Message::parse(text.into()).ok()
}

/// When to look again.
pub(super) fn interval(response: &Message) -> Duration {
    let raw = response
        .result()
        .and_then(|result| find_member(response.bytes(), result, "pollIntervalMs"))
        .map(|span| response.text(span));
    let given = raw.and_then(|raw| std::str::from_utf8(raw).ok()?.parse::<f64>().ok());
    let given = given.filter(|milliseconds| *milliseconds >= 0.0);
    let asked = given.map_or(LOOK, |milliseconds| {
        Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(LOOKS.1)
    });
    asked.clamp(LOOKS.0, LOOKS.1)
}
