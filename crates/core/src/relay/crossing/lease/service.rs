//! What its call asks of the server.

use std::{mem, sync::Weak};

use futures_util::future::BoxFuture;

use super::{
    super::origin::{Origin, Served, set_level},
    Lease, Pending, Phase, fail,
};
use crate::{
    era::modern_to_legacy::{Greeting, tool_task},
    jsonrpc::Message,
    protocol::{LogLevel, cancelled},
    relay::{Reply, reply_to},
};

impl Origin for Lease {
    fn greeting(&self) -> Option<Greeting> {
        match &self.lock().phase {
            Phase::Open(greeting) => Some(greeting.clone()),
            Phase::Greeting(_) | Phase::Failed(_) => None,
        }
    }

    fn send(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let mut state = self.lock();
        state.id = request.id().unwrap_or_default().to_vec();
        match &mut state.phase {
            Phase::Greeting(waiting) => {
                waiting.push(Pending::Request(request, reply));
                None
            }
            Phase::Open(_) => {
                drop(state);
                self.server.send(request, Some(reply), None)
            }
            Phase::Failed(response) => {
                let response = response.clone();
                drop(state);
                fail(reply, response.as_ref());
                None
            }
        }
    }

    fn log_from(&self, level: LogLevel) {
        let Some(message) = set_level(level) else { return };
        let mut state = self.lock();
        match &mut state.phase {
            Phase::Greeting(waiting) => waiting.push(Pending::Level(message)),
            Phase::Open(greeting) => {
                let greeting = greeting.clone();
                drop(state);
                self.tell_level(message, &greeting);
            }
            Phase::Failed(_) => {}
        }
    }

    fn leave(&self) {
        let mut state = self.lock();
        let Phase::Greeting(waiting) = &mut state.phase else { return };
        let waiting = mem::take(waiting);
        drop(state);
        for pending in waiting {
            if let Pending::Discover(reply) | Pending::Request(_, reply) = pending {
                reply.forget();
            }
        }
        self.end();
    }

    fn discover(&self, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let mut state = self.lock();
        match &mut state.phase {
            Phase::Greeting(waiting) => waiting.push(Pending::Discover(reply)),
            Phase::Open(greeting) => {
                let discovery = greeting.discovery();
                drop(state);
                reply.result(&discovery);
                self.finished();
            }
            Phase::Failed(response) => {
                let response = response.clone();
                drop(state);
                fail(reply, response.as_ref());
                self.finished();
            }
        }
        None
    }

    fn serves(&self, call: Weak<dyn Served>) {
        self.lock().call = Some(call);
    }

    fn unasked(&self, message: &Message) {
        self.receive(message);
    }

    fn answer(&self, responses: Vec<Vec<u8>>) {
        for response in responses {
            if let Ok(response) = Message::parse(response.into()) {
                self.pass(response, None);
            }
        }
    }

    fn end_task(&self, id: &str) {
        if let Some(request) = tool_task::about("tasks/cancel", id) {
            let nobody = reply_to(&request, drop);
            self.pass(request, Some(nobody));
        }
    }

    fn finished(&self) {
        self.lock().call = None;
        match self.leases.upgrade() {
            Some(leases) => leases.give_back(&self.key, self),
            None => self.end(),
        }
    }

    /// What a server does after a cancellation cannot be told from what it does for the next call,
    /// so it gets no next call.
    fn give_up(&self, responses: Vec<Vec<u8>>, task: Option<&str>) {
        let text = cancelled(String::from_utf8_lossy(&self.lock().id), "Connection closed");
        let message = |text: Vec<u8>| Message::parse(text.into()).ok();
        let answers = responses.into_iter().filter_map(message);
        let task = task.and_then(|id| tool_task::about("tasks/cancel", id));
        self.server.close_with(answers.chain(message(text.into())).chain(task).collect());
    }
}
