//! Tools that a legacy server runs only as tasks (MCP 2025-11-25, tasks): the messages that the
//! proxy sends for a client without such tasks.

use std::time::Duration;

use crate::jsonrpc::{
    Edit, Message, Span, decode_string, elements, escape, find_member, find_removal, spliced,
};

/// How often a task is polled if the server names no interval.
const POLL: Duration = Duration::from_secs(1);
/// Bounds of the polling interval.
const POLLS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(30));
const RELATED: &str = "io.modelcontextprotocol/related-task";

/// The state of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It runs; when to poll again.
    Working(Duration),
    /// It has ended or needs input: request its result now.
    Due,
}

/// Longest answer that is searched for a new task.
const MAX_CREATED: usize = 64 * 1024;

/// The same call, made as a task.
pub(crate) fn as_task(call: &Message) -> Message {
    let Some(start) = call.params().map(|params| params.range().start + 1) else {
        return call.clone();
    };
    let rest = call.bytes().get(start..).unwrap_or_default().trim_ascii_start();
    let with: &[u8] = if rest.starts_with(b"}") { br#""task":{}"# } else { br#""task":{},"# };
    let made = spliced(call.bytes(), &[Edit { span: Span::new(start, start), with }]);
    Message::parse(made).unwrap_or_else(|_| call.clone())
}

/// Whether a call was made so.
pub(crate) fn is_made(call: &Message) -> bool {
    call.params().is_some_and(|params| call.text(params).starts_with(br#"{"task":{}"#))
}

/// The task that the server has made of a call: its id, and where it is.
pub(crate) fn created(response: &Message) -> Option<(String, Progress)> {
    if response.bytes().len() > MAX_CREATED {
        return None;
    }
    let task = find_member(response.bytes(), response.result()?, "task")?;
    let id = find_member(response.bytes(), task, "taskId")?;
    Some((decode_string(response.text(id))?, progress(response, task)?))
}

/// The id of the task that a server has made of a call, if this is how it answers.
pub(crate) fn id_of(response: &Message) -> Option<String> {
    created(response).map(|(id, _)| id)
}

/// Where a task is, by the answer to `tasks/get`.
pub(crate) fn looked_at(response: &Message) -> Option<Progress> {
    progress(response, response.result()?)
}

fn progress(response: &Message, task: Span) -> Option<Progress> {
    let text = response.bytes();
    let status = decode_string(find_member(text, task, "status")?.of(text))?;
    if status != "working" {
        return Some(Progress::Due);
    }
    let interval = find_member(text, task, "pollInterval").map(|span| span.of(text));
    let interval = interval.and_then(|raw| std::str::from_utf8(raw).ok()?.parse::<f64>().ok());
    let interval =
        interval.filter(|milliseconds| *milliseconds >= 0.0).map_or(POLL, |milliseconds| {
            Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(POLLS.1)
        });
    Some(Progress::Working(interval.clamp(POLLS.0, POLLS.1)))
}

/// A request about a task.
pub(crate) fn about(method: &str, id: &str) -> Option<Message> {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":"{method}","method":"{method}","params":{{"taskId":{}}}}}"#,
        escape(id)
    );
    Message::parse(text.into()).ok()
}

/// The result of a task, without task metadata.
pub(crate) fn plain(response: Message) -> Message {
    let text = response.bytes();
    let meta = response.result().and_then(|result| find_member(text, result, "_meta"));
    let removal = meta.and_then(|meta| find_removal(text, meta, RELATED));
    match removal {
        Some(span) => {
            let left = spliced(text, &[Edit { span, with: b"" }]);
            Message::parse(left).unwrap_or(response)
        }
        None => response,
    }
}

/// The tools of a page, each with whether it can be called only as a task.
pub(crate) fn tools(response: &Message) -> Vec<(String, bool)> {
    let text = response.bytes();
    let tools = response.result().and_then(|result| find_member(text, result, "tools"));
    let tools = tools.into_iter().flat_map(|tools| elements(text, tools));
    tools
        .filter_map(|tool| {
            let name = decode_string(find_member(text, tool, "name")?.of(text))?;
            Some((name, needs_task(text, tool)))
        })
        .collect()
}

fn needs_task(text: &[u8], tool: Span) -> bool {
    let execution = find_member(text, tool, "execution");
    let support = execution.and_then(|execution| find_member(text, execution, "taskSupport"));
    support.is_some_and(|support| decode_string(support.of(text)).as_deref() == Some("required"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned().into()).unwrap()
    }

    fn result(result: &str) -> Message {
        message(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#))
    }

    #[test]
    fn calls_become_tasks() {
        for (params, made) in [
            (r#"{"name":"a"}"#, r#"{"task":{},"name":"a"}"#),
            ("{ }", r#"{"task":{} }"#),
            (r#"{ "name":"a"}"#, r#"{"task":{}, "name":"a"}"#),
        ] {
            let text = |params| {
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
            };
            let made = text(made);
            assert_eq!(as_task(&message(&text(params))).bytes().as_ref(), made.as_bytes());
        }
    }

    #[test]
    fn where_a_task_is_can_be_read_from_many_spellings() {
        let at = |milliseconds| Some(Progress::Working(Duration::from_millis(milliseconds)));
        for (task, found) in [
            (r#"{"status":"working"}"#, at(1000)),
            (r#"{"status":"working","pollInterval":200}"#, at(200)),
            (r#"{"status":"working","pollInterval":2e2}"#, at(200)),
            (r#"{"status":"working","pollInterval":0}"#, at(50)),
            (r#"{"status":"working","pollInterval":-5}"#, at(1000)),
            (r#"{"status":"working","pollInterval":"often"}"#, at(1000)),
            (r#"{"status":"working","pollInterval":null}"#, at(1000)),
            (r#"{"status":"working","pollInterval":1e99}"#, at(30_000)),
            (r#"{"status":"\u0077orking","pollInterval":100}"#, at(100)),
            (r#"{"status":"completed"}"#, Some(Progress::Due)),
            (r#"{"status":"failed"}"#, Some(Progress::Due)),
            (r#"{"status":"cancelled"}"#, Some(Progress::Due)),
            (r#"{"status":"input_required"}"#, Some(Progress::Due)),
            (r#"{"taskId":"a"}"#, None),
        ] {
            assert_eq!(looked_at(&result(task)), found, "{task}");
        }
        let made = result(r#"{"task":{"taskId":"a\"b","status":"working"}}"#);
        assert_eq!(created(&made), Some(("a\"b".to_owned(), Progress::Working(POLL))));
        assert_eq!(created(&result(r#"{"content":[]}"#)), None);
    }

    #[test]
    fn results_say_nothing_of_the_task() {
        for (given, left) in [
            (
                r#"{"content":[],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a"}}}"#,
                r#"{"content":[],"_meta":{}}"#,
            ),
            (
                r#"{"_meta":{"a":1,"io.modelcontextprotocol/related-task":{"taskId":"a"}},"content":[]}"#,
                r#"{"_meta":{"a":1},"content":[]}"#,
            ),
            (r#"{"content":[]}"#, r#"{"content":[]}"#),
        ] {
            assert_eq!(plain(result(given)).bytes(), result(left).bytes());
        }
    }

    #[test]
    fn tools_that_need_tasks_are_known() {
        let page = result(
            r#"{"tools":[{"name":"a","execution":{"taskSupport":"required"}},{"name":"b","execution":{"taskSupport":"optional"}},{"name":"c"},{"execution":{"taskSupport":"required"}}]}"#,
        );
        let found = tools(&page);
        let found: Vec<_> = found.iter().map(|(name, needs)| (name.as_str(), *needs)).collect();
        assert_eq!(found, [("a", true), ("b", false), ("c", false)]);
    }
}
