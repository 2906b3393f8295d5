//! An issuer of tokens: its metadata, its keys, and their updates.
//!
//! [`Machine`] decides; this is the shell around it, with the only lock. A fetch is a task of its
//! own, so it outlives the request that started it, and tokens whose key is known never wait.

pub(crate) mod address;
pub(crate) mod discovery;
pub(crate) mod fetch;
pub(crate) mod machine;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::Url;
use tokio::{sync::watch, time::timeout};

use self::{
    discovery::{discover, keys},
    fetch::{Document, Fetcher, Reach},
    machine::{Machine, Step},
};
use super::token::{Because, Claims, Jws, KeySet, Rules, verify};
use crate::{identity::now, runtime::task};

/// Time limit for getting an issuer's keys.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How often a token may be told to wait again.
const MAX_ROUNDS: usize = 3;

/// The source of the keys.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The metadata of the issuer at this URL.
    Discovered(Url),
    At(Url),
    File(PathBuf),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) rules: Rules,
    source: Source,
    fetcher: Arc<Fetcher>,
    machine: Mutex<Machine>,
    /// Notifies of the end of a fetch.
    ended: watch::Sender<()>,
}

impl Issuer {
    pub(crate) fn new(rules: Rules, source: Source, fetcher: Arc<Fetcher>) -> Arc<Self> {
        let machine = Mutex::default();
        Arc::new(Self { rules, source, fetcher, machine, ended: watch::Sender::new(()) })
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Verifies a token that names this issuer.
    pub(crate) async fn verify(self: &Arc<Self>, token: &Jws<'_>) -> Result<Claims, Because> {
        let keys = self.keys(token).await?;
        verify(token, &keys, &self.rules, now())
    }

    async fn keys(self: &Arc<Self>, token: &Jws<'_>) -> Result<Arc<KeySet>, Because> {
        let mut ended = self.ended.subscribe();
        for _ in 0..MAX_ROUNDS {
            let step = self.lock().want(token.key_id(), now());
            match step {
                Step::Use(keys) => return Ok(keys),
                Step::UseAndFetch(keys) => {
                    self.fetch();
                    return Ok(keys);
                }
                Step::Fetch => self.fetch(),
                Step::Wait => {}
                Step::Refuse(because) => return Err(because),
            }
            // We hold the sender, so it cannot be dropped.
            drop(ended.changed().await);
        }
        Err(Because::NoKeys("they were fetched, but none of them can be used".to_owned()))
    }

    /// Fetches the keys in advance; needs a runtime.
    pub(crate) fn prepare(self: &Arc<Self>) {
        if self.lock().begin_early(now()) {
            self.fetch();
        }
    }

    fn fetch(self: &Arc<Self>) {
        let fetch = Fetch { issuer: Arc::clone(self), done: false };
        task::spawn(async move {
            let found = timeout(TIMEOUT, fetch.issuer.find()).await;
            let late = || Err(format!("nothing came within {} s", TIMEOUT.as_secs()));
            fetch.end(found.unwrap_or_else(|_| late()));
        });
    }

    async fn find(&self) -> Result<Document, String> {
        match &self.source {
            Source::Discovered(issuer) => {
                let spellings = &self.rules.spellings;
                let (place, reach) = discover(&self.fetcher, issuer, spellings).await?;
                keys(&self.fetcher, &place, reach).await
            }
            Source::At(place) => keys(&self.fetcher, place, Reach::Anywhere).await,
            Source::File(path) => {
                let body = std::fs::read(path);
                let body = body.map_err(|error| format!("{}: {error}", path.display()))?;
                Ok(Document { body, lifetime: Some(0) })
            }
        }
    }
}

/// A running fetch; counts as ended even if its task is aborted.
struct Fetch {
    issuer: Arc<Issuer>,
    done: bool,
}

impl Fetch {
    fn end(mut self, found: Result<Document, String>) {
        self.done = true;
        self.settle(found);
    }

    fn settle(&self, found: Result<Document, String>) {
        let issuer = &self.issuer.rules.issuer;
        let read = found.and_then(|document| {
            let keys = KeySet::parse(&document.body);
            keys.map(|keys| (keys, document.lifetime)).map_err(|why| format!("its keys: {why}"))
        });
        let mut machine = self.issuer.lock();
        match read {
            Ok((keys, lifetime)) => {
                tracing::debug!(issuer, "the issuer's keys were fetched");
                machine.fetched(keys, lifetime, now());
            }
            Err(why) => {
                tracing::warn!(issuer, "the issuer's keys cannot be fetched: {why}");
                machine.failed(why, now());
            }
        }
        drop(machine);
        self.issuer.ended.send_replace(());
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if !self.done {
            self.settle(Err("the fetch was cancelled".to_owned()));
        }
    }
}
