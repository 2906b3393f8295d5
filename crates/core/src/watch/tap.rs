//! The tap: whether anybody watches, and who.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Instant,
};

use super::{
    Detail, Frame, Life, Point,
    ring::{Limits, Ring},
};

/// The tap of this process.
pub(crate) static TAP: Tap = Tap::new();

/// See the module.
#[derive(Debug)]
pub(crate) struct Tap {
    watched: AtomicBool,
    rings: RwLock<Vec<Arc<Ring>>>,
    /// The running servers, for watchers that come later.
    servers: Mutex<BTreeMap<u32, Running>>,
    /// Named servers that have ended, for writers of their last frames.
    former: Mutex<VecDeque<(u32, String)>>,
    next_server: AtomicU32,
}

/// How many ended servers are still known by name.
const MAX_FORMER: usize = 1000;

/// A running server.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// Its name, its program, or its URL without possibly secret parts.
    pub(crate) name: String,
    /// Whether its configuration gives it that name.
    pub(crate) is_named: bool,
    /// Its process, if it is one.
    pub(crate) pid: Option<u32>,
    pub(crate) since: Instant,
}

impl Tap {
    const fn new() -> Self {
        Self {
            watched: AtomicBool::new(false),
            rings: RwLock::new(Vec::new()),
            servers: Mutex::new(BTreeMap::new()),
            former: Mutex::new(VecDeque::new()),
            next_server: AtomicU32::new(1),
        }
    }

    /// Whether anybody watches.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Shows the frame that this makes, if anybody watches.
    #[inline]
    pub(crate) fn show(&self, frame: impl FnOnce() -> Frame) {
        if self.is_watched() {
            self.offer(frame);
        }
    }

    #[cold]
    #[inline(never)]
    fn offer(&self, frame: impl FnOnce() -> Frame) {
        let frame = Arc::new(frame());
        for ring in &*self.rings.read().unwrap_or_else(PoisonError::into_inner) {
            ring.push(&frame);
        }
    }

    /// The same for several frames.
    #[inline]
    pub(crate) fn show_all<I: Iterator<Item = Frame>>(&self, frames: impl FnOnce() -> I) {
        if self.is_watched() {
            for frame in frames() {
                self.offer(|| frame);
            }
        }
    }

    /// Watches from now on, until the watcher is dropped.
    pub(crate) fn watch(&'static self, limits: Limits) -> Watcher {
        let ring = Arc::new(Ring::new(limits));
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        rings.push(Arc::clone(&ring));
        self.watched.store(true, Ordering::Relaxed);
        drop(rings);
        Watcher { tap: self, ring }
    }

    fn leave(&self, ring: &Arc<Ring>) {
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        rings.retain(|known| !Arc::ptr_eq(known, ring));
        self.watched.store(!rings.is_empty(), Ordering::Relaxed);
        drop(rings);
        ring.close();
    }

    /// The running servers, by their numbers.
    pub(crate) fn servers(&self) -> BTreeMap<u32, Running> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The configured name of a server that runs, or has ended not long ago.
    pub(crate) fn label(&self, number: u32) -> Option<String> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = servers.get(&number) {
            return server.is_named.then(|| server.name.clone());
        }
        drop(servers);
        let former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former.iter().rev().find(|(known, _)| *known == number).map(|(_, name)| name.clone())
    }

    fn remember(&self, number: u32, name: String) {
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        if former.len() >= MAX_FORMER {
            former.pop_front();
        }
        former.push_back((number, name));
    }

    /// A server was started, with this name or at this place.
    pub(crate) fn server(
        &'static self,
        label: Option<&str>,
        place: String,
        pid: Option<u32>,
    ) -> ServerTag {
        let number = self.next_server.fetch_add(1, Ordering::Relaxed);
        let (name, is_named) = (label.map_or(place, str::to_owned), label.is_some());
        let running = Running { name: name.clone(), is_named, pid, since: Instant::now() };
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).insert(number, running);
        self.show(|| life(Life::Started { name: name.clone(), pid }).of_server(number));
        ServerTag { tap: self, number, name, outcome: None }
    }
}

fn life(life: Life) -> Frame {
    Frame::event(Point::Server, Detail::Life(life))
}

/// Somebody who watches.
#[derive(Debug)]
pub(crate) struct Watcher {
    tap: &'static Tap,
    ring: Arc<Ring>,
}

impl Watcher {
    /// The frames.
    pub(crate) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.tap.leave(&self.ring);
    }
}

/// Represents a running server; when dropped, reports that the server has ended.
#[derive(Debug)]
pub(crate) struct ServerTag {
    tap: &'static Tap,
    number: u32,
    name: String,
    outcome: Option<String>,
}

impl ServerTag {
    /// The number in its frames.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// How it ended; the text completes "the server …".
    pub(crate) fn ended(&mut self, outcome: String) {
        self.outcome = Some(outcome);
    }
}

impl Drop for ServerTag {
    fn drop(&mut self) {
        let mut servers = self.tap.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let server = servers.remove(&self.number);
        drop(servers);
        if let Some(server) = server.filter(|server| server.is_named) {
            self.tap.remember(self.number, server.name);
        }
        let outcome = self.outcome.take().unwrap_or_else(|| "ended".to_owned());
        let name = self.name.clone();
        self.tap.show(|| life(Life::Ended { name, outcome }).of_server(self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Payload;

    const LIMITS: Limits = Limits { frames: 10, bytes: 10_000, whole: 1000, beginning: 10 };

    fn tap() -> &'static Tap {
        Box::leak(Box::new(Tap::new()))
    }

    fn frame() -> Frame {
        Frame::new(Point::FromServer, Payload::copied(b"{}"))
    }

    #[test]
    fn nothing_is_made_while_nobody_watches() {
        let tap = tap();
        tap.show(|| unreachable!("nobody watches"));
        let watcher = tap.watch(LIMITS);
        let other = tap.watch(LIMITS);
        tap.show(frame);
        drop(watcher);
        tap.show(frame);
        assert_eq!(other.ring().read(0, 9).frames.len(), 2);
        drop(other);
        tap.show(|| unreachable!("nobody watches any more"));
    }

    #[test]
    fn whoever_comes_later_can_ask_which_servers_run() {
        let tap = tap();
        let tag = tap.server(None, "node".to_owned(), Some(7));
        assert_eq!(tap.label(tag.number()), None);
        let named = tap.server(Some("files"), "node".to_owned(), None);
        assert_eq!(tap.label(named.number()).as_deref(), Some("files"));
        let former = named.number();
        drop(named);
        assert_eq!(tap.label(former).as_deref(), Some("files"));
        let number = tag.number();
        assert_eq!(tap.servers()[&number].pid, Some(7));
        let watcher = tap.watch(LIMITS);
        drop(tag);
        assert!(tap.servers().is_empty());
        let seen = watcher.ring().read(0, 9).frames;
        let detail = seen[0].detail.as_ref();
        assert!(
            matches!(detail, Some(Detail::Life(Life::Ended { name, .. })) if name == "node"),
            "{seen:?}"
        );
    }
}
