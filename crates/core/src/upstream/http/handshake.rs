//! Opens a session with a remote server: for the client, or again on its behalf.

use std::sync::Arc;

use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use super::{
    attempts::{Attempts, Verdict},
    auth::Occasion,
    channel::{Channel, Failed},
    endpoint::Answer,
    exchange::chance,
    fault::{Fault, Kind},
    messages::Messages,
    session::Session,
    site::{Farewell, Site},
};
use crate::{
    config::RemoteTransport,
    jsonrpc::{IdKey, Message, Span, decode_string, find_member},
    protocol::INITIALIZED,
    relay::Memory,
    telemetry::traffic,
};

/// A session that the server has opened and that is not used yet. If it is never used, it is ended.
pub(super) struct Opened {
    remote: Arc<Site>,
    session: Option<Arc<Session>>,
    /// The event stream of the session, over HTTP+SSE.
    stream: Option<Messages>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.remote.leave(session, Farewell::default());
        }
    }
}

/// The server's answer to a handshake, and the session that it opened unless it refused.
pub(super) type Shaken = (Message, Option<Opened>);

impl Channel {
    /// Opens the session with the client's own handshake.
    pub(super) async fn begin(&self, request: &Message) {
        let Some(key) = request.id().map(IdKey::of) else { return };
        let Some(over) = self.take_up(&key) else { return };
        let Ok(_turn) = self.gate.acquire().await else { return };
        let opening = async {
            match self.establish(request, Occasion::Call).await {
                Ok((response, opened)) => {
                    self.adopt(opened);
                    self.pass_on(response, Some(&key)).await;
                }
                Err(fault) => self.fail(&key, &fault.of_handshake()),
            }
        };
        tokio::select! {
            biased;
            () = opening => {}
            _ = over => {}
        }
    }

    /// Opens the session with the client's handshake; the caller answers the client.
    pub(super) async fn greet(&self, request: &Message) -> Result<Message, Fault> {
        self.lock().memory.note(request);
        let _turn = self.gate.acquire().await.map_err(|_| gone())?;
        let (response, opened) = self.establish(request, Occasion::Call).await?;
        self.adopt(opened);
        Ok(response)
    }

    /// Opens the session for a client that has set all this at another server.
    pub(super) async fn take_over(&self, memory: Memory, listens: bool) -> Result<(), Fault> {
        {
            let mut state = self.lock();
            state.memory = memory;
            state.listens = listens;
        }
        self.renew(0, Occasion::Call).await
    }

    /// Reopens the session if it still is that of this generation: with the client's handshake, and
    /// everything it had set. The client does not notice.
    ///
    /// It runs in a task of its own, so that it is completed even if nobody waits any more: the
    /// reader of the old session's stream stops with that session.
    pub(super) async fn renew(&self, generation: u64, occasion: Occasion) -> Result<(), Fault> {
        let channel = self.strong().ok_or_else(gone)?;
        let (renewed, outcome) = oneshot::channel();
        self.spawn(async move {
            // It does not matter if nobody waits any more.
            drop(renewed.send(channel.renew_in_turn(generation, occasion).await));
        });
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    async fn renew_in_turn(&self, generation: u64, occasion: Occasion) -> Result<(), Fault> {
        let asked = Instant::now();
        let _turn = self.gate.acquire().await.map_err(|_| gone())?;
        if self.session().is_some_and(|session| session.generation() != generation) {
            return Ok(());
        }
        // Callers that waited for another one's attempt share its result, unless that attempt was
        // not allowed to ask the user.
        let tried = |by: Occasion| by == Occasion::Call || occasion == Occasion::Background;
        let shared = |failed: &&Failed| failed.when > asked && tried(failed.occasion);
        if let Some(failed) = self.lock().failed.as_ref().filter(shared) {
            return Err(failed.fault.clone());
        }
        let renewed = Box::pin(self.renew_now(occasion)).await.map_err(Fault::of_handshake);
        self.lock().failed = renewed.as_ref().err().map(|fault| Failed {
            when: Instant::now(),
            fault: fault.clone(),
            occasion,
        });
        renewed
    }

    /// The new session is used by others only after everything is set in it.
    async fn renew_now(&self, occasion: Occasion) -> Result<(), Fault> {
        let greeting = self.lock().memory.greeting().ok_or_else(gone)?;
        let again = self.session().is_some();
        let (response, opened) = self.establish(&greeting, occasion).await?;
        let opened = opened.ok_or_else(|| {
            let text = format!("{} refused the handshake", self.remote.endpoint.place());
            Fault::refused(text, response)
        })?;
        let session = opened.session.clone().ok_or_else(gone)?;
        let settled = self.lock().memory.settled();
        if let Ok(initialized) = Message::parse(INITIALIZED.into()) {
            self.tell_once(&session, &initialized).await?;
            session.introduced();
        }
        for request in settled {
            if let Err(fault) = self.settle(&session, &request).await {
                let method = request.method();
                tracing::warn!(
                    "{method} could not be repeated in the new session: {}",
                    fault.sentence()
                );
            }
        }
        self.adopt(Some(opened));
        if again {
            tracing::info!("the session with {} was reopened", self.remote.endpoint.place());
        }
        if self.lock().listens {
            self.listen();
        }
        Ok(())
    }

    /// Repeats in a new session what the client has set in the old one. The client got its answers
    /// then, so the new ones are dropped.
    async fn settle(&self, session: &Session, request: &Message) -> Result<(), Fault> {
        if session.messages_url().is_some() {
            return self.tell_once(session, request).await;
        }
        match timeout(self.remote.patience, self.ask(session, request)).await {
            Ok(answered) => answered.map(drop),
            Err(_) => Err(Fault::new(Kind::Broken, "there was no answer in time")),
        }
    }

    /// Makes the handshake over the first transport that the server speaks. Its response may be an
    /// error.
    async fn establish(&self, request: &Message, occasion: Occasion) -> Result<Shaken, Fault> {
        let mut attempts = Attempts::at(request, self.remote.wait);
        let began = Instant::now();
        let fault = loop {
            let shaking = self.establish_once(request);
            let shaken = timeout(self.remote.patience, shaking).await.unwrap_or_else(|_| {
                let (place, limit) = (self.remote.endpoint.place(), self.remote.patience);
                let limit = limit.as_millis();
                let text = format!(
                    "{place} did not answer \"initialize\" within {limit} ms (--connectionTimeout)"
                );
                Err(Fault::new(Kind::Final, text).after_sending())
            });
            let fault = match shaken {
                Ok(shaken) => return Ok(shaken),
                Err(fault) => fault,
            };
            match attempts.judge(&fault, began.elapsed(), chance()) {
                Verdict::Again(pause) => sleep(pause).await,
                Verdict::Authorize => match self.remote.endpoint.authorize(fault, occasion).await {
                    Ok(()) => {}
                    Err(fault) => break fault,
                },
                Verdict::Renew | Verdict::Fail => break fault,
            }
        };
        self.remote.not_found(fault.sentence());
        Err(fault)
    }

    async fn establish_once(&self, request: &Message) -> Result<Shaken, Fault> {
        let mut first = None;
        for transport in self.remote.transports() {
            let shaken = match transport {
                RemoteTransport::Sse => self.shake_hands_over_sse(request).await,
                _ => self.shake_hands(request).await,
            };
            match shaken {
                Ok(shaken) => {
                    self.remote.found(*transport);
                    return Ok(shaken);
                }
                // The first refusal says more: it is about the transport that servers use today.
                Err(fault) if fault.kind == Kind::NoEndpoint && !fault.is_modern() => {
                    first.get_or_insert(fault);
                }
                Err(fault) => return Err(first.unwrap_or(fault)),
            }
        }
        Err(first.unwrap_or_else(|| Fault::new(Kind::Final, "no other transport is left to try")))
    }

    pub(super) fn next_session(&self) -> Session {
        Session::nascent(self.session().map_or_else(first, |session| session.generation() + 1))
    }

    async fn shake_hands(&self, request: &Message) -> Result<Shaken, Fault> {
        let nascent = self.next_session();
        traffic!("->", request.bytes());
        let answer = self.remote.endpoint.post(&nascent, request.bytes().clone()).await?;
        let Answer::Messages(messages, id) = answer else {
            let text = format!("{} did not answer \"initialize\"", self.remote.endpoint.place());
            return Err(Fault::new(Kind::Final, text));
        };
        // The server may have opened a session already, even if its answer is lost.
        let begun = self.opened(nascent.clone().agreed(id.clone(), None), None);
        let answered = self.read_to_response(&nascent, request, *messages, None).await?;
        let response = answered.response;
        if response.error().is_some() {
            return Ok((response, None));
        }
        begun.forget();
        let version = agreed_version(&response);
        let opened = self.opened(nascent.agreed(id, version.as_deref()), None);
        Ok((response, Some(opened)))
    }

    /// Holds a session until it is used.
    pub(super) fn opened(&self, session: Session, stream: Option<Messages>) -> Opened {
        Opened { remote: Arc::clone(&self.remote), session: Some(Arc::new(session)), stream }
    }

    /// Messages are sent in this session from now on.
    fn adopt(&self, opened: Option<Opened>) {
        let Some(mut opened) = opened else { return };
        let mut state = self.lock();
        if self.closed.is_cancelled() {
            // Dropped after the lock is released, which ends it.
            drop(state);
            return;
        }
        let Some(session) = opened.session.take() else { return };
        let before = state.session.replace(Arc::clone(&session));
        drop(state);
        if let Some(before) = before {
            before.ended().cancel();
        }
        if let Some(stream) = opened.stream.take() {
            self.follow(session, stream);
        }
    }
}

impl Opened {
    /// The session is used elsewhere.
    fn forget(mut self) {
        self.session = None;
    }
}

fn gone() -> Fault {
    Fault::new(Kind::Final, "the session has ended")
}

/// `protocolVersion` of an `initialize` result.
fn agreed_version(response: &Message) -> Option<String> {
    let result: Span = response.result()?;
    let span = find_member(response.bytes(), result, "protocolVersion")?;
    decode_string(response.text(span))
}

/// The number of a channel's first session. It is random: the client may have had another channel
/// before, to another server, and the numbers of those sessions must not appear again.
fn first() -> u64 {
    use std::hash::BuildHasher as _;
    (std::hash::RandomState::new().hash_one(()) >> 1) | 1
}
