//! The standing streams: messages that a server sends on its own, and everything over HTTP+SSE.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    attempts::pause,
    auth::Occasion,
    channel::Channel,
    exchange::chance,
    fault::{Fault, Kind},
    handshake::Shaken,
    messages::Messages,
    origin::same_origin,
    session::Session,
};
use crate::{
    jsonrpc::{IdKey, Message},
    telemetry::traffic,
};

/// A stream that has lasted this long ends a series of failures.
const STABLE_AFTER: Duration = Duration::from_secs(10);
/// Longest pause.
const MAX_PAUSES: u32 = 8;

/// Most events, such as keep-alives, before the one that begins an HTTP+SSE stream.
const MAX_EVENTS_BEFORE: usize = 8;

/// What to do after a standing stream has ended.
enum Next {
    /// Resume it.
    Resume,
    /// Open a new one.
    Afresh,
    /// Nothing: the session is over, and another one has its own stream.
    Stop,
}

impl Channel {
    /// Opens the standing stream of the session and keeps it open.
    pub(super) fn listen(&self) {
        let (Some(channel), Some(session)) = (self.strong(), self.session()) else { return };
        if session.messages_url().is_some() || !session.hear() {
            return;
        }
        self.spawn(async move {
            tokio::select! {
                () = session.ended().cancelled() => {}
                () = channel.keep_listening(&session) => {}
            }
        });
    }

    async fn keep_listening(&self, session: &Session) {
        let mut last: Option<String> = None;
        let mut retry = None;
        let mut failures = 0;
        loop {
            let began = Instant::now();
            match self.remote.endpoint.listen(session, last.as_deref()).await {
                Ok(mut messages) => {
                    if let Some(last) = &last {
                        messages = messages.resuming(last.clone(), retry);
                    }
                    self.read_all(&mut messages).await;
                    last = messages.last_id().map(str::to_owned).or(last);
                    retry = messages.retry().or(retry);
                    failures = if began.elapsed() > STABLE_AFTER { 0 } else { failures + 1 };
                }
                Err(fault) => {
                    failures += 1;
                    match self.after_refusal(session, &fault, last.is_some()).await {
                        Next::Resume => {}
                        Next::Afresh => last = None,
                        Next::Stop => return,
                    }
                }
            }
            let pause = pause((failures + 2).min(MAX_PAUSES), chance());
            sleep(retry.unwrap_or(Duration::ZERO).max(pause)).await;
        }
    }

    /// A server need not have such a stream. If it answers that it does not know the session, that
    /// is checked, since some servers answer every such request so.
    async fn after_refusal(&self, session: &Session, fault: &Fault, resuming: bool) -> Next {
        tracing::debug!("no GET stream: {}", fault.sentence());
        match fault.kind {
            Kind::Unreachable | Kind::Broken | Kind::Busy { .. } => Next::Resume,
            Kind::SessionLost | Kind::SessionDoubtful => {
                if self.has_lost(session).await {
                    return match self.renew(session.generation(), Occasion::Background).await {
                        Ok(()) => Next::Stop,
                        Err(_) => Next::Resume,
                    };
                }
                // The stream may be lost while the session is not.
                if resuming { Next::Afresh } else { Next::Stop }
            }
            Kind::Unauthorized => {
                let endpoint = &self.remote.endpoint;
                let Some(mut signed_in) = endpoint.sign_ins() else { return Next::Stop };
                if endpoint.authorize(fault.clone(), Occasion::Background).await.is_err() {
                    // A call of the client makes a user sign in; then this continues.
                    drop(signed_in.changed().await);
                }
                Next::Resume
            }
            Kind::NoEndpoint | Kind::Nonsense | Kind::Final => Next::Stop,
        }
    }

    async fn read_all(&self, messages: &mut Messages) {
        loop {
            match messages.next().await {
                Ok(Some(message)) => self.pass_on(message, None).await,
                Ok(None) => return,
                Err(fault) => {
                    return tracing::debug!("a standing stream broke: {}", fault.sentence());
                }
            }
        }
    }

    /// Makes the handshake over HTTP+SSE: opens the event stream, gets the URL for messages, and
    /// keeps reading the stream until the session ends.
    pub(super) async fn shake_hands_over_sse(&self, request: &Message) -> Result<Shaken, Fault> {
        let nascent = self.next_session();
        let mut messages = self.remote.endpoint.listen(&nascent, None).await?;
        let messages_url = self.messages_url(&mut messages).await?;
        let session = nascent.over_sse(messages_url);
        traffic!("->", request.bytes());
        self.remote.endpoint.post(&session, request.bytes().clone()).await?;
        let key = request.id().map(IdKey::of);
        let response = loop {
            match messages.next().await? {
                Some(message) if is_response_to(&message, key.as_ref()) => break message,
                Some(message) => self.pass_on(message, None).await,
                None => {
                    let text = format!(
                        "{} ended its event stream before it answered \"initialize\"",
                        self.remote.endpoint.place()
                    );
                    return Err(Fault::new(Kind::Broken, text));
                }
            }
        };
        let agreed = response.error().is_none();
        let opened = agreed.then(|| self.opened(session.agreed(None, None), Some(messages)));
        Ok((response, opened))
    }

    async fn messages_url(&self, messages: &mut Messages) -> Result<reqwest::Url, Fault> {
        let place = self.remote.endpoint.place();
        let mut told = None;
        for _ in 0..MAX_EVENTS_BEFORE {
            let Some(event) = messages.next_event().await? else { break };
            if &*event.name == b"endpoint" {
                told = Some(event);
                break;
            }
        }
        let text = told.as_ref().and_then(|event| std::str::from_utf8(&event.data).ok());
        let url = text.and_then(|text| self.remote.endpoint.url().join(text.trim()).ok());
        let Some(url) = url else {
            let text = format!("{place} did not begin its event stream with an endpoint");
            return Err(Fault::new(Kind::NoEndpoint, text));
        };
        if !same_origin(&url, self.remote.endpoint.url()) {
            let origin = url.origin().ascii_serialization();
            let text = format!(
                "{place} wants messages sent to {origin}; credentials are not sent to another origin"
            );
            return Err(Fault::new(Kind::Final, text));
        }
        Ok(url)
    }

    /// Reads the stream of a session to its end, then opens another session.
    pub(super) fn follow(&self, session: Arc<Session>, mut messages: Messages) {
        let Some(channel) = self.strong() else { return };
        self.spawn(async move {
            channel.read_all(&mut messages).await;
            session.ended().cancel();
            let mut failures = 0;
            while channel.renew(session.generation(), Occasion::Background).await.is_err() {
                sleep(pause((failures + 2).min(MAX_PAUSES), chance())).await;
                failures += 1;
            }
        });
    }
}

fn is_response_to(message: &Message, key: Option<&IdKey>) -> bool {
    let is_response = message.result().is_some() || message.error().is_some();
    let own = message.id().map(IdKey::of);
    let other = own.as_ref().and_then(IdKey::other_spelling);
    is_response && key.is_some() && (own.as_ref() == key || other.as_ref() == key)
}
