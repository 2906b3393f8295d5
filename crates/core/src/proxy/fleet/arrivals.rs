//! What has happened to servers at their starts, for whoever shows it.

use std::time::Duration;

use tokio::sync::mpsc;

/// Most that wait for their reader; more are dropped.
const MOST: usize = 1024;

/// A server has been started, or could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// What the file calls it.
    pub name: String,
    /// `stdio`, `http` or `sse`; empty if it could not be found out.
    pub transport: &'static str,
    /// What it says about itself; or why it could not be started, in a sentence. It is tried again.
    pub outcome: Result<Arrived, String>,
    /// Time since its start began.
    pub took: Duration,
}

/// What a server that has started says about itself. Without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrived {
    /// Its name and version, if it has been asked.
    pub server: Option<String>,
    /// How many tools are served, if it has been asked.
    pub tools: Option<usize>,
    /// It wants a sign-in, which begins with its first client.
    pub signs_in: bool,
}

/// Arrivals, as they come. See [`Fleet::arrivals`](crate::Fleet::arrivals).
#[derive(Debug)]
pub struct Arrivals(mpsc::Receiver<Arrival>);

impl Arrivals {
    /// Waits for the next one; `None` once the fleet has ended.
    pub async fn next(&mut self) -> Option<Arrival> {
        self.0.recv().await
    }
}

pub(super) fn channel() -> (mpsc::Sender<Arrival>, Arrivals) {
    let (sender, receiver) = mpsc::channel(MOST);
    (sender, Arrivals(receiver))
}
