//! A client's connection to one running server. The server is held as long as the connection, and
//! longer if it has asked something.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use memchr::memmem::Finder;

use super::{
    hold::{Coming, Hold},
    promises::{Place, Promises, state_of},
};
use crate::{
    host::Caller,
    identity::Identity,
    jsonrpc::{Edit, Message, escape, find_member},
    relay::{Connection, Departure, Outgoing, Reader, Reply, Sink},
};

/// In results that are examined.
static STATE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"requestState\""));

/// See the module.
#[derive(Debug)]
pub(super) struct HeldConnection {
    connection: Arc<dyn Connection>,
    stay: Arc<Stay>,
    /// The state that the client sends back, as its server wrote it.
    state: Option<Vec<u8>>,
    /// Whether answers to its calls are examined.
    promises: Option<Arc<Promises>>,
}

/// Keeps the server in use; ends with the connection or with a promise.
#[derive(Debug)]
struct Stay {
    principal: Identity,
    server: Coming,
    hold: Mutex<Option<Hold>>,
}

impl HeldConnection {
    /// A connection that ends when it is closed.
    pub(super) fn new(connection: Arc<dyn Connection>, principal: Identity, place: Place) -> Self {
        let Place { server, hold } = place;
        let stay = Stay { principal, server, hold: Mutex::new(Some(hold)) };
        Self { connection, stay: Arc::new(stay), state: None, promises: None }
    }

    /// The same for one call: it may bring a state back, and its answer may contain another.
    pub(super) fn of_call(mut self, state: Option<Vec<u8>>, promises: Arc<Promises>) -> Self {
        self.state = state;
        self.promises = Some(promises);
        self
    }

    fn own(&self, message: Message) -> Message {
        match (&self.state, state_of(&message)) {
            (Some(state), Some(span)) => message.replaced(span, state),
            _ => message,
        }
    }
}

impl Stay {
    fn end(&self) -> Option<Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Connection for HeldConnection {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let message = self.own(message);
        let Some(promises) = &self.promises else {
            return self.connection.send(message, reply, caller);
        };
        let asking = |sink| {
            let (stay, promises) = (Arc::clone(&self.stay), Arc::clone(promises));
            Arc::new(Answers { sink, stay, promises }) as Arc<dyn Sink>
        };
        self.connection.send(message, reply.map(|reply| reply.through(asking)), caller)
    }

    fn inner(&self) -> Option<&dyn Connection> {
        Some(&*self.connection)
    }

    fn depart(&self, how: Departure) {
        self.connection.depart(how);
        drop(self.stay.end());
    }
}

/// Gets the answer; if input is required, it notes the server.
struct Answers {
    sink: Arc<dyn Sink>,
    stay: Arc<Stay>,
    promises: Arc<Promises>,
}

impl Answers {
    /// Writes a response with a state that names the server.
    fn promise(&self, response: &Message, outgoing: Outgoing<'_>) -> Option<()> {
        let (bytes, result) = (response.bytes(), response.result()?);
        let kind = find_member(bytes, result, "resultType")?;
        let span = find_member(bytes, result, "requestState")?;
        if response.text(kind) != br#""input_required""# {
            return None;
        }
        let hold = self.stay.end()?;
        let source = hold.source();
        let place = Place { server: self.stay.server.clone(), hold };
        let given = self.promises.give(&self.stay.principal, response.text(span), place);
        // Without a state to send, the server's use ends with its call.
        let (state, gone) = given.ok()?;
        let state = escape(&state);
        let mut edits = if outgoing.parsed().is_some() { outgoing.edits.to_vec() } else { vec![] };
        edits.push(Edit { span, with: state.as_bytes() });
        edits.sort_by_key(Edit::place);
        self.sink.write(Outgoing::of(response, &edits, true).stored_as(outgoing.event));
        drop(gone);
        source.sweep_from_now_on();
        Some(())
    }
}

impl Sink for Answers {
    fn write(&self, outgoing: Outgoing<'_>) {
        let asks = outgoing.response && STATE.find(outgoing.source).is_some();
        let message = asks.then(|| outgoing.message()).flatten();
        if message.and_then(|message| self.promise(&message, outgoing)).is_none() {
            self.sink.write(outgoing);
        }
    }

    fn forget(&self) {
        self.sink.forget();
    }

    fn reader(&self) -> Option<&dyn Reader> {
        self.sink.reader()
    }
}
