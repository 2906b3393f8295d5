//! The connections of one registration.
//!
//! Each slot connects, waits for the first byte of a request, gives the connection to the local
//! server and ends with it; an unused one costs only a socket. Ended connections are replaced: at
//! once after use, with growing delays after a failure. While every connection is in use one more
//! is opened, up to the server's limit. If no accepted connection is left and new ones fail twice,
//! the server has forgotten the tunnel and the pool is lost.

use std::sync::Arc;

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    sync::watch,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tracing::{debug, error, info};

use super::{
    backoff::Backoff, config::Limits, dial::Dialer, local::LocalServer, registration::Registration,
};

/// Failures in a row of one slot after which the tunnel counts as lost, if no other connection is
/// left.
const LOST_AFTER: u32 = 2;

/// What a connection needs, and where it reports.
#[derive(Debug)]
pub(super) struct Line<L> {
    pub(super) registration: Registration,
    pub(super) dialer: Arc<Dialer>,
    pub(super) local: Arc<L>,
    pub(super) limits: Limits,
    pub(super) occupancy: watch::Sender<Occupancy>,
}

/// How many connections are in which state; each state includes the next one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Occupancy {
    open: usize,
    accepted: usize,
    busy: usize,
}

/// Why a pool ended.
#[derive(Debug)]
pub(super) struct Lost {
    /// At least one connection had been accepted.
    pub(super) was_up: bool,
    pub(super) reason: String,
}

#[derive(Debug)]
pub(super) struct Pool<L> {
    line: Arc<Line<L>>,
    occupancy: watch::Receiver<Occupancy>,
    slots: JoinSet<Slot>,
    was_up: bool,
}

/// Opens connections one after the other, as long as they fail.
#[derive(Debug)]
struct Slot {
    backoff: Backoff,
    failures: u32,
    end: End,
}

#[derive(Debug)]
enum End {
    Used,
    Unused,
    Failed(String),
}

impl<L: LocalServer> Pool<L> {
    pub(super) fn new(line: Line<L>) -> Self {
        let occupancy = line.occupancy.subscribe();
        Self { line: Arc::new(line), occupancy, slots: JoinSet::new(), was_up: false }
    }

    /// Keeps the pool full until it is lost; `opened` is called whenever a connection is open.
    pub(super) async fn keep(&mut self, mut opened: impl FnMut(&Registration)) -> Lost {
        loop {
            while self.slots.len() < self.wanted() {
                let backoff = Backoff::new(&self.line.limits);
                self.spawn(Slot { backoff, failures: 0, end: End::Unused });
            }
            tokio::select! {
                Some(ended) = self.slots.join_next() => {
                    if let Some(lost) = self.ended(ended) {
                        return lost;
                    }
                }
                // The line contains the sender, so the channel outlives this borrow.
                _ = self.occupancy.changed() => {
                    let occupancy = *self.occupancy.borrow_and_update();
                    self.was_up |= occupancy.accepted > 0;
                    if occupancy.open > 0 {
                        opened(&self.line.registration);
                    }
                }
            }
        }
    }

    /// Ends every connection, including those in use.
    pub(super) async fn close(mut self) {
        self.slots.shutdown().await;
    }

    fn wanted(&self) -> usize {
        let (least, most) = self.line.registration.connections;
        least.max(self.occupancy.borrow().busy + 1).min(most)
    }

    fn ended(&mut self, ended: Result<Slot, JoinError>) -> Option<Lost> {
        let mut slot = match ended {
            Ok(slot) => slot,
            Err(error) => {
                error!("serving a tunnel connection failed: {error}");
                return None;
            }
        };
        // A slot that has served a request is replaced.
        let End::Failed(reason) = std::mem::replace(&mut slot.end, End::Unused) else {
            return None;
        };
        slot.failures += 1;
        if self.occupancy.borrow().accepted == 0 && slot.failures >= LOST_AFTER {
            return Some(Lost { was_up: self.was_up, reason });
        }
        if slot.failures == 1 {
            info!("a tunnel connection failed: {reason}; trying again");
        } else {
            debug!("a tunnel connection failed {} times: {reason}", slot.failures);
        }
        if self.slots.len() < self.wanted() {
            self.spawn(slot);
        }
        None
    }

    fn spawn(&mut self, mut slot: Slot) {
        let line = Arc::clone(&self.line);
        self.slots.spawn(async move {
            if slot.failures > 0 {
                sleep(slot.backoff.next_delay()).await;
            }
            slot.end = line.run().await;
            slot
        });
    }
}

impl<L: LocalServer> Line<L> {
    async fn run(&self) -> End {
        let stream = match self.connect().await {
            Ok(stream) => stream,
            Err(reason) => return End::Failed(reason),
        };
        let _open = self.count(|occupancy| &mut occupancy.open);
        match timeout(self.limits.settle, has_bytes(&stream)).await {
            Ok(true) => return self.serve(stream).await,
            Ok(false) => {
                return End::Failed(format!("{} closes it at once", self.registration.pool));
            }
            Err(_elapsed) => {}
        }
        let _accepted = self.count(|occupancy| &mut occupancy.accepted);
        match timeout(self.limits.idle_limit, has_bytes(&stream)).await {
            Ok(true) => self.serve(stream).await,
            Ok(false) | Err(_) => End::Unused,
        }
    }

    async fn connect(&self) -> Result<TcpStream, String> {
        let pool = &self.registration.pool;
        let unreachable = |reason| format!("{pool} cannot be reached ({reason})");
        let mut stream = self.dialer.connect(pool).await.map_err(unreachable)?;
        if self.registration.shared {
            let greeting = format!("{}\n", self.registration.id);
            let sent = stream.write_all(greeting.as_bytes()).await;
            sent.map_err(|error| unreachable(error.to_string()))?;
        }
        Ok(stream)
    }

    /// From here on only the two sides end the connection: a response may be silent without a
    /// limit.
    async fn serve(&self, stream: TcpStream) -> End {
        let _accepted = self.count(|occupancy| &mut occupancy.accepted);
        let _busy = self.count(|occupancy| &mut occupancy.busy);
        self.local.serve(stream).await;
        End::Used
    }

    fn count(&self, state: fn(&mut Occupancy) -> &mut usize) -> Counted<'_> {
        self.occupancy.send_modify(|occupancy| *state(occupancy) += 1);
        Counted { occupancy: &self.occupancy, state }
    }
}

/// One connection's share of [`Occupancy`].
struct Counted<'a> {
    occupancy: &'a watch::Sender<Occupancy>,
    state: fn(&mut Occupancy) -> &mut usize,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.occupancy.send_modify(|occupancy| *(self.state)(occupancy) -= 1);
    }
}

/// Waits until there is something to read, without reading it; false at the end.
async fn has_bytes(stream: &TcpStream) -> bool {
    stream.peek(&mut [0]).await.is_ok_and(|count| count > 0)
}
