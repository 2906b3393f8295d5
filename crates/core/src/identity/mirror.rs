//! Serves the first issuer's metadata (RFC 8414), for clients that look for them here: 2025-03-26
//! clients take the server for its own authorization server.
//!
//! They are fetched when the proxy starts, and again on request if they are old, at most once a
//! minute; the last ones stay while the issuer is unreachable.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use reqwest::Url;
use tokio::{sync::watch, time::timeout};

use super::{
    issuer::{
        discovery::{described, speaks_for},
        fetch::Fetcher,
    },
    now,
    token::Seconds,
};
use crate::runtime::task;

/// Shortest time between two fetches.
const INTERVAL: Seconds = 60;
/// How long a document stays valid.
const LIFETIME: Seconds = 3600;
/// How long a request waits for the first one.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(crate) struct Mirror {
    issuer: Url,
    spellings: Vec<String>,
    fetcher: Arc<Fetcher>,
    state: Mutex<State>,
    /// Notifies of the end of a fetch; contains the newest document.
    document: watch::Sender<Option<Bytes>>,
}

#[derive(Debug, Default)]
struct State {
    fetching: bool,
    /// The earliest time of the next fetch.
    next: Seconds,
}

impl Mirror {
    pub(crate) fn new(issuer: Url, spellings: Vec<String>, fetcher: Arc<Fetcher>) -> Arc<Self> {
        let (state, document) = (Mutex::default(), watch::Sender::new(None));
        Arc::new(Self { issuer, spellings, fetcher, state, document })
    }

    /// Fetches the document if it is time for that; returns whether a fetch is running. Needs a
    /// runtime.
    pub(crate) fn refresh(self: &Arc<Self>) -> bool {
        let mut state = self.lock();
        if state.fetching || now() < state.next {
            return state.fetching;
        }
        *state = State { fetching: true, next: now() + INTERVAL };
        drop(state);
        let fetch = Fetch(Arc::clone(self));
        task::spawn(async move {
            let Self { fetcher, issuer, spellings, .. } = &*fetch.0;
            let found = described(fetcher, issuer).await;
            let read = found.and_then(|(_, found)| {
                speaks_for(&found.body, spellings).map(|_| Bytes::from(found.body))
            });
            match read {
                Ok(document) => {
                    fetch.0.document.send_replace(Some(document));
                    fetch.0.lock().next = now() + LIFETIME;
                }
                Err(why) => tracing::warn!("the issuer's metadata cannot be mirrored: {why}"),
            }
        });
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document, if the issuer has one.
    pub(crate) async fn document(self: &Arc<Self>) -> Option<Bytes> {
        let mut newest = self.document.subscribe();
        let known = newest.borrow_and_update().clone();
        if known.is_none() && self.refresh() {
            drop(timeout(PATIENCE, newest.changed()).await);
            return newest.borrow().clone();
        }
        self.refresh();
        known
    }
}

/// A running fetch; counts as ended even if its task is aborted.
struct Fetch(Arc<Mirror>);

impl Drop for Fetch {
    fn drop(&mut self) {
        self.0.lock().fetching = false;
        self.0.document.send_modify(|_| {});
    }
}
