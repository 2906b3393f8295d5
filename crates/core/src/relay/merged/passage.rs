//! The connection of one 2026-07-28 request, to its server or to all of them.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    ask::{Answer, ask},
    listing::{Asking, learn},
    lists::Listed,
    opening::{Opened, open, unavailable},
    party::Party,
    refusal::refusal,
    returned::Returned,
    route::{Route, Unrouted, route},
    server::Server,
};
use crate::{
    config::DEFAULT_CONNECTION_TIMEOUT,
    era::{Era, modern_server::DISCOVER},
    host::Caller,
    jsonrpc::{ErrorBody, Message},
    relay::{Client, Connection, LISTEN, Reply},
};

/// Time that a server has to start if a list waits for it.
const START_PATIENCE: Duration = DEFAULT_CONNECTION_TIMEOUT;

/// See the module.
pub(super) struct Passage {
    pub(super) me: Weak<Self>,
    pub(super) party: Arc<Party>,
    caller: Option<Arc<Caller>>,
    pub(super) closed: CancellationToken,
    goal: Mutex<Goal>,
}

/// Where the request goes.
pub(super) enum Goal {
    /// It is answered here, from the answers of all servers; or it is not a request.
    Here,
    Server(Arc<Server>, Arc<dyn Connection>),
    /// Nowhere.
    Refused(ErrorBody),
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage").finish_non_exhaustive()
    }
}

impl Passage {
    /// A client's connection, opened to the server of its request.
    pub(super) async fn open(party: Arc<Party>, client: Client) -> Arc<Self> {
        let Client { caller, request, .. } = client;
        let passage = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            party,
            caller,
            closed: CancellationToken::new(),
            goal: Mutex::new(Goal::Here),
        });
        if let Some(request) = request.filter(|request| !is_answered_here(request)) {
            let goal = passage.reach(&request).await.unwrap_or_else(Goal::Refused);
            *passage.goal() = goal;
        }
        passage
    }

    pub(super) fn goal(&self) -> MutexGuard<'_, Goal> {
        self.goal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reach(&self, request: &Message) -> Result<Goal, ErrorBody> {
        if let Some(refused) = refusal(request) {
            return Err(refused);
        }
        let mut found = self.route(request);
        if let Err(Unrouted::Unread(unread)) = found {
            learn(self, request, unread).await;
            found = self.route(request);
        }
        let route = found.map_err(|unrouted| unrouted.into_error(request))?;
        let message = route.message(request.clone());
        let until = Instant::now() + START_PATIENCE;
        let mut opened = open(&route.server, until, || self.client(Some(&message))).await?;
        let gone = || unavailable(&route.server, "it is closed");
        let connection = opened.keep().ok_or_else(gone)?;
        Ok(Goal::Server(route.server, connection))
    }

    fn route(&self, request: &Message) -> Result<Route, Unrouted> {
        route(&self.party.endpoint.roster(), &self.party.context(), request)
    }

    /// The client, as a server sees it.
    fn client(&self, request: Option<&Message>) -> Client {
        Client {
            era: Era::Modern,
            principal: self.party.principal.clone(),
            address: self.party.address,
            caller: self.caller.clone(),
            request: request.cloned(),
            ..Client::default()
        }
    }

    /// Sends the request on; it may have changed a little since the connection was opened for it.
    pub(super) fn send_on(
        &self,
        request: Message,
        reply: Option<Reply>,
        (server, connection): (Arc<Server>, Arc<dyn Connection>),
    ) -> Option<BoxFuture<'static, ()>> {
        match self.route(&request) {
            Ok(route) if Arc::ptr_eq(&route.server, &server) => {
                let returning =
                    |reply: Reply| reply.through(|sink| Returned::sink(&self.party, &server, sink));
                let message = route.message(request);
                connection.send(message, reply.map(returning), self.caller.as_ref())
            }
            Ok(_) => refuse(reply, &unavailable(&server, "it is no longer served")),
            Err(unrouted) => refuse(reply, &unrouted.into_error(&request)),
        }
    }
}

pub(super) fn refuse(reply: Option<Reply>, error: &ErrorBody) -> Option<BoxFuture<'static, ()>> {
    if let Some(reply) = reply {
        reply.error(error);
    }
    None
}

/// Whether the answer combines those of all servers.
fn is_answered_here(request: &Message) -> bool {
    let method = request.method();
    matches!(&*method, DISCOVER | LISTEN)
        || (Listed::of(&method).is_some() && refusal(request).is_none())
}

impl Asking for Passage {
    fn party(&self) -> &Arc<Party> {
        &self.party
    }

    fn offers(&self, _: &Arc<Server>, _: Option<&str>) -> bool {
        true
    }

    fn ask<'a>(&'a self, server: &'a Arc<Server>, request: Message) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let until = Instant::now() + server.patience();
            let asking = async {
                let opened = open(server, until, || self.client(Some(&request))).await;
                let Ok(opened) = opened else { return Answer::Unreached };
                // Ending it, for any reason, closes the connection, which cancels the request.
                match opened.connection() {
                    Some(connection) => ask(&**connection, request, None).await,
                    None => Answer::Unreached,
                }
            };
            tokio::select! {
                answer = asking => answer,
                () = self.closed.cancelled() => Answer::None,
            }
        })
    }
}

impl Passage {
    /// Opens a connection to a server for a part of the request.
    pub(super) async fn part(
        &self,
        server: &Arc<Server>,
        request: &Message,
    ) -> Result<Opened, ErrorBody> {
        let until = Instant::now() + START_PATIENCE;
        open(server, until, || self.client(Some(request))).await
    }

    pub(super) fn whose(&self) -> &Arc<Party> {
        &self.party
    }
}
