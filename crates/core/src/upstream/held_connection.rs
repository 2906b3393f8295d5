//! A client's connection to a server of its running, which goes on as long as the connection.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::pool::Hold;
use crate::{
    host::Caller,
    jsonrpc::Message,
    protocol::header::annotation::MirroredParameter,
    relay::{Connection, Reply},
};

/// See the module.
#[derive(Debug)]
pub(super) struct HeldConnection {
    connection: Arc<dyn Connection>,
    hold: Mutex<Option<Hold>>,
}

impl HeldConnection {
    pub(super) fn new(connection: Arc<dyn Connection>, hold: Hold) -> Self {
        Self { connection, hold: Mutex::new(Some(hold)) }
    }
}

impl Connection for HeldConnection {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        self.connection.send(message, reply, caller)
    }

    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.connection.mirrored(tool)
    }

    fn close(&self) {
        self.connection.close();
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(hold);
    }
}
