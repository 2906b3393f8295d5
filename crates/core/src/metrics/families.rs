//! All metrics as values: families of series, independent of the output format.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use super::{Histogram, Metrics, Usage, scope::Labelled, whose::MAX_SERVERS};

/// Values that are read when the metrics are requested.
#[derive(Clone, Debug, Default)]
pub(crate) struct Levels {
    pub(crate) sessions: u64,
    pub(crate) sse_sessions: u64,
    pub(crate) connections: u64,
    pub(crate) queued_for_clients: u64,
    pub(crate) queued_for_servers: u64,
    pub(crate) stored_events: u64,
    pub(crate) stored_bytes: u64,
    pub(crate) ready: bool,
    /// Whether the current configuration differs from the running one; `None` if there is only one.
    pub(crate) config_outdated: Option<bool>,
    /// Each of several servers that have names.
    pub(crate) named: Vec<ServerLevel>,
    pub(crate) servers: u64,
    pub(crate) restarts: u64,
    pub(crate) written_to_servers: u64,
    pub(crate) read_from_servers: u64,
    /// `None` if the system does not report it.
    pub(crate) server_usage: Option<Usage>,
    pub(crate) own_usage: Option<Usage>,
    /// `None` without other replicas.
    pub(crate) replicas: Option<Replicas>,
}

/// The other replicas, and the requests exchanged with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replicas {
    /// Replicas that are connected.
    pub(crate) connected: u64,
    /// Replicas that should be connected and are not.
    pub(crate) missing: u64,
    /// Requests that were forwarded to them.
    pub(crate) forwarded: u64,
    /// Requests that they have forwarded.
    pub(crate) received: u64,
    /// Requests whose replica could not be reached.
    pub(crate) unreached: u64,
    /// `None` without a store.
    pub(crate) store: Option<StoreLevels>,
}

/// The store of the replicas.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreLevels {
    /// Whether it answers.
    pub(crate) up: bool,
    /// Sessions of this replica that others could continue.
    pub(crate) held: u64,
    /// Sessions that were taken over from others.
    pub(crate) taken: u64,
    /// Sessions that others have taken over from this one.
    pub(crate) lost: u64,
    pub(crate) errors: u64,
    /// Writes that did not fit into the queue.
    pub(crate) dropped: u64,
    /// Bytes that wait to be written.
    pub(crate) waiting: u64,
    /// Bytes that were written.
    pub(crate) logged_bytes: u64,
    /// How long the oldest write has been waiting.
    pub(crate) lag: Duration,
    /// Time that its answers took.
    pub(crate) latency: Arc<Histogram>,
}

/// One of several servers.
#[derive(Clone, Debug)]
pub(crate) struct ServerLevel {
    pub(crate) name: String,
    pub(crate) up: bool,
    pub(crate) restarts: u64,
    pub(crate) processes: u64,
    pub(crate) written_bytes: u64,
    pub(crate) read_bytes: u64,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A number that only grows.
    Counter,
    /// A distribution of durations.
    Histogram,
}

/// The value of one series.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(u64),
    /// Seconds, with fractions.
    Seconds(f64),
    /// A histogram: the sum, the count, and each bucket's upper bound and own count; the last
    /// bound is infinite.
    Histogram(f64, u64, Vec<(f64, u64)>),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Value {
    fn from(seconds: f64) -> Self {
        Self::Seconds(seconds)
    }
}

/// Series with one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name; `/metrics` adds `_total` to that of a counter.
    pub name: &'static str,
    /// A short description.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Labels and value of each series.
    pub series: Vec<(Labels, Value)>,
}

/// All metrics, as they are now.
pub(crate) fn families(metrics: &Metrics, levels: &Levels) -> Vec<Family> {
    let reading = Reading { metrics, levels };
    let mut page = Page::default();
    reading.clients(&mut page);
    reading.calls(&mut page);
    reading.http(&mut page);
    reading.servers(&mut page);
    reading.replicas(&mut page);
    reading.named(&mut page);
    reading.process(&mut page);
    page.families
}

struct Reading<'a> {
    metrics: &'a Metrics,
    levels: &'a Levels,
}

impl Reading<'_> {
    fn clients(&self, page: &mut Page) {
        let levels = &self.levels;
        let transports = [("streamable_http", levels.sessions), ("sse", levels.sse_sessions)];
        page.gauges("mcp_proxy_sessions", "Open sessions", "transport", &transports);
        page.gauge("mcp_proxy_connections", "Open HTTP connections", levels.connections);
        let streams = self.metrics.streams.load(Ordering::Relaxed);
        page.gauge("mcp_proxy_streams", "Event streams being sent", streams);
        let queues =
            [("clients", levels.queued_for_clients), ("servers", levels.queued_for_servers)];
        page.gauges("mcp_proxy_queued_bytes", "Bytes waiting to be sent", "to", &queues);
        let (events, bytes) = (levels.stored_events, levels.stored_bytes);
        page.gauge("mcp_proxy_event_store_events", "Events kept for Last-Event-ID", events);
        page.gauge("mcp_proxy_event_store_bytes", "Bytes kept for Last-Event-ID", bytes);
        let slow = self.metrics.slow_readers.load(Ordering::Relaxed);
        page.counter("mcp_proxy_slow_readers_cut", "Streams cut off for slow reading", slow);
    }

    fn calls(&self, page: &mut Page) {
        let calls = &self.metrics.calls;
        let in_flight = calls.in_flight();
        page.gauge("mcp_proxy_calls_in_flight", "Calls without an answer yet", in_flight);
        let all = calls.read();
        let mut counts = Vec::new();
        let mut latencies = Vec::new();
        for Labelled { server, method, tool, series } in &all {
            let labels = labels_of([("server", server), ("method", method), ("tool", tool)]);
            for (outcome, count) in series.outcomes().filter(|(_, count)| *count > 0) {
                let mut labels = labels.clone();
                labels.push(("outcome", outcome.to_owned()));
                counts.push((labels, count));
            }
            latencies.push((labels, series.latency().read()));
        }
        page.counters("mcp_proxy_calls", "Calls that have ended", counts);
        page.histograms("mcp_proxy_call_duration_seconds", "Time until a call ended", latencies);
    }

    fn http(&self, page: &mut Page) {
        let metrics = &self.metrics;
        let statuses = (100_u16..).zip(&metrics.statuses);
        let statuses: Vec<_> = statuses
            .map(|(status, count)| (status, count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .map(|(status, count)| (vec![("status", status.to_string())], count))
            .collect();
        page.counters("mcp_proxy_http_responses", "HTTP responses begun", statuses);
        let rejections = metrics.rejections.lock().unwrap_or_else(PoisonError::into_inner);
        let rejections: Vec<_> = rejections
            .iter()
            .map(|(reason, count)| (vec![("reason", (*reason).to_owned())], *count))
            .collect();
        page.counters("mcp_proxy_rejected_requests", "Refused requests", rejections);
        let (received, sent) = (&metrics.received, &metrics.sent);
        let received = received.load(Ordering::Relaxed);
        page.counter("mcp_proxy_received_bytes", "Bytes received from clients", received);
        let sent = sent.load(Ordering::Relaxed);
        page.counter("mcp_proxy_sent_bytes", "Bytes sent to clients", sent);
    }

    fn servers(&self, page: &mut Page) {
        let levels = &self.levels;
        page.gauge("mcp_proxy_ready", "Whether a server can take calls", u64::from(levels.ready));
        page.gauge("mcp_proxy_servers", "Running servers", levels.servers);
        page.counter("mcp_proxy_server_restarts", "Restarts of servers", levels.restarts);
        let (written, read) = (levels.written_to_servers, levels.read_from_servers);
        page.counter("mcp_proxy_server_written_bytes", "Bytes written to servers", written);
        page.counter("mcp_proxy_server_read_bytes", "Bytes read from servers", read);
        let Some(usage) = levels.server_usage else { return };
        page.gauge(
            "mcp_proxy_server_processes",
            "Processes of the servers, with what they started",
            usage.processes,
        );
        page.gauge(
            "mcp_proxy_server_resident_memory_bytes",
            "Resident memory of the servers",
            usage.resident_bytes,
        );
        page.gauge(
            "mcp_proxy_server_cpu_seconds",
            "CPU time of the running servers",
            usage.cpu_seconds,
        );
        page.gauge(
            "mcp_proxy_server_open_fds",
            "Open file descriptors of the servers",
            usage.open_fds,
        );
    }

    fn replicas(&self, page: &mut Page) {
        let Some(replicas) = &self.levels.replicas else { return };
        let states = [("connected", replicas.connected), ("missing", replicas.missing)];
        page.gauges("mcp_proxy_replicas", "Other replicas", "state", &states);
        let forwarded = [("out", replicas.forwarded), ("in", replicas.received)]
            .map(|(direction, count)| (vec![("direction", direction.to_owned())], count));
        page.counters("mcp_proxy_forwarded", "Requests forwarded to another replica", forwarded);
        page.counter(
            "mcp_proxy_replica_unreached",
            "Requests whose replica could not be reached",
            replicas.unreached,
        );
        if let Some(store) = &replicas.store {
            store_levels(store, page);
        }
    }

    /// The servers of a fleet, by their names.
    fn named(&self, page: &mut Page) {
        if let Some(outdated) = self.levels.config_outdated {
            let help = "Whether the current configuration could not be used";
            page.gauge("mcp_proxy_config_failed", help, u64::from(outdated));
        }
        if self.levels.named.is_empty() {
            return;
        }
        let by = |value: fn(&ServerLevel) -> u64| by_name(&self.levels.named, value);
        let up = by(|server| u64::from(server.up));
        page.gauges_of("mcp_proxy_named_server_up", "Whether a server can take calls", up);
        let processes = by(|server| server.processes);
        page.gauges_of("mcp_proxy_named_server_processes", "Started processes", processes);
        let restarts = by(|server| server.restarts);
        page.counters("mcp_proxy_named_server_restarts", "Restarts of a server", restarts);
        let (written, read) = (by(|server| server.written_bytes), by(|server| server.read_bytes));
        page.counters("mcp_proxy_named_server_written_bytes", "Bytes written to a server", written);
        page.counters("mcp_proxy_named_server_read_bytes", "Bytes read from a server", read);
    }

    fn process(&self, page: &mut Page) {
        let version = [(vec![("version", crate::VERSION.to_owned())], 1)];
        page.gauges_of("mcp_proxy_build_info", "The version that runs", version);
        let Some(usage) = self.levels.own_usage else { return };
        page.gauge(
            "process_resident_memory_bytes",
            "Resident memory of the proxy",
            usage.resident_bytes,
        );
        page.counter("process_cpu_seconds", "CPU time of the proxy", usage.cpu_seconds);
        page.gauge("process_open_fds", "Open file descriptors of the proxy", usage.open_fds);
    }
}

/// Names of a series' labels, and their values.
pub type Labels = Vec<(&'static str, String)>;

/// Sum, count and buckets of a histogram.
type Latencies = (f64, u64, Vec<(f64, u64)>);

/// A value for each server, by its name; servers beyond the limit are added up.
fn by_name(servers: &[ServerLevel], value: fn(&ServerLevel) -> u64) -> Vec<(Labels, u64)> {
    let (own, others) = servers.split_at(servers.len().min(MAX_SERVERS));
    let label = |name: &str| vec![("server", name.to_owned())];
    let own = own.iter().map(|server| (label(&server.name), value(server)));
    let sum = others.iter().map(value).sum();
    let others = (!others.is_empty()).then(|| (label("other"), sum));
    own.chain(others).collect()
}

/// The metrics of the replicas' store.
fn store_levels(store: &StoreLevels, page: &mut Page) {
    page.gauge("mcp_proxy_store_up", "Whether the store answers", u64::from(store.up));
    page.gauge("mcp_proxy_store_sessions", "Sessions kept in the store", store.held);
    let moved = [("taken", store.taken), ("lost", store.lost)]
        .map(|(direction, count)| (vec![("direction", direction.to_owned())], count));
    page.counters("mcp_proxy_takeovers", "Sessions that have changed replica", moved);
    page.counter("mcp_proxy_store_errors", "Failed requests to the store", store.errors);
    page.counter("mcp_proxy_store_dropped", "Writes that were dropped", store.dropped);
    page.gauge("mcp_proxy_store_waiting", "Bytes that wait for the store", store.waiting);
    page.counter("mcp_proxy_store_written_bytes", "Bytes written", store.logged_bytes);
    let lag = store.lag.as_secs_f64();
    page.gauge("mcp_proxy_store_lag_seconds", "Age of the oldest waiting write", lag);
    let latency = vec![(Labels::new(), store.latency.read())];
    page.histograms("mcp_proxy_store_duration_seconds", "Time until the store answers", latency);
}

/// Only `tools/call` has a tool, and a single server needs no name.
fn labels_of(labels: [(&'static str, &str); 3]) -> Labels {
    let said = labels.into_iter().filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| (name, value.to_owned())).collect()
}

/// The families so far.
#[derive(Default)]
struct Page {
    families: Vec<Family>,
}

impl Page {
    fn gauge(&mut self, name: &'static str, help: &'static str, value: impl Into<Value>) {
        self.push(name, help, Kind::Gauge, vec![(Labels::new(), value.into())]);
    }

    fn gauges(
        &mut self,
        name: &'static str,
        help: &'static str,
        label: &'static str,
        values: &[(&str, u64)],
    ) {
        let series = values.iter().map(|(text, value)| {
            let labels = vec![(label, (*text).to_owned())];
            (labels, Value::Whole(*value))
        });
        self.push(name, help, Kind::Gauge, series.collect());
    }

    fn gauges_of(
        &mut self,
        name: &'static str,
        help: &'static str,
        values: impl IntoIterator<Item = (Labels, u64)>,
    ) {
        self.push(name, help, Kind::Gauge, whole(values));
    }

    fn counter(&mut self, name: &'static str, help: &'static str, value: impl Into<Value>) {
        self.push(name, help, Kind::Counter, vec![(Labels::new(), value.into())]);
    }

    fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        values: impl IntoIterator<Item = (Labels, u64)>,
    ) {
        self.push(name, help, Kind::Counter, whole(values));
    }

    fn histograms(
        &mut self,
        name: &'static str,
        help: &'static str,
        values: Vec<(Labels, Latencies)>,
    ) {
        let series = values
            .into_iter()
            .map(|(labels, (sum, count, buckets))| (labels, Value::Histogram(sum, count, buckets)));
        self.push(name, help, Kind::Histogram, series.collect());
    }

    fn push(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        series: Vec<(Labels, Value)>,
    ) {
        self.families.push(Family { name, help, kind, series });
    }
}

fn whole(values: impl IntoIterator<Item = (Labels, u64)>) -> Vec<(Labels, Value)> {
    values.into_iter().map(|(labels, value)| (labels, Value::Whole(value))).collect()
}
