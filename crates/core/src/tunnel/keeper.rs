//! The task behind an open tunnel: one pool after the other, with a new registration between them.
//!
//! It always requests the id that was assigned first, so that the URL stays the same over restarts
//! of the tunnel server and changes of network.

use std::sync::Arc;

use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    backoff::Backoff,
    config::Limits,
    dial::Dialer,
    local::LocalServer,
    pool::{Line, Lost, Occupancy, Pool},
    registrar::Registrar,
    registration::Registration,
};
use crate::telemetry::console;

#[derive(Debug)]
pub(super) struct Keeper<L> {
    pub(super) registrar: Registrar,
    pub(super) dialer: Arc<Dialer>,
    pub(super) local: Arc<L>,
    pub(super) limits: Limits,
    pub(super) url: watch::Sender<String>,
}

/// Logs once per registration that the tunnel works.
#[derive(Default)]
struct Announcement {
    said: Option<String>,
    due: bool,
}

impl<L: LocalServer> Keeper<L> {
    /// Keeps the tunnel open until `stop`; then every connection is closed.
    pub(super) async fn run(self, mut registration: Registration, stop: CancellationToken) {
        let id = registration.id.clone();
        let mut announcement = Announcement::default();
        let mut backoff = Backoff::new(&self.limits);
        loop {
            announcement.due = true;
            let mut pool = self.pool(registration);
            let lost = tokio::select! {
                lost = pool.keep(|registration| announcement.opened(&registration.url)) => Some(lost),
                () = stop.cancelled() => None,
            };
            pool.close().await;
            let Some(lost) = lost else { return };
            if lost.was_up {
                backoff = Backoff::new(&self.limits);
            }
            let again = stop.run_until_cancelled(self.register_again(&id, &lost, &mut backoff));
            let Some(next) = again.await else { return };
            registration = next;
            self.url.send_replace(registration.url.clone());
        }
    }

    fn pool(&self, registration: Registration) -> Pool<L> {
        Pool::new(Line {
            registration,
            dialer: Arc::clone(&self.dialer),
            local: Arc::clone(&self.local),
            limits: self.limits,
            occupancy: watch::Sender::new(Occupancy::default()),
        })
    }

    async fn register_again(&self, id: &str, lost: &Lost, backoff: &mut Backoff) -> Registration {
        if lost.was_up {
            warn!("the tunnel was lost: {}; registering it again", lost.reason);
        } else {
            let delay = backoff.next_delay();
            warn!(
                "the tunnel cannot be used: {} (check your firewall settings); registering it \
                 again in {:.1} s",
                lost.reason,
                delay.as_secs_f64()
            );
            sleep(delay).await;
        }
        loop {
            match self.registrar.claim(Some(id)).await {
                Ok(registration) => return registration,
                Err(refusal) => {
                    let delay = backoff.next_delay();
                    let name = self.registrar.name();
                    error!(
                        "{name} refuses to register the tunnel again: {refusal}; trying again in {:.1} s",
                        delay.as_secs_f64()
                    );
                    sleep(delay).await;
                }
            }
        }
    }
}

impl Announcement {
    fn opened(&mut self, url: &str) {
        if !std::mem::take(&mut self.due) {
            return;
        }
        if self.said.as_deref() == Some(url) {
            info!("tunnel re-established at {url}");
        } else {
            console!("tunnel established at {url}");
            self.said = Some(url.to_owned());
        }
    }
}
