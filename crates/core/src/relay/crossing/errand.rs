//! A call of a tool that can be called only as a 2025-11-25 task, for a client of a revision
//! without these tasks: the proxy creates the task, waits for its end, and gives the client the
//! plain result.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::future::BoxFuture;
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    call::Call,
    crossings::Crossings,
    origin::{Origin, Served},
    task_tools::Support,
};
use crate::{
    era::modern_to_legacy::{
        Greeting,
        tool_task::{self, Progress},
    },
    identity::Identity,
    jsonrpc::{Code, ErrorBody, Kind, Message, decode_string, escape, find_member},
    protocol::LogLevel,
    relay::{Answer, Outgoing, Reader, Reply, Sink, exchange::LONGEST_ANSWER, reply_to},
    runtime::task,
};

/// Most pages of a list that are searched for one tool.
const MAX_PAGES: usize = 64;

/// The server of one call that may have to become a task. It is the call's origin.
pub(super) struct Errand {
    origin: Arc<dyn Origin>,
    /// The task, once the server has created it.
    task: Mutex<Option<String>>,
    /// Nobody waits for the call any more.
    given_up: CancellationToken,
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errand").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Errand {
    pub(super) fn new(origin: Arc<dyn Origin>) -> Arc<Self> {
        Arc::new(Self { origin, task: Mutex::default(), given_up: CancellationToken::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to one of the proxy's own requests; `None` if none came or the call was ended.
    async fn ask(&self, request: Message) -> Option<Message> {
        let (told, answer) = oneshot::channel();
        let reply = reply_to(&request, move |answer| drop(told.send(answer)));
        let answered = async {
            if let Some(sending) = self.origin.send(request, reply) {
                sending.await;
            }
            match answer.await {
                Ok(Answer::Result(response) | Answer::Error(response)) => Some(response),
                _ => None,
            }
        };
        self.given_up.run_until_cancelled(answered).await.flatten()
    }

    /// The server has created this task; `false` if nobody waits for it any more.
    fn has(&self, id: &str) -> bool {
        let mut task = self.lock();
        if self.given_up.is_cancelled() {
            drop(task);
            self.origin.end_task(id);
            return false;
        }
        *task = Some(id.to_owned());
        true
    }
}

impl Origin for Errand {
    fn greeting(&self) -> Option<Greeting> {
        self.origin.greeting()
    }

    fn send(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        self.origin.send(request, reply)
    }

    fn discover(&self, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        self.origin.discover(reply)
    }

    fn log_from(&self, level: LogLevel) {
        self.origin.log_from(level);
    }

    fn leave(&self) {
        self.origin.leave();
    }

    fn serves(&self, call: Weak<dyn Served>) {
        self.origin.serves(call);
    }

    fn unasked(&self, message: &Message) {
        self.origin.unasked(message);
    }

    fn answer(&self, responses: Vec<Vec<u8>>) {
        self.origin.answer(responses);
    }

    fn finished(&self) {
        self.origin.finished();
    }

    fn give_up(&self, responses: Vec<Vec<u8>>, _: Option<&str>) {
        let task = {
            let mut task = self.lock();
            self.given_up.cancel();
            task.take()
        };
        self.origin.give_up(responses, task.as_deref());
    }

    fn end_task(&self, id: &str) {
        self.origin.end_task(id);
    }
}

/// A tool call, until it is known whether it must be a task.
pub(super) struct Attempt {
    pub(super) crossings: Arc<Crossings>,
    pub(super) errand: Arc<Errand>,
    pub(super) call: Arc<Call>,
    pub(super) principal: Identity,
    /// Translated for the server.
    pub(super) message: Message,
    /// Whether it was sent as a task.
    pub(super) as_task: bool,
}

impl Attempt {
    /// Sends the call; as a task if the tool is known to require one.
    pub(super) fn send(mut self) -> Option<BoxFuture<'static, ()>> {
        let tool = tool_of(&self.message);
        let support = self.crossings.task_tools.support(&self.principal, &tool);
        self.as_task = support == Support::Required;
        if support == Support::Plain {
            let reply = Reply::to(&self.message, Arc::<Call>::clone(&self.call) as _);
            return self.errand.send(self.message, reply);
        }
        self.dispatch()
    }

    fn dispatch(self) -> Option<BoxFuture<'static, ()>> {
        let message =
            if self.as_task { tool_task::as_task(&self.message) } else { self.message.clone() };
        let errand = Arc::clone(&self.errand);
        let call = Arc::clone(&self.call);
        let reply = Reply::to(&message, Arc::new(First { call, attempt: Mutex::new(Some(self)) }));
        errand.send(message, reply)
    }

    /// The server has answered.
    fn answered(self, response: &Message) {
        if self.as_task {
            return match tool_task::created(response) {
                Some((id, progress)) => drop(task::spawn(self.follow(id, progress))),
                None => self.finish(response),
            };
        }
        let runs = self.errand.greeting().is_some_and(|greeting| greeting.runs_tools_as_tasks());
        if runs && is_refusal(response) {
            task::spawn(self.look_up(response.clone()));
        } else {
            self.finish(response);
        }
    }

    /// The server has refused a tool that is in no known list: it may require a task. A tool that
    /// requires one has not run.
    async fn look_up(mut self, refusal: Message) {
        let tool = tool_of(&self.message);
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let Some(request) = list(cursor.as_deref()) else { break };
            let Some(page) = self.errand.ask(request).await else { break };
            self.crossings.task_tools.learn_all(&self.principal, &page);
            cursor = next_cursor(&page);
            if cursor.is_none() {
                break;
            }
        }
        let support = self.crossings.task_tools.looked_up(&self.principal, &tool);
        if support != Support::Required || self.errand.given_up.is_cancelled() {
            return self.finish(&refusal);
        }
        self.as_task = true;
        if let Some(sending) = self.dispatch() {
            sending.await;
        }
    }

    /// Waits for the end of the task.
    async fn follow(self, id: String, mut progress: Progress) {
        if !self.errand.has(&id) {
            return self.call.forget();
        }
        let until = Instant::now() + LONGEST_ANSWER;
        while let Progress::Working(interval) = progress {
            let slept = self.errand.given_up.run_until_cancelled(tokio::time::sleep(interval));
            if slept.await.is_none() {
                return;
            }
            if Instant::now() > until {
                self.errand.origin.end_task(&id);
                return self.fail("the tool's task did not end within ten minutes");
            }
            let Some(request) = tool_task::about("tasks/get", &id) else { return };
            progress = match self.errand.ask(request).await {
                Some(response) => match tool_task::looked_at(&response) {
                    Some(progress) => progress,
                    None => return self.finish(&response),
                },
                None => {
                    return self.fail("the MCP server ended while it ran the tool's task");
                }
            };
        }
        let Some(request) = tool_task::about("tasks/result", &id) else { return };
        match self.errand.ask(request).await {
            Some(response) => self.finish(&tool_task::plain(response)),
            None => self.fail("the MCP server ended before it gave the result of the tool's task"),
        }
    }

    fn finish(self, response: &Message) {
        *self.errand.lock() = None;
        self.call.write(Outgoing::of(response, &[], true));
    }

    fn fail(self, why: &str) {
        let error = ErrorBody::new(Code::Internal, why.to_owned()).response(b"0");
        if let Ok(response) = Message::parse(error) {
            self.finish(&response);
        }
    }
}

/// Takes the first answer of the server; everything else belongs to the call.
struct First {
    call: Arc<Call>,
    attempt: Mutex<Option<Attempt>>,
}

impl First {
    fn lock(&self) -> MutexGuard<'_, Option<Attempt>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for First {
    fn write(&self, outgoing: Outgoing<'_>) {
        if !outgoing.response {
            return self.call.write(outgoing);
        }
        let Some(message) = outgoing.message() else { return };
        let attempt = self.lock().take();
        if let Some(attempt) = attempt {
            attempt.answered(&message);
        }
    }

    fn forget(&self) {
        let attempt = self.lock().take();
        if let Some(attempt) = attempt {
            attempt.call.forget();
        }
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }
}

impl Reader for First {
    fn takes_log(&self, level: LogLevel) -> bool {
        Reader::takes_log(&*self.call, level)
    }

    fn is_heard(&self) -> bool {
        true
    }
}

/// Servers refuse with an error, or with a result that reports one.
fn is_refusal(response: &Message) -> bool {
    if response.kind() == Kind::Error {
        return true;
    }
    let member = |result| find_member(response.bytes(), result, "isError");
    response.result().and_then(member).is_some_and(|span| response.text(span) == b"true")
}

/// The name of the tool that is called.
fn tool_of(call: &Message) -> String {
    let name = call.params().and_then(|params| find_member(call.bytes(), params, "name"));
    name.and_then(|name| decode_string(call.text(name))).unwrap_or_default()
}

/// Requests a page of tools.
fn list(cursor: Option<&str>) -> Option<Message> {
    let params = cursor.map(|cursor| format!(r#","params":{{"cursor":{}}}"#, escape(cursor)));
    let params = params.unwrap_or_default();
    let text = format!(r#"{{"jsonrpc":"2.0","id":"tools","method":"tools/list"{params}}}"#);
    Message::parse(text.into()).ok()
}

fn next_cursor(page: &Message) -> Option<String> {
    let cursor = find_member(page.bytes(), page.result()?, "nextCursor")?;
    decode_string(page.text(cursor))
}
