//! A client's connection to a server of its household, which goes on as long as the connection.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::household::Stay;
use crate::{
    host::Caller,
    jsonrpc::Message,
    protocol::header::annotation::MirroredParameter,
    relay::{Connection, Reply},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Resident {
    connection: Arc<dyn Connection>,
    stay: Mutex<Option<Stay>>,
}

impl Resident {
    pub(super) fn new(connection: Arc<dyn Connection>, stay: Stay) -> Self {
        Self { connection, stay: Mutex::new(Some(stay)) }
    }
}

impl Connection for Resident {
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
        let stay = self.stay.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(stay);
    }
}
