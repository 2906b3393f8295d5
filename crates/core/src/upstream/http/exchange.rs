//! One request and its answer, over as many HTTP exchanges as needed.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{
    attempts::{Attempts, Verdict, pause},
    auth::Occasion,
    channel::Channel,
    endpoint::Answer,
    fault::{Fault, Kind},
    messages::Messages,
    session::Session,
};
use crate::{
    jsonrpc::{self, IdKey, Message},
    telemetry::traffic,
};

/// Pause before a stream is resumed, if the server has named none.
const RESUME_PAUSE: Duration = Duration::from_secs(1);
/// Shortest pause, even if the server has named a shorter one.
const MIN_RESUME_PAUSE: Duration = Duration::from_millis(10);
/// Failed attempts to resume a stream before the call fails.
const MAX_RESUMES: u32 = 6;
/// Time limit for reading the rest of an answered stream, so that its connection can be reused.
pub(super) const REST: Duration = Duration::from_millis(250);

/// The response to a request, and the rest of the stream on which it came.
pub(super) struct Answered {
    pub(super) response: Message,
    rest: Messages,
}

impl Channel {
    /// Sends a call and passes on what comes back for it.
    pub(super) async fn call(self: Arc<Self>, request: Message) {
        let Some(key) = request.id().map(IdKey::of) else { return };
        let Some(over) = self.take_up(&key) else { return };
        let working = async {
            let Ok(_place) = self.wire.acquire().await else { return None };
            match self.exchange(&request).await {
                Ok(Answered { response, rest }) => {
                    self.pass_on(response, Some(&key)).await;
                    Some(rest)
                }
                Err(fault) => {
                    self.fail(&key, &fault);
                    None
                }
            }
        };
        let rest = tokio::select! {
            biased;
            rest = working => rest,
            // It was answered on another stream, was cancelled, or has timed out.
            _ = over => None,
        };
        if let Some(mut rest) = rest {
            let ending = async {
                while let Ok(Some(message)) = rest.next().await {
                    self.pass_on(message, None).await;
                }
            };
            drop(timeout(REST, ending).await);
        }
    }

    /// Sends a request, with retries while they are safe and useful.
    async fn exchange(&self, request: &Message) -> Result<Answered, Fault> {
        let mut attempts = Attempts::at(request, self.remote.wait);
        let began = Instant::now();
        loop {
            let session = self.current_session(Occasion::Call).await?;
            let fault = match self.ask(&session, request).await {
                Ok(answered) => return Ok(answered),
                Err(fault) => self.in_doubt(&session, fault).await,
            };
            match attempts.judge(&fault, began.elapsed(), chance()) {
                Verdict::Renew => self.renew(session.generation(), Occasion::Call).await?,
                Verdict::Authorize => {
                    self.remote.endpoint.authorize(fault, Occasion::Call).await?;
                }
                Verdict::Again(pause) => {
                    tracing::debug!("{}; again in {pause:?}", fault.sentence());
                    sleep(pause).await;
                }
                Verdict::Fail => return Err(fault.at_last()),
            }
        }
    }

    /// Sends a request once, and passes on everything that comes before its response.
    pub(super) async fn ask(
        &self,
        session: &Session,
        request: &Message,
    ) -> Result<Answered, Fault> {
        let related = request.id().map(IdKey::of);
        traffic!("->", request.bytes());
        match self.remote.endpoint.post(session, request.bytes().clone()).await? {
            Answer::Accepted if session.messages_url().is_some() => {
                // If the stream ends without an answer, the call fails.
                session.ended().cancelled().await;
                let text = format!("{} ended its event stream", self.remote.endpoint.place());
                Err(Fault::new(Kind::Broken, text))
            }
            Answer::Accepted => Err(Fault::new(
                Kind::Final,
                format!("{} accepted the call and sent no answer", self.remote.endpoint.place()),
            )
            .after_sending()),
            Answer::Messages(messages, _) => {
                self.read_to_response(session, request, *messages, related.as_ref()).await
            }
        }
    }

    pub(super) async fn read_to_response(
        &self,
        session: &Session,
        request: &Message,
        mut messages: Messages,
        related: Option<&IdKey>,
    ) -> Result<Answered, Fault> {
        loop {
            let ended = match messages.next().await {
                Ok(Some(message)) if answers(&message, request) => {
                    return Ok(Answered { response: message, rest: messages });
                }
                Ok(Some(message)) => {
                    self.pass_on(message, related).await;
                    continue;
                }
                Ok(None) => messages.ended_early(),
                Err(fault) => fault.after_sending(),
            };
            messages = self.resume(session, messages, ended).await?;
        }
    }

    /// Resumes a stream that has ended too early, if that is possible.
    async fn resume(
        &self,
        session: &Session,
        messages: Messages,
        ended: Fault,
    ) -> Result<Messages, Fault> {
        let Some(last) = messages.last_id().map(str::to_owned) else { return Err(ended) };
        if matches!(ended.kind, Kind::Final | Kind::Nonsense) {
            return Err(ended);
        }
        let retry = messages.retry();
        drop(messages);
        for attempt in 0..MAX_RESUMES {
            let asked = retry.unwrap_or(RESUME_PAUSE).max(MIN_RESUME_PAUSE);
            sleep(if attempt == 0 { asked } else { asked + pause(attempt + 2, chance()) }).await;
            match self.remote.endpoint.listen(session, Some(&last)).await {
                Ok(messages) => return Ok(messages.resuming(last, retry)),
                Err(fault) if matches!(fault.kind, Kind::Unreachable | Kind::Broken) => {
                    tracing::debug!("a stream cannot be resumed yet: {}", fault.sentence());
                }
                Err(fault) => return Err(fault.after_sending()),
            }
        }
        Err(ended)
    }

    /// Finds out whether a 400 means that the server has forgotten the session, which is how many
    /// servers report it: a ping succeeds in any valid session.
    pub(super) async fn in_doubt(&self, session: &Session, fault: Fault) -> Fault {
        if fault.kind != Kind::SessionDoubtful {
            return fault;
        }
        let kind = if self.has_lost(session).await { Kind::SessionLost } else { Kind::Final };
        fault.meaning(kind)
    }

    /// Whether the server refuses even a ping in this session.
    pub(super) async fn has_lost(&self, session: &Session) -> bool {
        let ping = bytes::Bytes::from_static(
            br#"{"jsonrpc":"2.0","id":"mcp-proxy-session-check","method":"ping"}"#,
        );
        let asking = self.remote.endpoint.post(session, ping);
        match timeout(self.remote.patience, asking).await {
            Ok(Err(fault)) => matches!(fault.kind, Kind::SessionLost | Kind::SessionDoubtful),
            _ => false,
        }
    }
}

/// Whether this answers the request on whose stream it came; an error may have no id.
pub(super) fn answers(message: &Message, request: &Message) -> bool {
    use jsonrpc::Kind::{Error, Result};
    match message.kind() {
        Error if message.id().is_none_or(|id| id == b"null") => true,
        Error | Result => {
            message.id().zip(request.id()).is_some_and(|(own, asked)| jsonrpc::echoes(own, asked))
        }
        _ => false,
    }
}

/// A number in 0..1. The seeds of the standard hasher are random enough to spread retries.
pub(super) fn chance() -> f64 {
    use std::hash::BuildHasher as _;
    let bits = u32::try_from(std::hash::RandomState::new().hash_one(()) >> 32).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}
