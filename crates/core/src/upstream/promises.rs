//! Servers that wait for input that they have requested.
//!
//! A result that requires input has a state, which the client sends back with its answers. The
//! server may keep data in memory for that state, so the state for the client names the server:
//! sealed, for the same caller, valid once. Until then the server is held.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use super::hold::{Coming, Hold};
use crate::{
    identity::Identity,
    jsonrpc::{Message, find_member, string_text},
    relay::merged::Seal,
};

/// Most states that are waited for.
const MAX_STATES: usize = 4096;

/// Identifies a promise.
type Ticket = [u8; 16];

/// See the module.
#[derive(Debug)]
pub(super) struct Promises {
    /// `None` if the system provides no random numbers: then no server waits.
    seal: Option<Seal>,
    patience: Duration,
    /// Most servers that only wait.
    max_servers: usize,
    open: Mutex<HashMap<Ticket, Promise>>,
}

/// A server that waits.
#[derive(Debug)]
struct Promise {
    until: Instant,
    place: Place,
}

/// A use of a server, and the server.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) server: Coming,
    pub(super) hold: Hold,
}

/// What a client has sent back.
#[derive(Debug)]
pub(super) struct Kept {
    /// The raw state as the server wrote it.
    pub(super) state: Vec<u8>,
    /// The server that wrote it, if it is still held.
    pub(super) place: Option<Place>,
}

impl Promises {
    /// Servers wait for at most `patience`; those without other use may be at most half of all
    /// servers.
    pub(super) fn new(patience: Duration, max_children: usize) -> Self {
        let max_servers = (max_children / 2).max(1);
        Self { seal: Seal::random(), patience, max_servers, open: Mutex::default() }
    }

    /// Holds a server until this state comes back. Returns the state for the client, and promises
    /// for which there is no room any more; or the place, if no state can be made.
    pub(super) fn give(
        &self,
        principal: &Identity,
        state: &[u8],
        place: Place,
    ) -> Result<(String, Vec<Place>), Place> {
        let ticket = *Uuid::new_v4().as_bytes();
        let Some(seal) = &self.seal else { return Err(place) };
        let sealed = seal.close(&context(principal), &[&ticket[..], state].concat());
        let mut open = self.lock();
        let mut gone = Vec::new();
        if open.len() >= MAX_STATES {
            gone.extend(oldest(&mut open, |_| true));
        }
        if place.hold.is_sole() && count_sole(&open) >= self.max_servers {
            gone.extend(oldest(&mut open, Hold::is_sole));
        }
        open.insert(ticket, Promise { until: Instant::now() + self.patience, place });
        Ok((sealed, gone))
    }

    /// Takes what a request sends back, if it is a state that was given to this caller.
    pub(super) fn take(&self, principal: &Identity, request: &Message) -> Option<Kept> {
        let span = state_of(request)?;
        let sealed = string_text(request.text(span))?;
        let text = self.seal.as_ref()?.open(&context(principal), &sealed)?;
        let (ticket, state) = text.split_first_chunk::<16>()?;
        let promise = self.lock().remove(ticket);
        let place = promise.map(|promise| promise.place);
        Some(Kept { state: state.to_vec(), place })
    }

    /// Takes the servers that have waited too long.
    pub(super) fn expired(&self, now: Instant) -> Vec<Place> {
        let over = self.lock().extract_if(|_, promise| promise.until <= now).collect::<Vec<_>>();
        over.into_iter().map(|(_, promise)| promise.place).collect()
    }

    /// Takes the server without other use that has waited longest.
    pub(super) fn oldest(&self) -> Option<Place> {
        oldest(&mut self.lock(), Hold::is_sole)
    }

    /// Takes all of them.
    pub(super) fn all(&self) -> Vec<Place> {
        self.lock().drain().map(|(_, promise)| promise.place).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Ticket, Promise>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of the state in a request.
pub(super) fn state_of(request: &Message) -> Option<crate::jsonrpc::Span> {
    if !request.has_reserved_members() {
        return None;
    }
    find_member(request.bytes(), request.params()?, "requestState")
}

fn count_sole(open: &HashMap<Ticket, Promise>) -> usize {
    open.values().filter(|promise| promise.place.hold.is_sole()).count()
}

fn oldest(open: &mut HashMap<Ticket, Promise>, wanted: impl Fn(&Hold) -> bool) -> Option<Place> {
    let candidates = open.iter().filter(|(_, promise)| wanted(&promise.place.hold));
    let ticket = *candidates.min_by_key(|(_, promise)| promise.until)?.0;
    open.remove(&ticket).map(|promise| promise.place)
}

/// What a seal is bound to: one caller.
fn context(principal: &Identity) -> Vec<u8> {
    let (kind, issuer, subject) = principal.key();
    let mut context = b"kept server".to_vec();
    for part in [&[kind][..], issuer, subject] {
        context.extend_from_slice(&(part.len() as u64).to_le_bytes());
        context.extend_from_slice(part);
    }
    context
}
