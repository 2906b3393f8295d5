//! An append-only record of JSON values that a test can read at once or wait for. Every wait of
//! these tests uses it, so there is one deadline and one kind of failure.

use std::time::Duration;

use serde_json::Value;
use tokio::{sync::watch, time::timeout};

const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub(crate) struct Journal {
    entries: watch::Sender<Vec<Value>>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { entries: watch::Sender::new(Vec::new()) }
    }

    pub(crate) fn push(&self, entry: Value) {
        self.entries.send_modify(|entries| entries.push(entry));
    }

    pub(crate) fn entries(&self) -> Vec<Value> {
        self.entries.borrow().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// The first entry, recorded already or still to come, that matches.
    pub(crate) async fn first(&self, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
        self.nth(what, 0, matches).await
    }

    /// The matching entry that follows `skipped` matching ones.
    pub(crate) async fn nth(
        &self,
        what: &str,
        skipped: usize,
        matches: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut receiver = self.entries.subscribe();
        let found =
            |entries: &[Value]| entries.iter().filter(|entry| matches(entry)).nth(skipped).cloned();
        let waiting = receiver.wait_for(|entries| found(entries).is_some());
        let Ok(entries) = timeout(DEADLINE, waiting).await else {
            panic!("{what} did not come; recorded: {:#?}", self.entries());
        };
        found(&entries.unwrap()).unwrap()
    }
}

/// Whether this is the message of `method`.
pub(crate) fn is(method: &str, message: &Value) -> bool {
    message["method"] == method
}
