//! What clients have of a pool.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{
    super::{held_connection::HeldConnection, promises::Kept as Returned},
    ServerPool, is_over,
};
use crate::{
    era::Era,
    relay::{Backend, Client, Connection, OpenError, Readiness, Servers, Unready},
};

impl Backend for ServerPool {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            let principal = client.principal.clone();
            let request = client.request.as_ref().filter(|_| client.era == Era::Modern);
            let is_call = request.is_some();
            let returned = request.and_then(|request| self.0.promises.take(&principal, request));
            let (state, place) = match returned {
                Some(Returned { state, place }) => (Some(state), place),
                None => (None, None),
            };
            let place = match place.filter(|place| !is_over(&place.server)) {
                Some(place) => place,
                None => self.0.place(&client).await?,
            };
            let connection = place.server.clone().await?.open(client).await?;
            let held = HeldConnection::new(connection, principal, place);
            let connection: Arc<dyn Connection> = if is_call {
                Arc::new(held.of_call(state, Arc::clone(&self.0.promises)))
            } else {
                Arc::new(held)
            };
            Ok(connection)
        })
    }

    fn end_subscriptions(&self) {
        self.0.servers().iter().for_each(|server| server.end_subscriptions());
    }

    /// Each client has a server to itself.
    fn lists_differ(&self) -> bool {
        true
    }
}

impl Readiness for ServerPool {
    fn unready(&self) -> Option<Unready> {
        self.0.nursery.unready()
    }

    fn servers(&self) -> Servers {
        let mut all = self.0.nursery.servers();
        for server in self.0.servers() {
            let Servers { pids, restarts, queued_bytes, .. } = server.servers();
            all.pids.extend(pids);
            all.restarts += restarts;
            all.queued_bytes += queued_bytes;
        }
        all
    }
}
