//! A client whose sessions with the servers another replica had.

use std::sync::Arc;

use super::{ask::ask, member::Member, server::Server};
use crate::{
    jsonrpc::Message,
    protocol::Method,
    relay::{Connection, Continuations, Memory},
    runtime::task,
};

impl Member {
    /// Continues these sessions, without a handshake of the client. Servers that are not named get
    /// the one that it made at the other replica. `false` if there is nothing to continue.
    pub(super) fn take_over(&self, with: &Continuations, memory: &Memory, listens: bool) -> bool {
        let hello = memory.greeting().filter(|_| memory.is_initialized());
        let (Some(member), Some(hello)) = (self.strong(), hello) else { return false };
        let sets_level = |request: &Message| Method::of(&request.method()) == Method::SetLevel;
        let (mut level, subscriptions): (Vec<_>, Vec<_>) =
            memory.settled().into_iter().partition(sets_level);
        let mut state = self.lock();
        (state.hello, state.level, state.initialized) = (Some(hello), level.pop(), listens);
        state.continuing.clone_from(with);
        drop(state);
        task::spawn(member.set_up(subscriptions));
        true
    }

    /// Connects to all servers that clients do not have to wait for, and subscribes again.
    async fn set_up(self: Arc<Self>, subscriptions: Vec<Message>) {
        for server in self.awake() {
            self.begin(&server, true);
        }
        let subscribing = async {
            for subscription in subscriptions {
                ask(&*self, subscription, None).await;
            }
        };
        tokio::select! {
            () = subscribing => {}
            () = self.closed.cancelled() => {}
        }
    }

    /// The servers that run, or with which there is a session.
    fn awake(&self) -> Vec<Arc<Server>> {
        let state = self.lock();
        let servers = state.legs.iter().map(|leg| &leg.server);
        let awake = servers
            .filter(|server| !server.sleeps() || state.continuing.contains_key(&server.name));
        awake.cloned().collect()
    }

    /// Whether this connection continues another replica's session with its server; if so, says
    /// whether the server got `notifications/initialized` there.
    pub(super) fn goes_on(&self, server: &Server, connection: &dyn Connection) -> Option<bool> {
        let mut state = self.lock();
        let with = state.continuing.remove(&server.name)?;
        let (initialized, mut memory) = (state.initialized, Memory::default());
        for request in state.hello.iter().chain(&state.level) {
            memory.note(request);
        }
        drop(state);
        connection.go_on(&with, &memory, initialized).then_some(initialized)
    }
}
