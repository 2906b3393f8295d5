//! Reports the progress of an examination, and collects its stages.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use super::report::{Outcome, Stage};

/// What happens during an examination.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A stage begins.
    Begins(&'static str),
    /// A stage has ended.
    Ended(&'a Stage),
}

/// Called with each event: the server's name if there are several, and what happened.
pub type Watching = Arc<dyn Fn(Option<&str>, Progress<'_>) + Send + Sync>;

/// The stages of one server.
pub(super) struct Stages {
    server: Option<String>,
    watching: Watching,
    done: Vec<Stage>,
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stages").field("done", &self.done).finish_non_exhaustive()
    }
}

impl Stages {
    pub(super) fn new(server: Option<String>, watching: Watching) -> Self {
        Self { server, watching, done: Vec::new() }
    }

    /// A stage begins.
    pub(super) fn begin(&self, name: &'static str) -> (Stage, Instant) {
        (self.watching)(self.server.as_deref(), Progress::Begins(name));
        (Stage::new(name), Instant::now())
    }

    /// A stage ends; returns whether the next ones can be tried.
    pub(super) fn end(&mut self, (mut stage, began): (Stage, Instant)) -> bool {
        stage.took = began.elapsed();
        (self.watching)(self.server.as_deref(), Progress::Ended(&stage));
        let goes_on = stage.outcome != Outcome::Failed;
        self.done.push(stage);
        goes_on
    }

    pub(super) fn done(self) -> Vec<Stage> {
        self.done
    }
}
