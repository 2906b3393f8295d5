//! One client and the server it has to itself: what the server sends, and the time limits.

use std::sync::Arc;

use tokio::time::Instant;

use super::private::{Phase, Private, State, push_line};
use crate::{
    jsonrpc::{Code, ErrorBody, Kind, Message},
    protocol::{Method, Notification, cancelled},
    relay::{
        Listener, Outgoing, Reply, Sink,
        exchange::Purpose,
        expiry::{period, timed_out},
        link::calls,
    },
    telemetry::traffic,
};

impl Listener for Private {
    fn receive(&self, message: &Message) {
        if matches!(message.kind(), Kind::Notification | Kind::Request) {
            traffic!("<-", message.bytes());
        }
        match message.kind() {
            Kind::Result | Kind::Error => self.receive_response(message),
            Kind::Notification => self.receive_notification(message),
            Kind::Request => self.receive_request(message),
        }
    }
}

impl Private {
    fn receive_response(&self, response: &Message) {
        let mut state = self.lock();
        let answered = state.exchanges.answered_by(response);
        if let Some(id) = answered
            && let Phase::Open(server) | Phase::Greeting { server, .. } = &state.phase
        {
            let outbox = Arc::clone(&server.outbox);
            if state.opens_again(id, &outbox, response) {
                return;
            }
        }
        match answered.and_then(|id| state.exchanges.remove(id)).map(|exchange| exchange.purpose) {
            Some(Purpose::Call { reply, .. }) => {
                state.last_used = Instant::now();
                drop(state);
                let sink = reply.sink();
                reply.response(response);
                if let Some(sink) = sink {
                    self.look_after(&sink);
                }
            }
            Some(Purpose::Greeting) => Self::greeted(state),
            // If the receiver was dropped, nobody waits any more.
            Some(Purpose::Ping(answered)) => drop(answered.send(())),
            Some(_) => {}
            None => tracing::debug!("the server answered a request that is not under way"),
        }
    }

    fn receive_notification(&self, notification: &Message) {
        let mut state = self.lock();
        state.last_used = Instant::now();
        let token = notification
            .reported_token()
            .filter(|_| Notification::of(&notification.method()) == Notification::Progress);
        // A token may outlive its call if the call has become a task.
        let call = match token {
            Some(span) => state.exchanges.with_token(notification.text(span)),
            None => state.exchanges.only(),
        };
        let related = call.and_then(|id| state.exchanges.touch(id)).and_then(Reply::sink);
        let sink = self.audience(&state, related);
        drop(state);
        self.pass_on(sink, notification);
    }

    /// A client without a stream of its own cannot answer, so the server gets an error.
    fn receive_request(&self, request: &Message) {
        let mut state = self.lock();
        state.last_used = Instant::now();
        if self.unsolicited.is_none() {
            if let (Phase::Open(server) | Phase::Greeting { server, .. }, Some(id)) =
                (&state.phase, request.id())
            {
                push_line(&server.outbox, &refusal(request, id));
            }
            return;
        }
        state.exchanges.ask(true);
        let related = state.exchanges.only().and_then(|id| state.exchanges.sink(id));
        let sink = self.audience(&state, related);
        drop(state);
        self.pass_on(sink, request);
    }

    fn pass_on(&self, sink: Option<Arc<dyn Sink>>, message: &Message) {
        if let Some(sink) = sink {
            sink.write(Outgoing::of(message, &[], false));
            self.look_after(&sink);
        }
    }

    /// Where a message that is not an answer goes: to the stream of its call if that is known, else
    /// to the client's own stream, else to any stream that the client reads.
    /// is known, else to the client's own channel, else to where the client reads at all.
    fn audience(&self, state: &State, related: Option<Arc<dyn Sink>>) -> Option<Arc<dyn Sink>> {
        let heard = |sink: &Arc<dyn Sink>| sink.is_heard();
        related
            .filter(heard)
            .or_else(|| self.unsolicited.clone().filter(heard))
            .or_else(|| {
                state.exchanges.newest().and_then(|id| state.exchanges.sink(id)).filter(heard)
            })
            .or_else(|| self.unsolicited.clone())
    }

    /// Starts watching the time limits of running calls, if that is not done yet.
    pub(super) fn watch(&self, state: &mut State) {
        if !state.sweeping && self.limits.shortest().is_some() {
            state.sweeping = true;
            self.busy.notify_one();
        }
    }

    /// Watches the time limits; ends with the task that runs it.
    #[expect(clippy::infinite_loop, reason = "it runs as long as the server does")]
    pub(crate) async fn expire_calls(&self) {
        let Some(shortest) = self.limits.shortest() else { return std::future::pending().await };
        loop {
            self.busy.notified().await;
            while self.sweep() {
                tokio::time::sleep(period(shortest)).await;
            }
        }
    }

    /// Fails overdue calls; `false` if none are left to watch.
    fn sweep(&self) -> bool {
        let mut state = self.lock();
        let overdue = state.exchanges.remove_overdue(self.limits);
        if let Phase::Open(server) = &state.phase {
            for (id, _, _) in &overdue {
                push_line(&server.outbox, &cancelled(id, "Request timed out").into());
            }
        }
        state.sweeping = !state.exchanges.is_unlimited();
        let sweeping = state.sweeping;
        drop(state);
        for (_, exchange, limit) in overdue {
            calls([exchange]).for_each(|reply| reply.error(&timed_out(limit)));
        }
        sweeping
    }
}

/// The error for a server that asks a client which cannot be asked.
pub(crate) fn refusal(request: &Message, id: &[u8]) -> bytes::Bytes {
    if Method::of(&request.method()) == Method::Ping {
        return [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":{}}"#].concat().into();
    }
    let message = "a client without a session cannot be asked";
    ErrorBody::new(Code::MethodNotFound, message).response(id)
}
