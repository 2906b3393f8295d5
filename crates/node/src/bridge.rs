//! The host of a front with servers and callbacks in JavaScript.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::{FutureExt, future::BoxFuture};
use mcp_proxy_core::host::{
    Begin, Caller, Delivery, Host, Made, Opening, Refusal, Resume, Routed, ServerId, Visited,
};
use serde_json::json;
use tokio::{
    io::DuplexStream,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
};

use crate::{
    answer::{made, replayed, subject},
    event::{Dispatch, Event, Kind, tell},
    head,
    route::{Routes, Tell},
};

/// Most messages and questions on their way to JavaScript; beyond that, requests wait, and with
/// them their sockets.
const QUEUE: usize = 256;

/// A message that takes JavaScript a while. Only one is on its way at a time, and the next one
/// comes in another turn of the event loop, so that large bodies do not block it.
const LARGE: usize = 64 * 1024;

/// Which callbacks are set.
#[expect(clippy::struct_excessive_bools, reason = "each is there or not")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Callbacks {
    pub(crate) authenticate: bool,
    pub(crate) origin: bool,
    pub(crate) route: bool,
    pub(crate) store: bool,
}

impl Callbacks {
    /// Whether JavaScript may answer requests that its servers do not serve.
    pub(crate) fn are_asked(self) -> bool {
        self.authenticate || self.origin || self.route
    }
}

/// See the module.
pub(crate) struct Bridge {
    me: Weak<Self>,
    callbacks: Callbacks,
    dispatch: Mutex<Option<Arc<Dispatch>>>,
    queue: Arc<Semaphore>,
    large: Arc<Semaphore>,
    questions: Mutex<HashMap<u32, Asker>>,
    next: AtomicU32,
    pub(crate) routes: Routes,
}

/// JavaScript keeps the request under this key until the ticket is dropped.
struct Ticket {
    key: u32,
    bridge: Weak<Bridge>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(bridge) = self.bridge.upgrade() {
            bridge.routes.close(self.key);
            bridge.tell(Event::new(Kind::Release, self.key));
        }
    }
}

/// Where an answer goes.
enum Asker {
    Waits(oneshot::Sender<Option<String>>),
    /// Called at once, before JavaScript does anything else.
    Acts(Begin),
}

/// Removes a question that nobody waits for any more.
struct Asking {
    id: u32,
    bridge: Arc<Bridge>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.bridge.questions().remove(&self.id);
    }
}

impl Bridge {
    pub(crate) fn new(dispatch: Dispatch, callbacks: Callbacks) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            callbacks,
            dispatch: Mutex::new(Some(Arc::new(dispatch))),
            queue: Arc::new(Semaphore::new(QUEUE)),
            large: Arc::new(Semaphore::new(1)),
            questions: Mutex::default(),
            next: AtomicU32::new(1),
            routes: Routes::default(),
        })
    }

    fn questions(&self) -> MutexGuard<'_, HashMap<u32, Asker>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dispatch(&self) -> Option<Arc<Dispatch>> {
        self.dispatch.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notifies JavaScript, however busy it is: for events that end something limited.
    pub(crate) fn tell(&self, event: Event) {
        if let Some(dispatch) = self.dispatch() {
            tell(&dispatch, event);
        }
    }

    /// The last event; after that nothing keeps the event loop alive.
    pub(crate) fn finish(&self, event: Event) {
        let dispatch = self.dispatch.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(dispatch) = dispatch {
            tell(&dispatch, event);
        }
        self.questions().clear();
    }

    /// Takes an answer; `false` if nobody waits for it any more.
    pub(crate) fn answer(&self, question: u32, answer: Option<String>) -> bool {
        let asker = self.questions().remove(&question);
        match asker {
            Some(Asker::Waits(asker)) => asker.send(answer).is_ok(),
            Some(Asker::Acts(act)) => {
                act(answer);
                true
            }
            None => false,
        }
    }

    /// JavaScript has handled a large message.
    pub(crate) fn taken(&self) {
        self.large.add_permits(1);
    }

    fn tell_large(&self, event: Event, place: OwnedSemaphorePermit) {
        // It is freed by `taken`.
        place.forget();
        self.tell(Event { kind: Kind::LargeMessage, ..event });
    }

    pub(crate) fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks JavaScript. `None` if it has ended.
    fn ask(&self, event: Event) -> impl Future<Output = Option<Option<String>>> + Send + 'static {
        let bridge = self.me.upgrade();
        async move {
            let bridge = bridge?;
            let place = Arc::clone(&bridge.queue).acquire_owned().await.ok();
            let id = bridge.number();
            let (answer, answered) = oneshot::channel();
            bridge.questions().insert(id, Asker::Waits(answer));
            let asking = Asking { id, bridge };
            asking.bridge.tell(Event { id, place, ..event });
            answered.await.ok()
        }
    }

    /// The number of a question whose answer is acted on at once.
    fn act_on_answer(&self, act: Begin) -> u32 {
        let id = self.number();
        self.questions().insert(id, Asker::Acts(act));
        id
    }

    /// Asks JavaScript; `read` parses the answer.
    fn ask_for<T: 'static>(
        &self,
        event: Event,
        read: fn(Option<String>) -> Result<T, Refusal>,
    ) -> BoxFuture<'static, Result<T, Refusal>> {
        let answer = self.ask(event);
        Box::pin(async move { answer.await.map_or(Err(Refusal::Unusable), read) })
    }

    /// An event about a request that JavaScript must keep.
    fn about(&self, kind: Kind, caller: &Caller) -> Event {
        let event = Event::new(kind, 0);
        if let Some(key) = kept(caller) {
            return Event { caller: key, ..event };
        }
        let key = self.number();
        let ticket = Ticket { key, bridge: Weak::clone(&self.me) };
        if caller.note.set(Box::new(ticket)).is_err() {
            tracing::error!("a request was kept twice");
        }
        Event { caller: key, head: Some(head::write(caller)), ..event }
    }
}

/// The key under which JavaScript keeps the request, if it does.
fn kept(caller: &Caller) -> Option<u32> {
    Some(caller.note.get()?.downcast_ref::<Ticket>()?.key)
}

/// A stream's number in JavaScript's range; no session lives long enough to exceed it.
pub(crate) fn numbered(stream: u64) -> u32 {
    stream.try_into().unwrap_or(u32::MAX)
}

impl Host for Bridge {
    fn authenticates(&self) -> bool {
        self.callbacks.authenticate
    }

    fn routes(&self) -> bool {
        self.callbacks.route
    }

    fn stores_events(&self) -> bool {
        self.callbacks.store
    }

    fn prime(&self, server: ServerId, stream: u64, begin: Begin) {
        let id = self.act_on_answer(begin);
        self.tell(Event { server, stream: numbered(stream), ..Event::new(Kind::Prime, id) });
    }

    fn replay(&self, server: ServerId, last_event_id: &str, resume: Resume) {
        let id = self.act_on_answer(Box::new(move |answer| resume(replayed(answer))));
        let event = Event::new(Kind::Replay, id).with_text(last_event_id.to_owned());
        self.tell(Event { server, ..event });
    }

    fn authenticate(
        &self,
        caller: &Arc<Caller>,
        visited: Option<&Visited>,
    ) -> BoxFuture<'static, Result<Option<String>, Refusal>> {
        let mut event = self.about(Kind::Authenticate, caller);
        if let Some(Visited { server, subject }) = visited {
            event = Event { server: *server, text: subject.clone(), ..event };
        }
        self.ask_for(event, subject)
    }

    fn allows_origin(&self, origin: &str) -> BoxFuture<'static, Option<bool>> {
        let answer = self.ask(Event::new(Kind::Origin, 0).with_text(origin.to_owned()));
        answer
            .map(|answer| match answer?.as_deref() {
                None => Some(true),
                Some("no") => Some(false),
                Some(_) => None,
            })
            .boxed()
    }

    fn route(&self, caller: &Arc<Caller>, connection: DuplexStream) -> BoxFuture<'static, Routed> {
        let event = self.about(Kind::Route, caller);
        if let Some(bridge) = self.me.upgrade() {
            let told = Arc::clone(&bridge);
            let tell: Tell = Arc::new(move |event| told.tell(event));
            bridge.routes.open(&tell, event.caller, connection);
        }
        let answer = self.ask(event);
        Box::pin(async move {
            match answer.await {
                Some(None) => Routed::Taken,
                Some(Some(text)) if text == "untouched" => Routed::Untouched,
                _ => Routed::Failed,
            }
        })
    }

    fn create(
        &self,
        server: ServerId,
        opening: Opening,
        caller: &Arc<Caller>,
    ) -> BoxFuture<'static, Result<Made, Refusal>> {
        let event = match opening {
            Opening::Legacy(session) => Event { text: session, ..self.about(Kind::Create, caller) },
            Opening::Modern(uris) => {
                self.about(Kind::CreateModern, caller).with_text(json!(uris).to_string())
            }
        };
        self.ask_for(Event { server, ..event }, made)
    }

    fn deliver(&self, delivery: Delivery<'_>) -> Option<BoxFuture<'static, ()>> {
        let Delivery { server, text, caller } = delivery;
        let event = match kept(caller) {
            Some(key) => Event { caller: key, ..Event::new(Kind::Message, server) },
            None => Event { head: Some(head::write(caller)), ..Event::new(Kind::Message, server) },
        };
        let event = event.with_text(String::from_utf8_lossy(text).into_owned());
        if text.len() > LARGE {
            let (bridge, large) = (self.me.upgrade()?, Arc::clone(&self.large));
            return Some(Box::pin(async move {
                if let Ok(place) = large.acquire_owned().await {
                    bridge.tell_large(event, place);
                }
            }));
        }
        if let Ok(place) = Arc::clone(&self.queue).try_acquire_owned() {
            self.tell(Event { place: Some(place), ..event });
            return None;
        }
        let (bridge, queue) = (self.me.upgrade()?, Arc::clone(&self.queue));
        Some(Box::pin(async move {
            let place = queue.acquire_owned().await.ok();
            bridge.tell(Event { place, ..event });
        }))
    }

    fn close(&self, server: ServerId) {
        self.tell(Event::new(Kind::Close, server));
    }
}
