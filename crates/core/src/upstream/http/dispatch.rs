//! Sends a client's messages in their order, and watches the time limits of its calls.

use std::sync::Arc;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::{
    attempts::{Attempts, Verdict},
    auth::Occasion,
    channel::Channel,
    exchange::chance,
    fault::{Fault, Kind},
    session::Session,
};
use crate::{
    jsonrpc::{self, IdKey, Message},
    protocol::{Method, Notification, cancelled},
    relay::{Reply, period, timed_out},
    telemetry::traffic,
};

impl Channel {
    /// Works on the channel until it is closed.
    pub(super) async fn run(self: Arc<Self>, queued: mpsc::Receiver<Message>) {
        tokio::select! {
            () = self.closed.cancelled() => {}
            () = self.dispatch(queued) => {}
            () = self.expire_calls() => {}
            () = self.keep_alive() => {}
        }
    }

    async fn dispatch(self: &Arc<Self>, mut queued: mpsc::Receiver<Message>) {
        while let Some(message) = queued.recv().await {
            match message.kind() {
                jsonrpc::Kind::Request => self.dispatch_request(message).await,
                jsonrpc::Kind::Notification => self.dispatch_notification(&message).await,
                jsonrpc::Kind::Result | jsonrpc::Kind::Error => self.tell(&message).await,
            }
        }
    }

    async fn dispatch_request(self: &Arc<Self>, request: Message) {
        self.lock().memory.note(&request);
        if Method::of(&request.method()) == Method::Initialize {
            return self.begin(&request).await;
        }
        // If a client opens no session, one is opened before anything else is sent.
        if self.session().is_none()
            && let Err(fault) = self.renew(0, Occasion::Call).await
        {
            if let Some(key) = request.id().map(IdKey::of) {
                self.fail(&key, &fault);
            }
            return;
        }
        self.spawn(Arc::clone(self).call(request));
    }

    async fn dispatch_notification(self: &Arc<Self>, notification: &Message) {
        let kind = Notification::of(&notification.method());
        if kind == Notification::Cancelled && !self.cancel(notification) {
            return;
        }
        if self.session().is_none() {
            tracing::debug!("a notification before the handshake is not sent");
            return;
        }
        if kind != Notification::Initialized {
            return self.tell(notification).await;
        }
        self.lock().listens = true;
        self.tell(notification).await;
        self.listen();
    }

    /// Ends the call that a cancellation names; `false` if there is none.
    fn cancel(&self, notification: &Message) -> bool {
        let Some(span) = notification.cancelled_id() else { return true };
        let key = IdKey::of(notification.text(span));
        let call = self.lock().calls.remove(&key);
        let Some(call) = call else { return false };
        // The task that works on the call is notified only now, after the reply is settled.
        call.reply.forget();
        true
    }

    /// Sends a message without an answer, and waits until it is acknowledged.
    pub(super) async fn tell(&self, message: &Message) {
        let introduces = Notification::of(&message.method()) == Notification::Initialized;
        let sending = async {
            let mut attempts = Attempts::at(message, self.remote.wait);
            let began = Instant::now();
            loop {
                let session = self.current_session(Occasion::Background).await?;
                // Reopening a session sends this again by itself.
                if introduces && session.is_introduced() {
                    return Ok(());
                }
                let told = self.tell_once(&session, message).await;
                if introduces && told.is_ok() {
                    session.introduced();
                }
                let Err(fault) = told else { return Ok(()) };
                let fault = self.in_doubt(&session, fault).await;
                match attempts.judge(&fault, began.elapsed(), chance()) {
                    Verdict::Renew => {
                        self.renew(session.generation(), Occasion::Background).await?;
                    }
                    Verdict::Authorize => {
                        self.remote.endpoint.authorize(fault, Occasion::Background).await?;
                    }
                    Verdict::Again(pause) => sleep(pause).await,
                    Verdict::Fail => return Err(fault),
                }
            }
        };
        match timeout(self.remote.patience, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::warn!("a message was not taken: {}", fault.sentence()),
            Err(_) => tracing::warn!("a message was not acknowledged in time"),
        }
    }

    /// Sends it once.
    pub(super) async fn tell_once(
        &self,
        session: &Session,
        message: &Message,
    ) -> Result<(), Fault> {
        traffic!("->", message.bytes());
        self.remote.endpoint.post(session, message.bytes().clone()).await.map(drop)
    }

    /// The session to use; if the client opens none, the first one is opened for it.
    pub(super) async fn current_session(&self, occasion: Occasion) -> Result<Arc<Session>, Fault> {
        match self.session() {
            Some(session) if !session.ended().is_cancelled() => return Ok(session),
            session => {
                let generation = session.map_or(0, |session| session.generation());
                self.renew(generation, occasion).await?;
            }
        }
        self.session().ok_or_else(|| Fault::new(Kind::Final, "the session has ended"))
    }

    #[expect(clippy::infinite_loop, reason = "it runs as long as the channel is open")]
    async fn expire_calls(&self) {
        let limits = self.remote.limits;
        let Some(shortest) = limits.shortest() else { return std::future::pending().await };
        loop {
            self.busy.notified().await;
            while !self.lock().calls.is_empty() {
                sleep(period(shortest)).await;
                self.expire_overdue();
            }
        }
    }

    fn expire_overdue(&self) {
        let (limits, now) = (self.remote.limits, Instant::now());
        let mut state = self.lock();
        let overdue: Vec<_> = state
            .calls
            .extract_if(|_, call| limits.passed(call.started, call.last_sign, now).is_some())
            .collect();
        drop(state);
        for (_, call) in overdue {
            let limit = limits.passed(call.started, call.last_sign, now).unwrap_or_default();
            self.tell_of_timeout(&call.reply);
            call.reply.error(&timed_out(limit));
        }
    }

    fn tell_of_timeout(&self, reply: &Reply) {
        let id = String::from_utf8_lossy(reply.id());
        let text = cancelled(id, "Request timed out");
        let (Ok(message), Some(channel)) = (Message::parse(text.into()), self.strong()) else {
            return;
        };
        self.spawn(async move { channel.tell(&message).await });
    }
}
