//! Modern requests at a server that all clients share: each is a member of its own.
//!
//! Such a server was told of no client's capabilities, so it asks nobody.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{Crossings, Legacy, Origin, Passage, Subscribed};
use crate::{
    era::modern_to_legacy::{Greeting, handshake},
    jsonrpc::{Code, Edit, ErrorBody, Message},
    relay::{Backend, Client, Connection, Outgoing, Principal, Reply, Sink, member::Member},
};

/// The connection of one modern request that is this member.
pub(in crate::relay) fn open(
    member: Member,
    principal: Principal,
    patience: Option<Duration>,
) -> Arc<dyn Connection> {
    Arc::new(Passage::new(Arc::new(member), principal, patience))
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
            let connection = self.shared().open(client).await?;
            let unknown = || ErrorBody::new(Code::Unavailable, "the MCP server is starting");
            let greeting = self.shared().greeting().ok_or_else(unknown)?;
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
        self.request(request, reply)
    }

    /// The handshake of a legacy client is answered for the server, too, or says why not.
    fn discover(&self, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let request = handshake("{}", "{}")?;
        let told = Discovery(Mutex::new(Some(reply)));
        let reply = Reply::to(&request, Arc::new(told));
        self.request(request, reply)
    }
}

/// Reads the answer to the handshake.
struct Discovery(Mutex<Option<Reply>>);

impl Discovery {
    fn take(&self) -> Option<Reply> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Sink for Discovery {
    fn write(&self, outgoing: Outgoing<'_>) {
        if let Some(message) = outgoing.message() {
            self.write_message(&message, &[], true);
        }
    }

    fn write_message(&self, message: &Message, _: &[Edit<'_>], _: bool) {
        let Some(reply) = self.take() else { return };
        match Greeting::of(message) {
            Some(greeting) => reply.result(&greeting.discovery()),
            None => reply.response(message),
        }
    }

    fn forget(&self) {
        if let Some(reply) = self.take() {
            reply.forget();
        }
    }

    fn is_heard(&self) -> bool {
        false
    }
}
