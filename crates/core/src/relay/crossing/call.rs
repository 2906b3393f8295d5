//! One call of a modern client at a legacy server: translates everything that comes back.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    crossings::Crossings,
    origin::{Origin, Served},
    rounds::{Round, Suspended, Waits},
    waiting::{FIRST_TURN, Waiting},
};
use crate::{
    era::{
        input_required::{
            Dialogue, Finished, InvalidAnswers, Need, Question, Then, input_required, requests_of,
        },
        metadata::CLIENT_CAPABILITIES,
        modern_to_legacy::{Answer, Translated, stamps, translate_error},
    },
    identity::Identity,
    jsonrpc::{Code, ErrorBody, Kind, Message, find_member},
    protocol::{LogLevel, Notification},
    relay::{Outgoing, Reader, Reply, Sink},
    runtime::task,
};

/// How long a server's further questions are waited for, so that they form one round.
const GATHERING: Duration = Duration::from_millis(20);

/// See the module.
pub(super) struct Call {
    crossings: Arc<Crossings>,
    pub(super) origin: Arc<dyn Origin>,
    principal: Identity,
    answer: Answer,
    /// How long its client may take to return with answers.
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    dialogue: Dialogue,
    waiting: Option<Waiting>,
    /// How many requests have waited for it: a connection ends only its own.
    turn: u64,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl Call {
    pub(super) fn new(
        crossings: Arc<Crossings>,
        origin: Arc<dyn Origin>,
        principal: Identity,
        patience: Duration,
        waiting: Waiting,
    ) -> Self {
        let answer = Answer::to(&waiting.request.method());
        let state = State { waiting: Some(waiting), turn: FIRST_TURN, ..State::default() };
        Self { crossings, origin, principal, answer, patience, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the client the collected questions.
    fn due(self: &Arc<Self>) {
        let mut state = self.lock();
        let Some(waiting) = &state.waiting else { return };
        let unmet = unmet(state.dialogue.needs(), &waiting.request);
        if let Some(need) = unmet {
            drop(state);
            return self.give_up(|reply| reply.error(&missing(need)));
        }
        let (dialogue, requests) = mem::take(&mut state.dialogue).due();
        state.dialogue = dialogue;
        let Some(requests) = requests else { return };
        let Some(Waiting { reply, request, .. }) = state.waiting.take() else { return };
        drop(state);
        let round = Round {
            principal: self.principal.clone(),
            call: self.crossings.rounds.fingerprint(&request),
            until: Instant::now() + self.patience,
            waits: Waits::Call(Arc::<Self>::clone(self)),
        };
        if let Some(token) = self.crossings.seal(round, |token| reply.name(token)) {
            return reply.result(input_required(&requests, &token).as_bytes());
        }
        reply.error(&too_many_rounds());
        self.expire();
    }

    fn give_up(&self, answer: impl FnOnce(Reply)) {
        let mut state = self.lock();
        let Some(waiting) = state.waiting.take() else { return };
        let (dialogue, responses, works) = mem::take(&mut state.dialogue).abandoned();
        state.dialogue = dialogue;
        drop(state);
        answer(waiting.reply);
        if works {
            self.origin.give_up(responses, None);
        }
    }

    /// The server has answered.
    fn finish(&self, response: &Message) {
        let mut state = self.lock();
        let (dialogue, finished) = mem::take(&mut state.dialogue).finished(response);
        state.dialogue = dialogue;
        let waiting = match finished {
            Finished::Deliver => state.waiting.take(),
            Finished::Kept | Finished::Dropped => None,
        };
        drop(state);
        if let Some(waiting) = waiting {
            self.deliver(waiting, response);
        }
        self.origin.finished();
    }

    fn deliver(&self, waiting: Waiting, response: &Message) {
        if response.kind() == Kind::Error {
            return self.deliver_error(waiting, response);
        }
        if self.answer == Answer::Tools {
            self.crossings.learn(&self.principal, response);
        }
        let greeting = self.origin.greeting();
        let server = greeting.as_ref().and_then(|greeting| greeting.server());
        if let Some(patches) = stamps(response, self.answer, server) {
            return waiting.reply.patched(response, &patches);
        }
        let message = "the server's result is not an object";
        waiting.reply.error(&ErrorBody::new(Code::Internal, message));
    }

    fn deliver_error(&self, waiting: Waiting, response: &Message) {
        let Waiting { reply, request, .. } = waiting;
        let questions = match translate_error(response) {
            Translated::AsItIs => return reply.response(response),
            Translated::Instead(error) => return reply.error(&error),
            Translated::Ask(questions) => questions,
        };
        if let Some(need) = unmet([Need::Url].into_iter(), &request) {
            return reply.error(&missing(need));
        }
        let round = Round {
            principal: self.principal.clone(),
            call: self.crossings.rounds.fingerprint(&request),
            until: Instant::now() + self.patience,
            waits: Waits::Nothing,
        };
        match self.crossings.seal(round, |token| reply.name(token)) {
            Some(token) => {
                reply.result(input_required(&requests_of(questions), &token).as_bytes());
            }
            None => reply.error(&too_many_rounds()),
        }
    }
}

impl Served for Call {
    fn asked(self: Arc<Self>, question: Question) {
        let mut state = self.lock();
        let (dialogue, then) = mem::take(&mut state.dialogue).asked(question);
        state.dialogue = dialogue;
        drop(state);
        if then == Then::Gather {
            let call = self;
            task::spawn(async move {
                tokio::time::sleep(GATHERING).await;
                call.due();
            });
        }
    }

    fn withdrawn(&self, id: &[u8]) {
        let mut state = self.lock();
        state.dialogue = mem::take(&mut state.dialogue).withdrawn(id);
    }

    fn notified(&self, message: &Message) {
        let state = self.lock();
        let Some(waiting) = &state.waiting else { return };
        match Notification::of(&message.method()) {
            Notification::Progress => waiting.reply.progress(message),
            Notification::Message if waiting.takes(message) => waiting.reply.related(message, None),
            _ => {}
        }
    }
}

impl Suspended for Call {
    fn resume(
        self: Arc<Self>,
        waiting: Waiting,
        responses: Option<&[u8]>,
    ) -> Result<u64, Box<(Waiting, InvalidAnswers)>> {
        let mut state = self.lock();
        let (dialogue, resumed) = mem::take(&mut state.dialogue).resumed(responses);
        state.dialogue = dialogue;
        let resumed = match resumed {
            Ok(resumed) => resumed,
            Err(invalid) => return Err(Box::new((waiting, invalid))),
        };
        state.turn += 1;
        let turn = state.turn;
        if let Some(outcome) = resumed.outcome {
            drop(state);
            self.deliver(waiting, &outcome);
            return Ok(turn);
        }
        state.waiting = Some(waiting);
        drop(state);
        self.origin.answer(resumed.answers);
        if resumed.asks_again {
            self.due();
        }
        Ok(turn)
    }

    fn leave(&self, turn: u64) {
        if self.lock().turn == turn {
            self.give_up(Reply::forget);
        }
    }

    fn expire(&self) {
        let mut state = self.lock();
        let (dialogue, responses, works) = mem::take(&mut state.dialogue).abandoned();
        state.dialogue = dialogue;
        drop(state);
        if works {
            self.origin.give_up(responses, None);
        }
    }
}

impl Sink for Call {
    fn write(&self, outgoing: Outgoing<'_>) {
        // The proxy's own messages were not parsed before; they are rare.
        let Some(message) = outgoing.message() else { return };
        if outgoing.response {
            return self.finish(&message);
        }
        match Notification::of(&message.method()) {
            Notification::Progress | Notification::Message
                if message.kind() == Kind::Notification =>
            {
                self.notified(&message);
            }
            _ => self.origin.unasked(&message),
        }
    }

    fn forget(&self) {
        self.give_up(Reply::forget);
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }
}

impl Reader for Call {
    fn takes_log(&self, level: LogLevel) -> bool {
        let state = self.lock();
        let wanted = state.waiting.as_ref().and_then(|waiting| waiting.log_level);
        wanted.is_some_and(|wanted| level >= wanted)
    }

    fn is_heard(&self) -> bool {
        true
    }
}

/// The first requirement that the request's client does not meet.
fn unmet(mut needs: impl Iterator<Item = Need>, request: &Message) -> Option<Need> {
    let capabilities = request
        .meta()
        .and_then(|meta| find_member(request.bytes(), meta, CLIENT_CAPABILITIES))
        .map(|span| request.text(span));
    let capabilities = capabilities.and_then(|raw| std::str::from_utf8(raw).ok()).unwrap_or("{}");
    needs.find(|need| !need.is_met_by(capabilities))
}

fn missing(need: Need) -> ErrorBody {
    let mut error = ErrorBody::new(
        Code::MissingCapability,
        "the server has a question that needs a capability that the client did not declare",
    );
    error.data = Some(format!(r#"{{"requiredCapabilities":{}}}"#, need.capabilities()));
    error
}

fn too_many_rounds() -> ErrorBody {
    ErrorBody::new(Code::Internal, "too many calls wait for answers of their clients")
}
