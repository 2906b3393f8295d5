//! Requests of 2026-07-28 over a pair of streams: each has a connection of its own, which ends with
//! its answer or when the client cancels it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::output::Output;
use crate::{
    era::Era,
    jsonrpc::Message,
    protocol::Notification,
    relay::{Backend, Client, Connection, OpenError, Outgoing, Reader, Reply, Sink},
    runtime::task,
};

/// Most requests under way; at this number, the input is not read.
const MAX_UNDER_WAY: usize = 1024;

/// See the module.
pub(super) struct Legs {
    backend: Arc<dyn Backend>,
    output: Arc<Output>,
    seats: Arc<Semaphore>,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    next: u64,
    legs: HashMap<u64, Leg>,
}

/// One request under way.
struct Leg {
    /// The raw id.
    id: Vec<u8>,
    /// `None` while it is being opened.
    connection: Option<Arc<dyn Connection>>,
    _seat: OwnedSemaphorePermit,
}

impl Legs {
    pub(super) fn new(backend: Arc<dyn Backend>, output: Arc<Output>) -> Arc<Self> {
        let seats = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        Arc::new(Self { backend, output, seats, under_way: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request; serving it does not delay the next message.
    pub(super) async fn request(self: &Arc<Self>, request: Message) {
        let Ok(seat) = Arc::clone(&self.seats).acquire_owned().await else { return };
        self.output.owe();
        let id = request.id().unwrap_or(b"null").to_vec();
        let mut under_way = self.lock();
        let number = under_way.next;
        under_way.next += 1;
        under_way.legs.insert(number, Leg { id, connection: None, _seat: seat });
        drop(under_way);
        let legs = Arc::clone(self);
        task::spawn(async move {
            let answer = Answer { legs: Arc::clone(&legs), number };
            let reply = Reply::to(&request, Arc::new(answer));
            let connection = match legs.open(Some(&request)).await {
                Ok(connection) => connection,
                Err(OpenError::Upstream(error)) => return reply.error(&error),
                // When it is dropped, the reply reports that.
                Err(OpenError::Refused(_)) => return,
            };
            if !legs.opened(number, &connection) {
                connection.close();
                return reply.forget();
            }
            if let Some(sending) = connection.send(request, Some(reply), None) {
                sending.await;
            }
        });
    }

    /// Takes a notification.
    pub(super) async fn notify(&self, notification: Message) {
        if Notification::of(&notification.method()) == Notification::Cancelled {
            return self.cancel(&notification);
        }
        let Ok(connection) = self.open(None).await else { return };
        if let Some(sending) = connection.send(notification, None, None) {
            sending.await;
        }
        connection.close();
    }

    /// The client has disconnected.
    pub(super) fn close(&self) {
        let legs = std::mem::take(&mut self.lock().legs);
        for connection in legs.into_values().filter_map(|leg| leg.connection) {
            connection.close();
        }
    }

    fn cancel(&self, notification: &Message) {
        let Some(id) = notification.cancelled_id().map(|span| notification.text(span)) else {
            return;
        };
        let named =
            self.lock().legs.iter().find(|(_, leg)| leg.id == id).map(|(number, _)| *number);
        if let Some(number) = named {
            self.end(number);
        }
    }

    async fn open(&self, request: Option<&Message>) -> Result<Arc<dyn Connection>, OpenError> {
        let client = Client { era: Era::Modern, request: request.cloned(), ..Client::default() };
        self.backend.open(client).await
    }

    /// Notes a request's connection; `false` if the request was cancelled meanwhile.
    fn opened(&self, number: u64, connection: &Arc<dyn Connection>) -> bool {
        match self.lock().legs.get_mut(&number) {
            Some(leg) => {
                leg.connection = Some(Arc::clone(connection));
                true
            }
            None => false,
        }
    }

    fn is_under_way(&self, number: u64) -> bool {
        self.lock().legs.contains_key(&number)
    }

    /// Ends a request. Another task closes its connection, since the caller may hold a lock.
    fn end(&self, number: u64) {
        let Some(leg) = self.lock().legs.remove(&number) else { return };
        self.output.forget();
        if let Some(connection) = leg.connection {
            task::spawn(async move { connection.close() });
        }
    }
}

/// Where the messages of one request are written.
struct Answer {
    legs: Arc<Legs>,
    number: u64,
}

impl Sink for Answer {
    fn write(&self, outgoing: Outgoing<'_>) {
        let Outgoing { source, edits, response, .. } = outgoing;
        if !self.legs.is_under_way(self.number) {
            return;
        }
        self.legs.output.write(Outgoing::new(source, edits, false));
        if response {
            self.legs.end(self.number);
        }
    }

    fn forget(&self) {
        self.legs.end(self.number);
    }

    fn reader(&self) -> Option<&dyn Reader> {
        self.legs.output.reader()
    }
}
