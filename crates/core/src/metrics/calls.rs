//! Calls by method, tool and outcome; the number of series is bounded whatever clients send.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{Metrics, histogram::Histogram};

/// Methods with series of their own (MCP 2024-10-07 to 2026-07-28); all others share one.
const METHODS: [&str; 20] = [
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

const TOOLS_CALL: &str = "tools/call";
const TOOLS_LIST: &str = "tools/list";
/// Label of what has no series of its own.
const OTHER: &str = "other";
/// Tools with series of their own.
const MAX_TOOLS: usize = 100;
/// Names of tools that are remembered.
const MAX_LISTED: usize = 10_000;
/// Longest name of such a tool.
const MAX_NAME_LENGTH: usize = 128;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With a result.
    Ok,
    /// With an error of the server's.
    Error,
    /// With an error of the proxy's: the server is gone, was too slow, or was not asked.
    Failed,
    /// By its client.
    Cancelled,
}

impl Outcome {
    const NAMES: [&'static str; 4] = ["ok", "error", "failed", "cancelled"];

    /// One word for it.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// All calls since the start.
#[derive(Debug, Default)]
pub(super) struct Calls {
    in_flight: AtomicU64,
    methods: [Arc<Series>; METHODS.len()],
    other_method: Arc<Series>,
    tools: RwLock<HashMap<Box<str>, Arc<Series>>>,
    /// Names that servers have listed.
    listed: RwLock<HashSet<Box<str>>>,
    other_tool: Arc<Series>,
}

/// Calls that share their labels.
#[derive(Debug, Default)]
pub(super) struct Series {
    outcomes: [AtomicU64; 4],
    latency: Histogram,
}

/// A call under way. Dropping it counts it.
#[derive(Debug)]
pub(crate) struct Call {
    metrics: Arc<Metrics>,
    series: Arc<Series>,
    /// A tool without a series, which it gets if the server has listed it and knows it.
    unknown_tool: Option<Box<str>>,
    lists_tools: bool,
    started: Instant,
    outcome: Outcome,
}

impl Call {
    /// A call of this method begins; `tool` is asked for its name where it is one of a tool.
    pub(crate) fn begin(
        metrics: &Arc<Metrics>,
        method: &str,
        tool: impl FnOnce() -> Option<String>,
    ) -> Self {
        let calls = &metrics.calls;
        calls.in_flight.fetch_add(1, Ordering::Relaxed);
        let (series, unknown_tool) = if method == TOOLS_CALL {
            calls.of_tool(tool())
        } else {
            (calls.of_method(method), None)
        };
        Self {
            metrics: Arc::clone(metrics),
            series,
            unknown_tool,
            lists_tools: method == TOOLS_LIST,
            started: Instant::now(),
            outcome: Outcome::Failed,
        }
    }

    /// Whether its answer names tools.
    pub(crate) fn lists_tools(&self) -> bool {
        self.lists_tools
    }

    /// Tools that were listed may have series of their own.
    pub(crate) fn learn(&self, names: impl Iterator<Item = String>) {
        let listed = &self.metrics.calls.listed;
        let mut listed = listed.write().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_LISTED.saturating_sub(listed.len());
        let short = names.filter(|name| name.len() <= MAX_NAME_LENGTH).take(room);
        listed.extend(short.map(String::into_boxed_str));
    }

    /// The call has ended in this way.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let calls = &self.metrics.calls;
        calls.in_flight.fetch_sub(1, Ordering::Relaxed);
        // Some servers answer for names that they do not have.
        if self.outcome == Outcome::Ok
            && let Some(tool) = self.unknown_tool.take()
            && let Some(series) = calls.admit_tool(tool)
        {
            self.series = series;
        }
        self.series.outcomes[self.outcome as usize].fetch_add(1, Ordering::Relaxed);
        self.series.latency.observe(self.started.elapsed());
    }
}

impl Calls {
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn of_method(&self, method: &str) -> Arc<Series> {
        let known = METHODS.binary_search(&method).ok().and_then(|index| self.methods.get(index));
        Arc::clone(known.unwrap_or(&self.other_method))
    }

    fn of_tool(&self, tool: Option<String>) -> (Arc<Series>, Option<Box<str>>) {
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

    fn admit_tool(&self, tool: Box<str>) -> Option<Arc<Series>> {
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        if !listed.contains(&tool) {
            return None;
        }
        drop(listed);
        let mut tools = self.tools.write().unwrap_or_else(PoisonError::into_inner);
        let room = tools.len() < MAX_TOOLS || tools.contains_key(&tool);
        room.then(|| Arc::clone(tools.entry(tool).or_default()))
    }

    /// Every series that has counted something, with its labels `method` and `tool`.
    pub(super) fn read(&self) -> Vec<(&'static str, String, Arc<Series>)> {
        let own = |series: &Arc<Series>| Arc::clone(series);
        let methods = METHODS.iter().zip(&self.methods);
        let mut all: Vec<_> =
            methods.map(|(method, series)| (*method, String::new(), own(series))).collect();
        all.push((OTHER, String::new(), own(&self.other_method)));
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        let mut named: Vec<_> = tools
            .iter()
            .map(|(tool, series)| (TOOLS_CALL, tool.to_string(), own(series)))
            .collect();
        named.sort_by(|one, other| one.1.cmp(&other.1));
        all.append(&mut named);
        all.push((TOOLS_CALL, OTHER.to_owned(), own(&self.other_tool)));
        all.retain(|(_, _, series)| series.outcomes().any(|(_, count)| count > 0));
        all
    }
}

impl Series {
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.outcomes.iter().map(|count| count.load(Ordering::Relaxed));
        Outcome::NAMES.into_iter().zip(counts)
    }

    pub(super) fn latency(&self) -> &Histogram {
        &self.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(metrics: &Arc<Metrics>, method: &str, tool: &str, outcome: Outcome) {
        Call::begin(metrics, method, || Some(tool.to_owned())).end(outcome);
    }

    fn labels(metrics: &Metrics) -> Vec<(&'static str, String)> {
        let series = metrics.calls.read().into_iter();
        series.map(|(method, tool, _)| (method, tool)).collect()
    }

    #[test]
    fn methods_are_searchable() {
        assert!(METHODS.is_sorted());
    }

    #[test]
    fn unknown_methods_share_a_series() {
        let metrics = Arc::new(Metrics::default());
        call(&metrics, "vendor/a", "", Outcome::Ok);
        call(&metrics, "vendor/b", "", Outcome::Error);
        assert_eq!(labels(&metrics), [("other", String::new())]);
    }

    #[test]
    fn tools_are_named_once_the_server_has_listed_and_answered_for_them_and_up_to_a_limit() {
        let metrics = Arc::new(Metrics::default());
        for number in 0..10_000 {
            call(&metrics, "tools/call", &format!("refused {number}"), Outcome::Error);
        }
        assert_eq!(labels(&metrics), [("tools/call", "other".to_owned())]);
        for number in 0..10_000 {
            call(&metrics, "tools/call", &format!("not listed {number}"), Outcome::Ok);
        }
        assert_eq!(labels(&metrics), [("tools/call", "other".to_owned())]);
        let list = Call::begin(&metrics, "tools/list", || None);
        assert!(list.lists_tools());
        list.learn((0..20_000).map(|number| format!("served {number}")));
        drop(list);
        for number in 0..10_000 {
            call(&metrics, "tools/call", &format!("served {number}"), Outcome::Ok);
        }
        call(&metrics, "tools/call", &"x".repeat(MAX_NAME_LENGTH + 1), Outcome::Ok);
        assert_eq!(labels(&metrics).len(), MAX_TOOLS + 2);
        let other = &metrics.calls.other_tool;
        let counts: Vec<_> = other.outcomes().map(|(_, count)| count).collect();
        assert_eq!(counts, [20_000 - MAX_TOOLS as u64 + 1, 10_000, 0, 0]);
    }

    #[test]
    fn a_call_is_in_flight_until_it_is_dropped() {
        let metrics = Arc::new(Metrics::default());
        let call = Call::begin(&metrics, "ping", || None);
        assert_eq!(metrics.calls.in_flight(), 1);
        drop(call);
        assert_eq!(metrics.calls.in_flight(), 0);
        let (_, _, series) = metrics.calls.read().remove(0);
        assert_eq!(series.outcomes().find(|(_, count)| *count > 0), Some(("failed", 1)));
    }
}
