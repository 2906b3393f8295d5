//! The connection of one 2026-07-28 request, to its server or to all of them.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    ask::{Answer, ask},
    greeting::{self, Said},
    listening::Listening,
    listing::{Asking, learn, list},
    lists::Listed,
    member::GREETING_PATIENCE,
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
    jsonrpc::{ErrorBody, Kind, Message},
    protocol::header::annotation::MirroredParameter,
    relay::{Client, Connection, Departure, LISTEN, Reply},
};

/// Time that a server has to start if a list waits for it.
const START_PATIENCE: Duration = DEFAULT_CONNECTION_TIMEOUT;

/// See the module.
pub(super) struct Passage {
    me: Weak<Self>,
    party: Arc<Party>,
    caller: Option<Arc<Caller>>,
    pub(super) closed: CancellationToken,
    goal: Mutex<Goal>,
}

/// Where the request goes.
enum Goal {
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

    fn goal(&self) -> MutexGuard<'_, Goal> {
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
        route(&self.party.merged.roster(), &self.party.context(), request)
    }

    /// The client, as a server sees it.
    fn client(&self, request: Option<&Message>) -> Client {
        Client {
            era: Era::Modern,
            principal: self.party.principal.clone(),
            caller: self.caller.clone(),
            request: request.cloned(),
            ..Client::default()
        }
    }

    /// Sends the request on; it may have changed a little since the connection was opened for it.
    fn send_on(
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

    /// What all servers say about themselves.
    async fn discover(&self, request: Message, reply: Reply) {
        let roster = self.party.merged.roster();
        let said = join_all(roster.servers.iter().map(|server| async {
            let asked = async {
                if server.sleeps() { Answer::None } else { self.ask(server, request.clone()).await }
            };
            let answer = timeout(GREETING_PATIENCE, asked).await.unwrap_or(Answer::None);
            let result = match answer {
                Answer::Result(response) => {
                    response.result().map(|result| response.bytes().slice(result.range()))
                }
                _ => None,
            };
            Said { name: server.name.clone(), result }
        }));
        reply.result(&greeting::discovery(&said.await));
    }
}

fn refuse(reply: Option<Reply>, error: &ErrorBody) -> Option<BoxFuture<'static, ()>> {
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

impl Connection for Passage {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        _: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let goal = match &*self.goal() {
            Goal::Server(server, connection) => Ok((Arc::clone(server), Arc::clone(connection))),
            Goal::Refused(error) => Err(Some(error.clone())),
            Goal::Here => Err(None),
        };
        let (Kind::Request, Some(reply)) = (message.kind(), reply) else {
            // A notification that names no server is dropped.
            return self.send_on(message, None, goal.ok()?);
        };
        match goal {
            Ok(goal) => self.send_on(message, Some(reply), goal),
            Err(Some(error)) => refuse(Some(reply), &error),
            Err(None) => {
                let passage = self.me.upgrade()?;
                Some(Box::pin(async move {
                    let method = message.method();
                    match Listed::of(&method) {
                        Some(listed) => {
                            drop(method);
                            list(&*passage, listed, message, reply).await;
                        }
                        None if method == LISTEN => {
                            drop(method);
                            Listening::open(passage, message, reply).await;
                        }
                        None => {
                            drop(method);
                            passage.discover(message, reply).await;
                        }
                    }
                }))
            }
        }
    }

    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        let goal = self.goal();
        let Goal::Server(server, connection) = &*goal else { return None };
        let own = server.own_tool(tool)?;
        connection.mirrored(&own)
    }

    fn depart(&self, _: Departure) {
        self.closed.cancel();
        if let Goal::Server(_, connection) = &*self.goal() {
            connection.close();
        }
    }
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
