//! A call under way, from its beginning to its count.

use std::{sync::Arc, time::Instant};

use super::{
    Metrics,
    scope::{Outcome, Scope, Series, TOOLS_CALL, TOOLS_LIST},
    whose::Whose,
};

/// A call under way. Dropping it counts it.
#[derive(Debug)]
pub(crate) struct Call {
    metrics: Arc<Metrics>,
    whose: Whose,
    scope: Arc<Scope>,
    series: Arc<Series>,
    /// A tool without series yet: it gets them if the server has listed it and does not refuse it
    /// as unknown.
    unknown_tool: Option<Box<str>>,
    lists_tools: bool,
    started: Instant,
    outcome: Outcome,
}

impl Call {
    /// A call of this method begins, at an endpoint with this owner; `name` returns the name in the
    /// request, and is called only if that matters.
    pub(crate) fn begin(
        metrics: &Arc<Metrics>,
        whose: &Whose,
        method: &str,
        name: impl FnOnce() -> Option<String>,
    ) -> Self {
        let calls = &metrics.calls;
        calls.began();
        let (scope, name) = calls.scope(whose, method, name);
        let (series, unknown_tool) = if method == TOOLS_CALL {
            scope.of_tool(name)
        } else {
            (scope.of_method(method), None)
        };
        Self {
            metrics: Arc::clone(metrics),
            whose: whose.clone(),
            scope,
            series,
            unknown_tool,
            lists_tools: method == TOOLS_LIST,
            started: Instant::now(),
            outcome: Outcome::Failed,
        }
    }

    /// Whether its answer lists tools.
    pub(crate) fn lists_tools(&self) -> bool {
        self.lists_tools
    }

    /// Tools that were listed may get series of their own.
    pub(crate) fn learn(&self, names: impl Iterator<Item = String>) {
        let calls = &self.metrics.calls;
        match self.whose {
            Whose::Prefixed => {
                let servers = calls.servers();
                for name in names {
                    match servers.of(&name) {
                        Some((scope, own)) => calls.remember(scope, own),
                        None => calls.remember(&self.scope, &name),
                    }
                }
            }
            Whose::Anybody | Whose::Server(_) => {
                names.for_each(|name| calls.remember(&self.scope, &name));
            }
        }
    }

    /// Sets how the call ended.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let calls = &self.metrics.calls;
        calls.ended();
        // Some servers answer calls of names that they do not have.
        if self.outcome == Outcome::Ok
            && let Some(tool) = self.unknown_tool.take()
            && let Some(series) = calls.admit_tool(&self.scope, tool)
        {
            self.series = series;
        }
        self.series.count(self.outcome, self.started.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::scope::{MAX_NAME_LENGTH, MAX_TOOLS, METHODS, OTHER},
        *,
    };

    fn call(metrics: &Arc<Metrics>, method: &str, tool: &str, outcome: Outcome) {
        call_at(metrics, &Whose::Anybody, method, tool).end(outcome);
    }

    fn call_at(metrics: &Arc<Metrics>, whose: &Whose, method: &str, tool: &str) -> Call {
        Call::begin(metrics, whose, method, || Some(tool.to_owned()))
    }

    fn labels(metrics: &Metrics) -> Vec<(&'static str, String)> {
        let series = metrics.calls.read().into_iter();
        series.map(|one| (one.method, one.tool)).collect()
    }

    #[test]
    fn calls_say_whose_they_are_at_their_own_endpoint_and_at_the_merged_one() {
        let metrics = Arc::new(Metrics::default());
        let servers = |names: &[&str]| -> Vec<(String, String)> {
            names.iter().map(|name| ((*name).to_owned(), name.replace(' ', "_"))).collect()
        };
        metrics.merge(&servers(&["my files", "web"]));
        let named = metrics.of_server("my files");
        let list = call_at(&metrics, &Whose::Prefixed, "tools/list", "");
        list.learn(["my_files__read", "web__read"].map(str::to_owned).into_iter());
        drop(list);
        for (whose, method, tool) in [
            (&named, "tools/call", "read"),
            (&Whose::Prefixed, "tools/call", "my_files__read"),
            (&Whose::Prefixed, "tools/call", "web__read"),
            (&Whose::Prefixed, "tools/call", "web__unknown"),
            (&Whose::Prefixed, "tools/call", "nobody__read"),
            (&Whose::Prefixed, "prompts/get", "web__p"),
        ] {
            call_at(&metrics, whose, method, tool).end(Outcome::Ok);
        }
        let read = metrics.calls.read();
        let read: Vec<_> = read
            .iter()
            .map(|one| {
                let count: u64 = one.series.outcomes().map(|(_, count)| count).sum();
                (one.server.as_str(), one.method, one.tool.as_str(), count)
            })
            .collect();
        let expected = [
            ("", "tools/list", "", 1),
            ("", "tools/call", "other", 1),
            ("my files", "tools/call", "read", 2),
            ("web", "prompts/get", "", 1),
            ("web", "tools/call", "read", 1),
            ("web", "tools/call", "other", 1),
        ];
        assert_eq!(read, expected);
        // If there is only one, it has no prefix.
        metrics.merge(&servers(&["web"]));
        call_at(&metrics, &Whose::Prefixed, "ping", "").end(Outcome::Ok);
        call_at(&metrics, &Whose::Prefixed, "tools/call", "read").end(Outcome::Ok);
        let read = metrics.calls.read();
        assert!(read.iter().any(|one| one.server == "web" && one.method == "ping"));
        let calls = read.iter().find(|one| one.server == "web" && one.tool == "read");
        assert_eq!(calls.unwrap().series.outcomes().next(), Some(("ok", 2)));
    }

    #[test]
    fn servers_beyond_the_bound_share_their_series() {
        let metrics = Arc::new(Metrics::default());
        for number in 0..1_000 {
            let whose = metrics.of_server(&format!("server {number}"));
            call_at(&metrics, &whose, "ping", "").end(Outcome::Ok);
        }
        let read = metrics.calls.read();
        assert_eq!(read.len(), crate::metrics::whose::MAX_SERVERS + 1);
        let last = read.iter().find(|one| one.server == OTHER).unwrap();
        assert_eq!(last.series.outcomes().next(), Some(("ok", 1_000 - 200)));
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
        let list = Call::begin(&metrics, &Whose::Anybody, "tools/list", || None);
        assert!(list.lists_tools());
        list.learn((0..20_000).map(|number| format!("served {number}")));
        drop(list);
        for number in 0..10_000 {
            call(&metrics, "tools/call", &format!("served {number}"), Outcome::Ok);
        }
        call(&metrics, "tools/call", &"x".repeat(MAX_NAME_LENGTH + 1), Outcome::Ok);
        assert_eq!(labels(&metrics).len(), MAX_TOOLS + 2);
        let read = metrics.calls.read();
        let other = read.iter().find(|one| one.tool == OTHER).unwrap();
        let counts: Vec<_> = other.series.outcomes().map(|(_, count)| count).collect();
        assert_eq!(counts, [20_000 - MAX_TOOLS as u64 + 1, 10_000, 0, 0]);
    }

    #[test]
    fn a_call_is_in_flight_until_it_is_dropped() {
        let metrics = Arc::new(Metrics::default());
        let call = Call::begin(&metrics, &Whose::Anybody, "ping", || None);
        assert_eq!(metrics.calls.in_flight(), 1);
        drop(call);
        assert_eq!(metrics.calls.in_flight(), 0);
        let one = metrics.calls.read().remove(0);
        assert_eq!(one.series.outcomes().find(|(_, count)| *count > 0), Some(("failed", 1)));
    }
}
