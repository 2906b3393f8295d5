//! How a 2026-07-28 request is answered: by its server, or here, from the answers of all servers.

use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};
use tokio::time::timeout;

use super::{
    ask::Answer,
    greeting::{self, Said},
    listening::Listening,
    listing::{Asking, list},
    lists::Listed,
    member::GREETING_PATIENCE,
    passage::{Goal, Passage, refuse},
};
use crate::{
    host::Caller,
    jsonrpc::{Kind, Message},
    protocol::header::annotation::MirroredParameter,
    relay::{Connection, Departure, LISTEN, Reply},
};

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

impl Passage {
    /// What all servers say about themselves.
    async fn discover(&self, request: Message, reply: Reply) {
        let roster = self.party.endpoint.roster();
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
