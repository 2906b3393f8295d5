//! Connects a client's servers, and retries those that its lists lacked.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    ask::{Answer, ask},
    greeting::Offers,
    leg::{Leg, Open, Phase},
    lists::Listed,
    member::Member,
    opening::{Opened, open, unavailable},
    server::Server,
};
use crate::{
    config::DEFAULT_CONNECTION_TIMEOUT,
    jsonrpc::{ErrorBody, Message, decode_string, find_member},
    protocol::INITIALIZED,
    relay::Reply,
    runtime::task,
};

/// First pause before a missing server is tried again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A server, and the list that lacked its part.
type Missed = (Arc<Server>, Listed);

/// Messages that wait for a connection.
type Waiting = Vec<(Message, Option<Reply>)>;

/// A connection with a finished handshake.
struct Greeted {
    connection: Opened,
    open: Open,
    /// Whether the server got `notifications/initialized`.
    initialized: bool,
}

impl Member {
    /// Connects to a server, and sends what has waited for that.
    pub(super) async fn open_leg(self: Arc<Self>, server: Arc<Server>) {
        let greeted = tokio::select! {
            greeted = self.greeted(&server) => greeted,
            () = self.closed.cancelled() => return,
        };
        match greeted {
            Ok(greeted) => tokio::select! {
                () = self.settle(&server, greeted) => {}
                () = self.closed.cancelled() => {}
            },
            Err(error) => self.fail(&server, &error),
        }
        self.changed.notify_waiters();
    }

    /// Makes the handshake with the client's own `initialize`, if it has sent one.
    async fn greeted(&self, server: &Arc<Server>) -> Result<Greeted, ErrorBody> {
        let until = Instant::now() + DEFAULT_CONNECTION_TIMEOUT;
        let late = |_| unavailable(server, "it has not answered the handshake in time");
        let opened = timeout_at(until, open(server, until, || self.client(server)));
        let opened = opened.await.map_err(late)??;
        let connection = opened.connection().cloned();
        let connection = connection.ok_or_else(|| unavailable(server, "it is closed"))?;
        let hello = self.lock().hello.clone();
        let generation = server.generation();
        let mut open = Open { connection, offers: Offers::ANYTHING, generation, said: None };
        if let Some(initialized) = self.goes_on(server, &*open.connection) {
            return Ok(Greeted { connection: opened, open, initialized });
        }
        if let Some(hello) = hello {
            let answer = timeout_at(until, ask(&*open.connection, hello, self.claims()))
                .await
                .map_err(late)?;
            let Answer::Result(response) = answer else {
                return Err(unavailable(server, &reason(&answer)));
            };
            let said = response.result().map(|result| response.bytes().slice(result.range()));
            open.offers = said.as_deref().map_or(Offers::ANYTHING, Offers::of);
            open.said = said;
        }
        let mut greeted = Greeted { connection: opened, open, initialized: false };
        self.initialize(&mut greeted).await;
        let level = self.lock().level.clone().filter(|_| greeted.open.offers.logging);
        if let Some(level) = level {
            let told = ask(&*greeted.open.connection, level, self.claims());
            timeout_at(until, told).await.map_err(late)?;
        }
        Ok(greeted)
    }

    /// Sends `notifications/initialized` once the client has.
    async fn initialize(&self, greeted: &mut Greeted) {
        if greeted.initialized || !self.lock().initialized {
            return;
        }
        greeted.initialized = true;
        let Ok(initialized) = Message::parse(INITIALIZED.into()) else { return };
        if let Some(sending) = greeted.open.connection.send(initialized, None, None) {
            sending.await;
        }
    }

    /// Sends what has waited; the connection counts as open when nothing waits any more.
    async fn settle(&self, server: &Arc<Server>, mut greeted: Greeted) {
        loop {
            self.initialize(&mut greeted).await;
            // If the leg is gone, the server is not merged here any more, and the connection is
            // closed.
            let Some(held) = self.held_or_open(server, &mut greeted) else { return };
            for (message, reply) in held {
                if let Some(sending) = greeted.open.connection.send(message, reply, None) {
                    sending.await;
                }
            }
        }
    }

    /// What waits for a connection; if nothing does, the connection is open from now on.
    fn held_or_open(&self, server: &Arc<Server>, greeted: &mut Greeted) -> Option<Waiting> {
        let mut state = self.lock();
        let initialized = state.initialized;
        let leg = state.leg(server)?;
        let held = leg.held();
        if !held.is_empty() || initialized != greeted.initialized {
            return Some(held);
        }
        greeted.connection.keep()?;
        leg.phase = Phase::Open(greeted.open.clone());
        None
    }

    fn fail(&self, server: &Arc<Server>, error: &ErrorBody) {
        tracing::debug!("{}", error.message);
        let mut state = self.lock();
        let Some(leg) = state.leg(server) else { return };
        let held = leg.held();
        leg.phase = Phase::Failed;
        drop(state);
        self.party.questions().forget(server);
        for reply in held.into_iter().filter_map(|(_, reply)| reply) {
            reply.error(error);
        }
    }

    /// Retries the servers that lists lacked, for a client that can be notified.
    pub(super) fn mend_missed(&self) {
        let mut state = self.lock();
        let missed = state.legs.iter().any(|leg| leg.missed.is_some());
        if !missed || !self.is_told() || state.mending || self.closed.is_cancelled() {
            return;
        }
        state.mending = true;
        drop(state);
        if let Some(member) = self.strong() {
            task::spawn(member.mend());
        }
    }

    async fn mend(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let looking = async {
                sleep(pause).await;
                let missed = self.missed_lists();
                let found = missed.iter().map(|(server, list)| self.is_back(server, *list));
                let found = join_all(found).await;
                missed.into_iter().zip(found).collect::<Vec<_>>()
            };
            let looked = tokio::select! {
                looked = looking => looked,
                () = self.closed.cancelled() => return,
            };
            pause = (pause * 2).min(LONGEST_PAUSE);
            if looked.iter().any(|(_, back)| *back) {
                self.tell_changes();
            }
            if self.is_mended(looked) {
                return;
            }
        }
    }

    /// The servers that lists lacked.
    fn missed_lists(&self) -> Vec<Missed> {
        let missed = |leg: &Leg| Some((Arc::clone(&leg.server), leg.missed?));
        self.lock().legs.iter().filter_map(missed).collect()
    }

    /// Whether no server is missing any more.
    fn is_mended(&self, looked: Vec<(Missed, bool)>) -> bool {
        let mut state = self.lock();
        for ((server, _), _) in looked.into_iter().filter(|(_, back)| *back) {
            if let Some(leg) = state.leg(&server) {
                leg.missed = None;
            }
        }
        state.mending = state.legs.iter().any(|leg| leg.missed.is_some());
        !state.mending
    }

    /// Whether a server now gives the list that was sent without its part.
    async fn is_back(&self, server: &Arc<Server>, listed: Listed) -> bool {
        self.begin(server, true);
        let until = Instant::now() + DEFAULT_CONNECTION_TIMEOUT;
        let opening = |leg: &Leg| Arc::ptr_eq(&leg.server, server) && leg.is_opening();
        self.settled(until, opening).await;
        let open = self.lock().leg(server).and_then(|leg| leg.open().cloned());
        let Some(open) = open else { return false };
        let text = format!(r#"{{"jsonrpc":"2.0","id":"mcp-proxy","method":"{}"}}"#, listed.method);
        let Ok(request) = Message::parse(text.into()) else { return false };
        if server.is_of(open.generation) && !open.offers.has(listed.capability) {
            return true;
        }
        let answer = timeout_at(until, ask(&*open.connection, request, self.claims())).await;
        let back = matches!(answer, Ok(Answer::Result(_)));
        if back {
            server.answers(true);
        }
        back
    }
}

/// Why there was no result, in the server's words.
fn reason(answer: &Answer) -> String {
    let Answer::Error(error) = answer else { return "its connection was closed".to_owned() };
    let message = error.error().and_then(|span| find_member(error.bytes(), span, "message"));
    let message = message.and_then(|span| decode_string(error.text(span)));
    message.unwrap_or_else(|| "it refused the handshake".to_owned())
}
