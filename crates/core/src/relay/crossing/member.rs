//! Modern requests at a server that all clients share: each one is a separate member.
//!
//! Such a server does not know any client's capabilities, so it asks nothing.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::{
    crossings::Crossings,
    legacy::{Legacy, Subscribed, Unsubscribed},
    origin::{Origin, set_level},
    passage::Passage,
};
use crate::{
    era::modern_to_legacy::{Greeting, handshake},
    identity::Identity,
    jsonrpc::{Code, ErrorBody, Message},
    protocol::{LogLevel, Method},
    relay::{Answer, Backend, Client, Connection, Reply, Sink, member::Member, reply_to},
    runtime::task,
};

/// The connection of one modern request, as a member.
pub(in crate::relay) fn open(
    member: Member,
    principal: Identity,
    patience: Option<Duration>,
) -> Arc<dyn Connection> {
    Arc::new(Passage::new(Arc::new(member.crossing()), principal, patience))
}

impl Legacy for Member {
    fn crossings(&self) -> &Arc<Crossings> {
        self.shared().crossings()
    }

    fn origin(self: Arc<Self>, _: &Message) -> Result<Arc<dyn Origin>, ErrorBody> {
        Ok(self)
    }

    fn subscribe(
        self: Arc<Self>,
        _: &Message,
        sink: Arc<dyn Sink>,
    ) -> BoxFuture<'static, Subscribed> {
        Box::pin(async move {
            let client = Client { unsolicited: Some(sink), ..Client::default() };
            let opened = self.shared().open(client).await;
            let connection = opened.map_err(Unsubscribed::NotOpened)?;
            let unknown = || ErrorBody::new(Code::Unavailable, "the MCP server is starting");
            let Some(greeting) = self.shared().greeting() else {
                connection.close();
                return Err(unknown().into());
            };
            Ok((connection, greeting))
        })
    }

    fn notify(&self, notification: Message) -> Option<BoxFuture<'static, ()>> {
        Connection::send(self, notification, None, None)
    }

    fn close(&self) {
        Connection::close(self);
    }
}

impl Origin for Member {
    fn greeting(&self) -> Option<Greeting> {
        self.shared().greeting()
    }

    fn send(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        // The task is that of its call: a client cannot name another.
        match Method::of(&request.method()) {
            Method::Tasks => self.forward(request, reply, None),
            _ => self.request(request, reply),
        }
    }

    fn end_task(&self, id: &str) {
        self.shared().end_task(id);
    }

    /// Its connection cancels the call, and a shared server asks nothing.
    fn give_up(&self, _: Vec<Vec<u8>>, task: Option<&str>) {
        if let Some(id) = task {
            self.end_task(id);
        }
    }

    fn log_from(&self, level: LogLevel) {
        if !self.shared().greeting().is_some_and(|greeting| greeting.has_logging()) {
            return;
        }
        let Some(message) = set_level(level) else { return };
        let nobody = reply_to(&message, drop);
        if let Some(sending) = self.request(message, nobody) {
            task::spawn(sending);
        }
    }

    /// The handshake of a legacy client is answered on the server's behalf, too, or with the reason
    /// why there is no server.
    fn discover(&self, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let request = handshake("{}", "{}")?;
        let told = reply_to(&request, move |answer| match answer {
            Answer::Result(response) | Answer::Error(response) => match Greeting::of(&response) {
                Some(greeting) => reply.result(&greeting.discovery()),
                None => reply.response(&response),
            },
            Answer::None => reply.forget(),
        });
        self.request(request, told)
    }
}
