//! One server during its use by one client.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    child::{Child, STOP_AFTER_FAILURE, Stop},
    children::Place,
    hang::hang,
};
use crate::{
    jsonrpc::Message,
    relay::{Listener, Outbox, Private},
    telemetry::console_error,
};

/// See the module.
pub(super) struct Tenancy {
    pub(super) client: Arc<Private>,
    pub(super) place: Place,
    pub(super) outbox: Arc<Outbox>,
    pub(super) permit: OwnedSemaphorePermit,
}

impl Tenancy {
    /// Runs the server to its end.
    pub(super) async fn run(self, child: Child, stopped: oneshot::Receiver<()>) {
        let Self { client, place, outbox, permit } = self;
        let nursery = Arc::clone(&place.nursery);
        let limit = nursery.connection_timeout;
        let hearing = Hearing { client: Arc::clone(&client), place, heard: AtomicBool::new(false) };
        let hearing = Arc::new(hearing);
        let told = async {
            tokio::select! {
                // The client has disconnected, however the sender was lost.
                _ = stopped => {}
                () = nursery.stop.cancelled() => {}
                () = client.expire_calls() => {}
                () = client.rest(nursery.child_idle_timeout) => {}
                reason = hang(|| client.ping(), nursery.ping) => return Stop::Hung(reason),
                () = client.left_waiting(limit) => {
                    let millis = limit.as_millis();
                    return Stop::Hung(format!("did not answer \"initialize\" within {millis} ms"));
                }
            }
            Stop::Asked(STOP_AFTER_FAILURE)
        };
        let ended = child.serve(Arc::clone(&outbox), Arc::clone(&hearing), told).await;
        if !ended.asked {
            console_error!("[mcp-proxy] {}", ended.cause.message);
            if !hearing.heard.load(Ordering::Relaxed) {
                nursery.failed(ended.cause.message.clone());
            }
        }
        client.ended(&outbox, &ended.cause);
        drop((hearing, permit));
    }
}

/// Passes the server's messages on, and notes the first one.
struct Hearing {
    client: Arc<Private>,
    place: Place,
    heard: AtomicBool,
}

impl Listener for Hearing {
    fn receive(&self, message: &Message) {
        if !self.heard.load(Ordering::Relaxed) {
            self.heard.store(true, Ordering::Relaxed);
            self.place.nursery.succeeded();
        }
        self.client.receive(message);
    }

    fn pause(&self) -> Option<BoxFuture<'_, ()>> {
        self.client.pause()
    }
}
