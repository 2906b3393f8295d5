//! Events for JavaScript: one function is called for all of them.

use napi::{
    Status,
    bindgen_prelude::{Buffer, FnArgs, Function},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use tokio::sync::OwnedSemaphorePermit;

macro_rules! kinds {
    ($($kind:ident $name:literal),* $(,)?) => {
        /// What happened.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Kind {
            $($kind),*
        }

        /// JavaScript's names of the kinds of events; a kind is passed as its index in this list.
        #[napi]
        pub fn event_kinds() -> Vec<&'static str> {
            vec![$($name),*]
        }
    };
}

kinds! {
    Listening "listening",
    Failed "failed",
    Closed "closed",
    Authenticate "authenticate",
    Create "create",
    CreateModern "createModern",
    Message "message",
    LargeMessage "largeMessage",
    Close "close",
    Release "release",
    Origin "origin",
    Route "route",
    RouteBytes "routeBytes",
    RouteEnd "routeEnd",
    RouteDrained "routeDrained",
    Replay "replay",
    Prime "prime",
}

/// One call.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) kind: Kind,
    /// The question, the server or the route that it is about.
    pub(crate) id: u32,
    pub(crate) server: u32,
    /// The stream of a session on which a message is answered; at most the largest safe number.
    pub(crate) stream: u32,
    /// Key of the request, if JavaScript keeps it.
    pub(crate) caller: u32,
    pub(crate) text: Option<String>,
    pub(crate) head: Option<String>,
    pub(crate) bytes: Option<Vec<u8>>,
    /// A place in the queue, freed once JavaScript has the event.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl Event {
    pub(crate) fn new(kind: Kind, id: u32) -> Self {
        Self {
            kind,
            id,
            server: 0,
            stream: 0,
            caller: 0,
            text: None,
            head: None,
            bytes: None,
            place: None,
        }
    }

    pub(crate) fn with_text(self, text: String) -> Self {
        Self { text: Some(text), ..self }
    }
}

type Arguments = FnArgs<(u32, u32, u32, u32, u32, Option<String>, Option<String>, Option<Buffer>)>;

/// The JavaScript function. Keeps the event loop alive while it exists.
pub(crate) type Dispatch = ThreadsafeFunction<Event, (), Arguments, Status, false>;

/// The argument of `startHttpServer`.
pub(crate) type Listener<'a> = Function<'a, Arguments, ()>;

/// Makes the function callable from the runtime's thread.
pub(crate) fn dispatch(listener: &Listener<'_>) -> napi::Result<Dispatch> {
    listener.build_threadsafe_function::<Event>().build_callback(|call| {
        let Event { kind, id, server, stream, caller, text, head, bytes, place } = call.value;
        drop(place);
        let bytes = bytes.map(Buffer::from);
        Ok((kind as u32, id, server, stream, caller, text, head, bytes).into())
    })
}

/// Queues a call; if there is no room, or Node is exiting, nobody is left to be told.
pub(crate) fn tell(dispatch: &Dispatch, event: Event) {
    let status = dispatch.call(event, ThreadsafeFunctionCallMode::NonBlocking);
    if status != Status::Ok {
        tracing::debug!(?status, "JavaScript was not told of an event");
    }
}
