//! The series of one server: its calls by method, tool and outcome.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::histogram::Histogram;

/// Methods with series of their own (MCP 2024-10-07 to 2026-07-28); all others share one.
pub(super) const METHODS: [&str; 20] = [
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/update",
    TOOLS_CALL,
    TOOLS_LIST,
];

pub(super) const TOOLS_CALL: &str = "tools/call";
pub(super) const TOOLS_LIST: &str = "tools/list";
/// Label of everything without series of its own.
pub(super) const OTHER: &str = "other";
/// Most tools of one server with series of their own.
pub(super) const MAX_TOOLS: usize = 100;
/// Longest name of a tool that is remembered.
pub(super) const MAX_NAME_LENGTH: usize = 128;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With a result.
    Ok,
    /// With an error from the server.
    Error,
    /// With an error from the proxy: the server had ended, was too slow, or was not asked.
    Failed,
    /// Cancelled by its client.
    Cancelled,
}

impl Outcome {
    const NAMES: [&'static str; 4] = ["ok", "error", "failed", "cancelled"];

    /// The outcome as one word.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// Calls of one server.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    methods: [Arc<Series>; METHODS.len()],
    other_method: Arc<Series>,
    tools: RwLock<HashMap<Box<str>, Arc<Series>>>,
    /// Names that the server has listed.
    listed: RwLock<HashSet<Box<str>>>,
    other_tool: Arc<Series>,
}

/// Calls that share their labels.
#[derive(Debug, Default)]
pub(super) struct Series {
    outcomes: [AtomicU64; 4],
    latency: Histogram,
}

/// A series and its labels; unknown ones are empty.
#[derive(Debug)]
pub(super) struct Labelled {
    pub(super) server: String,
    pub(super) method: &'static str,
    pub(super) tool: String,
    pub(super) series: Arc<Series>,
}

impl Scope {
    pub(super) fn of_method(&self, method: &str) -> Arc<Series> {
        let known = METHODS.binary_search(&method).ok().and_then(|index| self.methods.get(index));
        Arc::clone(known.unwrap_or(&self.other_method))
    }

    pub(super) fn of_tool(&self, tool: Option<String>) -> (Arc<Series>, Option<Box<str>>) {
        let other = || Arc::clone(&self.other_tool);
        let Some(tool) = tool.filter(|tool| tool.len() <= MAX_NAME_LENGTH) else {
            return (other(), None);
        };
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        match tools.get(tool.as_str()) {
            Some(series) => (Arc::clone(series), None),
            None => (other(), (tools.len() < MAX_TOOLS).then(|| tool.into_boxed_str())),
        }
    }

    /// Remembers a name that the server has listed. `true` if it is new.
    pub(super) fn remember(&self, name: &str) -> bool {
        self.listed.write().unwrap_or_else(PoisonError::into_inner).insert(name.into())
    }

    /// The series of a tool, if the server has listed it. `has_room` is asked for a new one.
    pub(super) fn admit(
        &self,
        tool: Box<str>,
        has_room: impl FnOnce() -> bool,
    ) -> Option<Arc<Series>> {
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        if !listed.contains(&tool) {
            return None;
        }
        drop(listed);
        let mut tools = self.tools.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = tools.get(&tool) {
            return Some(Arc::clone(series));
        }
        (tools.len() < MAX_TOOLS && has_room()).then(|| Arc::clone(tools.entry(tool).or_default()))
    }

    pub(super) fn read(&self, server: &str) -> Vec<Labelled> {
        let labelled = |method, tool: &str, series: &Arc<Series>| Labelled {
            server: server.to_owned(),
            method,
            tool: tool.to_owned(),
            series: Arc::clone(series),
        };
        let methods = METHODS.iter().zip(&self.methods);
        let mut all: Vec<_> =
            methods.map(|(method, series)| labelled(*method, "", series)).collect();
        all.push(labelled(OTHER, "", &self.other_method));
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        let mut named: Vec<_> =
            tools.iter().map(|(tool, series)| labelled(TOOLS_CALL, tool, series)).collect();
        named.sort_by(|one, other| one.tool.cmp(&other.tool));
        all.append(&mut named);
        all.push(labelled(TOOLS_CALL, OTHER, &self.other_tool));
        all.retain(|one| one.series.outcomes().any(|(_, count)| count > 0));
        all
    }
}

impl Series {
    pub(super) fn count(&self, outcome: Outcome, latency: Duration) {
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
        self.latency.observe(latency);
    }

    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.outcomes.iter().map(|count| count.load(Ordering::Relaxed));
        Outcome::NAMES.into_iter().zip(counts)
    }

    pub(super) fn latency(&self) -> &Histogram {
        &self.latency
    }
}
