//! The connection of a client with a single request.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::{
    host::Caller,
    jsonrpc::Message,
    relay::{Connection, Departure, Reply},
};

/// See the module. Its backend is waited for until this is closed.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) connection: Arc<dyn Connection>,
    pub(super) _call: Option<TaskTrackerToken>,
}

impl Connection for Tracked {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        self.connection.send(message, reply, caller)
    }

    fn inner(&self) -> Option<&dyn Connection> {
        Some(&*self.connection)
    }

    fn depart(&self, how: Departure) {
        self.connection.depart(how);
    }
}
