//! How servers' starts went, for a start screen.

use std::time::Duration;

use tokio::sync::mpsc;

/// Most that wait for their reader; further ones are dropped.
const MOST: usize = 1024;

/// A server has started, or could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// Its name in the file.
    pub name: String,
    /// `stdio`, `http` or `sse`; empty if that is unknown.
    pub transport: &'static str,
    /// What it says about itself; or why it could not be started, as a sentence. Failed starts are
    /// retried.
    pub outcome: Result<Arrived, String>,
    /// Time since its start began.
    pub took: Duration,
}

/// What a started server says about itself. Without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrived {
    /// Its name and version, if it was asked.
    pub server: Option<String>,
    /// How many tools are served, if it was asked.
    pub tools: Option<usize>,
    /// It requires a sign-in, which its first client starts.
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
