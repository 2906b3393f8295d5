//! A remote server as a backend: each client has an [`Arrival`], except where it can change nothing.

use std::{future::ready, sync::Arc};

use futures_util::future::BoxFuture;

use super::{
    arrival::Arrival,
    remote::{Remote, Visitor},
};
use crate::relay::{Backend, Client, Connection, OpenError};

impl Backend for Remote {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        let Client { era, principal, unsolicited, .. } = client;
        let visitor = Visitor { era, principal, unsolicited };
        let Some(way) = self.way(era) else {
            let arrival: Arc<dyn Connection> = Arrival::open(self.clone(), visitor, None);
            return Box::pin(ready(Ok(arrival)));
        };
        Box::pin(async move {
            let connection = self.enter(way, &visitor).await?;
            if !self.may_turn() {
                return Ok(connection);
            }
            Ok(Arrival::open(self.clone(), visitor, Some(connection)) as _)
        })
    }

    fn end_subscriptions(&self) {
        self.end_leased_subscriptions();
    }

    /// Each client has a channel to itself.
    fn lists_differ(&self) -> bool {
        true
    }
}
