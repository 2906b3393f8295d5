//! Watches a server: starts it when it is its turn, asks it for its name, and notices its end.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep},
};

use super::{
    arrivals::{Arrival, Arrived},
    running::Running,
    shared::Shared,
    survey::survey,
};
use crate::{fleet::printable, runtime::task, upstream::Stage};

/// First pause before a server that could not be asked is asked again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Pause between a change of a server's tools and counting them again.
const SETTLING: Duration = Duration::from_millis(200);

/// Starts a server, unless it starts only when it is needed, and watches it to its end.
pub(super) fn begin(shared: &Arc<Shared>, server: &Arc<Running>) {
    let stage = server.late.stage();
    if !server.config.lazy {
        task::spawn(start(Arc::clone(shared), Arc::clone(server), stage.clone()));
    }
    let watch = Watch {
        arrived: shared.means.arrived.clone(),
        shared: Arc::downgrade(shared),
        server: Arc::clone(server),
        since: Instant::now(),
        pause: FIRST_PAUSE,
    };
    task::spawn(watch.keep(stage));
}

/// Starts a server when few others are starting.
async fn start(shared: Arc<Shared>, server: Arc<Running>, mut stage: Receiver<Stage>) {
    let Ok(_turn) = Arc::clone(&shared.means.starting).acquire_owned().await else { return };
    drop(shared);
    server.late.begin();
    let is_settled = |stage: &Stage| !matches!(stage, Stage::Resting | Stage::Starting);
    drop(stage.wait_for(is_settled).await);
}

impl Shared {
    /// The server as it is served now.
    fn server(&self, known: &Running) -> Option<Arc<Running>> {
        let roster = self.roster();
        let same = |server: &&Arc<Running>| Arc::ptr_eq(&server.known, &known.known);
        roster.servers.iter().find(same).map(Arc::clone)
    }
}

struct Watch {
    arrived: tokio::sync::mpsc::Sender<Arrival>,
    shared: Weak<Shared>,
    server: Arc<Running>,
    since: Instant,
    pause: Duration,
}

impl Watch {
    async fn keep(mut self, mut stage: Receiver<Stage>) {
        loop {
            let now = stage.borrow_and_update().clone();
            let what = match now {
                Stage::Stopped => return,
                Stage::Starting => {
                    self.since = Instant::now();
                    None
                }
                Stage::Resting => None,
                Stage::Failed(reason) => {
                    self.tell(Err(reason));
                    None
                }
                Stage::Started => Some(self.serve()),
            };
            let changed = match what {
                Some(serving) => tokio::select! {
                    () = serving => continue,
                    changed = stage.changed() => changed,
                },
                None => stage.changed().await,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Asks a started server for its name, and waits for its end.
    fn serve(&mut self) -> BoxFuture<'_, ()> {
        async move {
            let Some(ended) = self.server.late.ask(|upstream| upstream.ended()) else { return };
            let ended = ended.shared();
            tokio::select! {
                () = self.meet() => {}
                _ = ended.clone() => {}
            }
            let reason = ended.await;
            // Its clients' next messages start it again.
            if self.server.late.has_ended(reason)
                && let Some(server) = self.shared.upgrade().and_then(|it| it.server(&self.server))
            {
                server.replaceable.replace(server.backend()).close();
            }
        }
        .boxed()
    }

    /// Asks it until it answers, and again when its tools have changed.
    async fn meet(&mut self) {
        if !self.server.may_be_asked() {
            let server = self.server.late.ask(|upstream| upstream.name()).flatten();
            return self.tell(Ok(Arrived { server, ..Arrived::default() }));
        }
        let mut met = false;
        while let Some(shared) = self.shared.upgrade() {
            // With the current rules.
            let now = shared.server(&self.server).unwrap_or_else(|| Arc::clone(&self.server));
            drop(shared);
            let outcome = survey(&now).await;
            let failed = outcome.is_err();
            let hearing = match outcome {
                Ok((arrived, hearing)) if met => {
                    self.server.known.replace(Ok(arrived));
                    hearing
                }
                Ok((arrived, hearing)) => {
                    self.tell(Ok(arrived));
                    met = true;
                    hearing
                }
                Err(_) if met => None,
                Err(reason) => {
                    self.tell(Err(reason));
                    None
                }
            };
            if failed {
                sleep(self.pause).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                continue;
            }
            self.pause = FIRST_PAUSE;
            self.server.known.grows_old().await;
            drop(hearing);
            // A server that changes its tools may do so several times in a row.
            sleep(SETTLING).await;
        }
    }

    /// Stores a server's state; reports it if it has changed.
    fn tell(&self, outcome: Result<Arrived, String>) {
        let outcome = outcome.map_err(|reason| printable(&reason));
        if self.server.known.replace(outcome.clone()).is_some_and(|before| before == outcome) {
            return;
        }
        let arrival = Arrival {
            name: self.server.name().to_owned(),
            transport: self.server.transport(),
            outcome,
            took: self.since.elapsed(),
        };
        if self.arrived.try_send(arrival).is_err() {
            tracing::debug!("nobody reads what happens to servers");
        }
    }
}
