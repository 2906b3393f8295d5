//! Keeps a connection to every known replica, and finds those that are not known yet.
//!
//! An entry of `--peers` stands for all addresses of its name, which is looked up again and again.
//! A replica that was dialled dials back, so it is enough that one of two replicas knows the other.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::lookup_host,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    super::{
        proof::{Reachable, Unproved},
        replica::ReplicaId,
    },
    dial::{Dialled, dial},
    hello::{Own, Unmet},
    roster::{Roster, State},
    secure::Secure,
};

/// Pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// Shortest pause, even if a request waits.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// How often names are looked up.
const LOOK_UP: Duration = Duration::from_secs(5);
/// How long an address is kept that nobody has configured and where nobody answers.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keeper {
    own: Own,
    secure: Secure,
    roster: Arc<Roster>,
    tasks: TaskTracker,
    end: CancellationToken,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(crate) fn new(own: Own, secure: Secure, roster: Arc<Roster>) -> Self {
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        Self { own, secure, roster, tasks, end }
    }

    /// Finds the replicas that these entries stand for; needs a runtime.
    pub(crate) fn look_for(&self, peers: &[String]) {
        for peer in peers {
            let (keeper, peer) = (self.clone(), peer.clone());
            self.spawn(async move { keeper.look_up(&peer).await });
        }
    }

    /// A replica has dialled from this machine, and can be dialled there.
    pub(crate) fn introduce(&self, id: ReplicaId, host: &str, reachable: Reachable) {
        let address = match reachable {
            Reachable { address: Some(address), .. } => address,
            Reachable { port: 0, .. } => return,
            Reachable { port, .. } => format!("{host}:{port}"),
        };
        if !self.roster.is_connected(id) {
            self.add(&address, false);
        }
    }

    /// Keeps a connection to a replica that the store knows.
    pub(crate) fn meet(&self, address: &str) {
        self.add(address, false);
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        self.end.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = task => {}
                () = end.cancelled() => {}
            }
        });
    }

    #[expect(clippy::infinite_loop, reason = "it ends with the task that runs it")]
    async fn look_up(&self, peer: &str) {
        let mut failed = false;
        loop {
            match lookup_host(peer).await {
                Ok(addresses) => {
                    failed = false;
                    for address in addresses {
                        self.add(&address.to_string(), true);
                    }
                }
                Err(error) if !failed => {
                    failed = true;
                    tracing::warn!(%error, peer, "the name of a replica does not resolve");
                }
                Err(_) => {}
            }
            self.pause(LOOK_UP).await;
        }
    }

    /// Keeps a connection to this address from now on.
    fn add(&self, address: &str, configured: bool) {
        let address: Arc<str> = address.into();
        if self.roster.add(&address) {
            let keeper = self.clone();
            self.spawn(async move { keeper.keep(&address, configured).await });
        }
    }

    async fn keep(&self, address: &Arc<str>, configured: bool) {
        let (mut pause, mut said) = (FIRST_PAUSE, false);
        let mut answered = Instant::now();
        loop {
            match dial(&self.own, &self.secure, address).await {
                Ok(Dialled { id, link, driver }) => {
                    tracing::info!(replica = %id, %address, "a replica is connected");
                    self.roster.learn(address, State::Up { id, link });
                    driver.await;
                    self.roster.lose(address, false);
                    tracing::warn!(replica = %id, %address, "the connection to a replica was lost");
                    (pause, said, answered) = (FIRST_PAUSE, false, Instant::now());
                }
                Err(Unmet::Unproved(Unproved::Own)) => {
                    return self.roster.learn(address, State::Own);
                }
                Err(unmet) => {
                    self.roster.lose(address, is_refused(&unmet));
                    if !std::mem::replace(&mut said, true) {
                        say(address, &unmet);
                    }
                }
            }
            if answered.elapsed() > FORGOTTEN && !configured && self.roster.forget(address) {
                return;
            }
            self.pause(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Waits for this long, or until a request needs a replica.
    async fn pause(&self, pause: Duration) {
        tokio::time::sleep(SHORTEST_PAUSE.min(pause)).await;
        drop(timeout(pause, self.roster.wanted.notified()).await);
    }
}

/// Whether the machine refuses the connection: nothing listens on that port.
fn is_refused(unmet: &Unmet) -> bool {
    matches!(unmet, Unmet::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused)
}

fn say(address: &str, unmet: &Unmet) {
    match unmet {
        Unmet::Unproved(unproved) => tracing::error!(
            address,
            "the replica at this address is refused: {unproved}; all replicas need the same \
             --peerSecret"
        ),
        unmet => tracing::debug!(address, "no replica at this address yet: {unmet}"),
    }
}
