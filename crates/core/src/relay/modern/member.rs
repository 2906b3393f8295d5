//! A client's messages to a modern server.

use std::{collections::HashSet, sync::Arc};

use futures_util::future::BoxFuture;

use super::LISTEN;
use crate::{
    era::{
        Era,
        metadata::LOG_LEVEL,
        modern_server::{Additions, Call, DISCOVER, Envelope},
    },
    jsonrpc::{Assembly, Code, ErrorBody, Message, find_member},
    protocol::{List, LogLevel, Method},
    relay::{
        Outbox, Reply,
        exchange::{Leg, Purpose},
        link::Link,
        lists::Lists,
        member::{Member, requested_level},
        outbox::Pushed,
    },
};

/// Why a call cannot be sent yet.
enum Delay {
    Full(Arc<Outbox>),
    Away,
}

impl Member {
    /// A request to a server of 2026-07-28.
    pub(in crate::relay) fn request_of_modern(
        &self,
        request: Message,
        reply: Reply,
    ) -> Option<BoxFuture<'static, ()>> {
        if self.era() == Era::Modern {
            return self.pass(request, reply);
        }
        let method = request.method();
        let list = match Method::of(&method) {
            Method::Initialize => {
                self.introduce(&request);
                return self.answer(&request, reply);
            }
            Method::Ping => return self.answer(&request, reply),
            Method::SetLevel => return self.keep_level(&request, reply),
            Method::Subscribe | Method::Unsubscribe => return self.resource(request, reply),
            Method::Tasks => {
                unknown(&method, reply);
                return None;
            }
            Method::Other if method == DISCOVER || method == LISTEN => {
                unknown(&method, reply);
                return None;
            }
            Method::List(list) => Some(list).filter(|_| Lists::is_first_page(&request)),
            Method::Other => None,
        };
        drop(method);
        let call = self.call(request, &reply);
        self.dispatch(call, reply, list)
    }

    /// A request from a client of the server's own era.
    fn pass(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let level = request.meta().and_then(|meta| {
            let span = find_member(request.bytes(), meta, LOG_LEVEL)?;
            LogLevel::from_json(request.text(span))
        });
        if let (Some(level), Some(attached)) =
            (level, self.shared().lock().members.get_mut(&self.id()))
        {
            attached.level = Some(level);
        }
        let list = match Method::of(&request.method()) {
            Method::List(list) => Some(list).filter(|_| Lists::is_first_page(&request)),
            _ => None,
        };
        self.forward(request, reply, list)
    }

    /// Keeps what a client says about itself for all its requests.
    fn introduce(&self, initialize: &Message) {
        let mut state = self.shared().lock();
        let own = Envelope::clone(&state.bridge.own);
        let envelope = Arc::new(Envelope::of_client(initialize, own));
        if let Some(attached) = state.members.get_mut(&self.id()) {
            attached.envelope = Some(envelope);
        }
    }

    /// The level is sent with each request of the client.
    fn keep_level(&self, request: &Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let (mut state, reply) = match self.reachable(request, reply) {
            Ok(reached) => reached,
            Err(waiting) => return waiting,
        };
        if !matches!(&state.link, Link::Up { initialize, .. } if initialize.has_logging()) {
            drop(state);
            unknown(&request.method(), reply);
            return None;
        }
        match requested_level(request) {
            Ok(level) => {
                let own = Arc::clone(&state.bridge.own);
                if let Some(attached) = state.members.get_mut(&self.id()) {
                    let known = attached.envelope.as_ref().unwrap_or(&own);
                    let envelope = Envelope::clone(known).with_level(level);
                    attached.envelope = Some(Arc::new(envelope));
                    attached.level = Some(level);
                }
                drop(state);
                reply.result(b"{}");
            }
            Err(error) => {
                drop(state);
                reply.error(&error);
            }
        }
        None
    }

    /// Subscriptions use the stream that the proxy keeps open.
    fn resource(&self, request: Message, reply: Reply) -> Option<BoxFuture<'static, ()>> {
        let (state, reply) = match self.reachable(&request, reply) {
            Ok(reached) => reached,
            Err(waiting) => return waiting,
        };
        let offered =
            matches!(&state.link, Link::Up { initialize, .. } if initialize.has_subscriptions());
        drop(state);
        if !offered {
            unknown(&request.method(), reply);
            return None;
        }
        if request.uri().is_none() {
            reply.error(&ErrorBody::new(Code::InvalidParams, "the uri is missing"));
            return None;
        }
        match Method::of(&request.method()) {
            Method::Subscribe => self.subscribe(request, reply),
            _ => self.unsubscribe(request, reply),
        }
    }

    /// A request with the metadata that represents its client.
    fn call(&self, request: Message, reply: &Reply) -> Box<Call> {
        let state = self.shared().lock();
        let attached = state.members.get(&self.id());
        let envelope = attached.and_then(|attached| attached.envelope.clone());
        let envelope = envelope.unwrap_or_else(|| Arc::clone(&state.bridge.own));
        let askable = envelope.answers().any()
            && (reply.is_heard()
                || attached
                    .and_then(|attached| attached.unsolicited.as_ref())
                    .is_some_and(|sink| sink.is_heard()));
        let call = Call::new(request, envelope, askable);
        let (wrapped_tools, task_tools) = (&state.bridge.wrapped_tools, &state.bridge.task_tools);
        if wrapped_tools.is_empty() && task_tools.is_empty() {
            return Box::new(call);
        }
        let is_of = |tools: &HashSet<Vec<u8>>| call.tool().is_some_and(|tool| tools.contains(tool));
        let (wrapped, needs_task) = (is_of(wrapped_tools), is_of(task_tools));
        let call = call.wrapped(wrapped);
        Box::new(if needs_task { call.offering_task() } else { call })
    }

    /// Sends a call to the server, for the first time or with answers.
    pub(super) fn dispatch(
        &self,
        call: Box<Call>,
        reply: Reply,
        list: Option<List>,
    ) -> Option<BoxFuture<'static, ()>> {
        let (delay, call, reply) = self.try_dispatch(call, reply, list).err()?;
        let shared = Arc::clone(self.shared());
        let ready = async move {
            match delay {
                Delay::Full(outbox) => outbox.room().await,
                Delay::Away => Arc::clone(&shared).back().await?,
            }
            if shared.is_modern() {
                return Ok(());
            }
            let error = "the MCP server no longer speaks the revision that this call began in";
            Err(ErrorBody::new(Code::Internal, error))
        };
        let dispatch = move |member: &Self, reply| member.dispatch(call, reply, list);
        Some(self.hold(reply, ready, dispatch))
    }

    #[expect(
        clippy::result_large_err,
        reason = "it is moved on at once; boxing it would cost more"
    )]
    fn try_dispatch(
        &self,
        mut call: Box<Call>,
        reply: Reply,
        list: Option<List>,
    ) -> Result<(), (Delay, Box<Call>, Reply)> {
        let mut state = self.shared().lock();
        let outbox = match &state.link {
            Link::Up { outbox, initialize, .. } if initialize.era() == Era::Modern => {
                Arc::clone(outbox)
            }
            Link::Up { .. } | Link::Away { .. } => return Err((Delay::Away, call, reply)),
            Link::Down(cause) => {
                let error = cause.error();
                drop(state);
                reply.error(&error);
                return Ok(());
            }
        };
        if !state.begun(self.id()) {
            if let Some(task) = call.task() {
                state.end_task(task);
            }
            drop(state);
            reply.forget();
            return Ok(());
        }
        call.sent_as(state.exchanges.next_id());
        let mut buffer = itoa::Buffer::new();
        let id = buffer.format(state.exchanges.next_id()).as_bytes();
        let additions = Additions { id, metadata: call.metadata(), answers: call.answers() };
        let edits = additions.edits(call.request());
        let source = call.request().bytes();
        let delay =
            match outbox.push(&Assembly { before: b"", source, edits: &edits, behind: b"\n" }) {
                Pushed::Queued => None,
                Pushed::Full => Some(Delay::Full(outbox)),
                // It is being stopped; its end will be reported in a moment.
                Pushed::Closed => Some(Delay::Away),
            };
        if let Some(delay) = delay {
            state.ended(self.id());
            return Err((delay, call, reply));
        }
        let leg = Leg::Bridged(call);
        state.exchanges.insert(Purpose::Call { member: self.id(), reply, list, leg });
        self.shared().watch(&mut state);
        Ok(())
    }
}

fn unknown(method: &str, reply: Reply) {
    let message = format!("Method not found: {method}");
    reply.error(&ErrorBody::new(Code::MethodNotFound, message));
}
