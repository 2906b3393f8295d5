//! A call that its server runs as a task of the extension (`io.modelcontextprotocol/tasks`): the client, which knows no
//! such tasks, gets what the task ends with.
//!
//! The extension is offered only to a server that has refused the call without it, so that whatever can be answered
//! at once is.

use std::{collections::HashSet, time::Duration};

use super::{
    Call, Failure, Step,
    task::{LOOKS, Task, about, created, interval},
};
use crate::{
    era::modern_server::TASKS_EXTENSION,
    jsonrpc::{Code, Message, Span, decode_string, escape, find_member, members},
};

/// How long a task is waited for.
const LONGEST: Duration = Duration::from_mins(10);

impl Call {
    /// Offers to take a task in place of the answer.
    pub(crate) fn offering_task(mut self) -> Self {
        if self.may_be_task() {
            self.offer = Some(self.envelope.members_offering_task(self.askable));
        }
        self
    }

    /// Whether the server has refused to run this without a task, which was not offered.
    pub(crate) fn needs_task(&self, refusal: &Message) -> bool {
        let member = |object, name| find_member(refusal.bytes(), object, name);
        let needed = || {
            let data = member(refusal.error()?, "data")?;
            let extensions = member(member(data, "requiredCapabilities")?, "extensions")?;
            member(extensions, TASKS_EXTENSION)
        };
        let missing = i64::from(Code::MissingCapability.number());
        self.offer.is_none()
            && self.may_be_task()
            && refusal.error_code() == Some(missing)
            && needed().is_some()
    }

    /// It is sent under this id.
    pub(crate) fn sent_as(&mut self, id: u64) {
        if self.task.is_none() {
            self.sent = Some(id);
        }
    }

    /// The id of the task that it has become, if it has.
    pub(crate) fn task(&self) -> Option<&str> {
        self.task.as_ref().map(|task| &*task.id)
    }

    /// Whether it is the task that the request with this id has become.
    pub(crate) fn began_as(&self, id: u64) -> bool {
        self.task.as_ref().is_some_and(|task| task.first == Some(id))
    }

    pub(super) fn becomes_task(self, response: &Message, ids: impl FnMut() -> u64) -> Step {
        let Some(id) = created(response) else {
            return Step::Fail(Failure::error("the MCP server began a task without a taskId"));
        };
        let Some(request) = about("tasks/get", &id) else {
            return Step::Fail(Failure::error(
                "the MCP server began a task with an id that cannot be sent",
            ));
        };
        let asked = HashSet::new();
        let task =
            Task { id, first: self.sent, request, updates: false, waited: Duration::ZERO, asked };
        let call = Self { task: Some(task), answers: String::new(), ..self };
        call.looked_at(response, ids)
    }

    /// The server has said how its task is.
    pub(super) fn looked_at(mut self, response: &Message, ids: impl FnMut() -> u64) -> Step {
        let Some(task) = &mut self.task else {
            return Step::Fail(Failure::error("there is no task"));
        };
        self.answers.clear();
        let member = |name| find_member(response.bytes(), response.result()?, name);
        if task.updates {
            if let Some(request) = about("tasks/get", &task.id) {
                (task.request, task.updates) = (request, false);
            }
            return Step::Again(Box::new(self), LOOKS.0);
        }
        let status = member("status").and_then(|span| decode_string(response.text(span)));
        match status.as_deref() {
            Some("working") => self.look_later(response),
            Some("input_required") => {
                let requests = member("inputRequests");
                let all = requests.into_iter().flat_map(|all| members(response.bytes(), all));
                let is_known = |name: &str| task.knows(&escape(name));
                if all.into_iter().all(|entry| is_known(&entry.name())) {
                    return self.look_later(response);
                }
                self.ask(response, requests, None, ids)
            }
            Some("completed") => self.ended(response, "result", member("result")),
            Some("failed") => self.ended(response, "error", member("error")),
            Some("cancelled") => {
                Step::Fail(self.fail("the MCP server cancelled the task that it ran for this call"))
            }
            _ => Step::Fail(Failure::error(
                "the MCP server does not say how the task of this call is",
            )),
        }
    }

    fn look_later(mut self, response: &Message) -> Step {
        let interval = interval(response);
        let waited = self.task.as_mut().map_or(Duration::ZERO, |task| {
            task.waited += interval;
            task.waited
        });
        if waited > LONGEST {
            return Step::Fail(self.fail("the tool's task did not end within ten minutes"));
        }
        Step::Again(Box::new(self), interval)
    }

    fn ended(self, response: &Message, how: &str, with: Option<Span>) -> Step {
        let text = with.map_or(&b"{}"[..], |span| response.text(span));
        let text = [br#"{"jsonrpc":"2.0","id":0,""#, how.as_bytes(), b"\":", text, b"}"].concat();
        match Message::parse(text.into()) {
            Ok(answer) if with.is_some() => {
                Step::Ended(Box::new(Self { task: None, ..self }), answer)
            }
            _ => Step::Fail(Failure::error("the MCP server ended a task without its result")),
        }
    }
}
