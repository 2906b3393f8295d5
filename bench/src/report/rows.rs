//! The rows of the tables and of the plot: a number of a mode, and its label.

use crate::metric::Metric::{
    self, CallsPerSecond, ChildCpuPerThousand, Children, ColdStart, CpuOverSingle, CpuPerList,
    CpuPerThousand, CpuPerThousandNotifications, CpuPerThousandSessions, EventLoopDelay,
    ForeignCpu, FreshRss, GrowthRss, HeldChildMemory, HeldRss, KilobytesPerSession,
    LoadCpuPerThousand, MegabytesPerSecond, Misdelivered, NotificationsLost,
    NotificationsPerSecond, P50, P99, PeakRss, Reload, SessionsHeld, StartCpu, StartOverhead,
    UsedRss,
};

/// A number to show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) mode: &'static str,
    pub(super) metric: Metric,
}

/// A row of the plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plotted {
    pub(super) title: &'static str,
    pub(super) mode: &'static str,
    /// CPU.
    pub(super) cost: Metric,
    /// Throughput.
    pub(super) rate: Metric,
}

/// A separate table, with its contestants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) rows: &'static [Row],
}

const fn row(title: &'static str, mode: &'static str, metric: Metric) -> Row {
    Row { title, mode, metric }
}

/// The tables, top to bottom.
pub(super) const SECTIONS: &[Section] = &[
    Section { title: "A stdio server over HTTP", rows: SERVED },
    Section { title: "A remote server over stdio", rows: REMOTE },
    Section { title: "Several stdio servers on one port", rows: FLEET },
    Section {
        title: "A server in JavaScript, and a stdio server, from a Node program",
        rows: NODE,
    },
];

const SERVED: &[Row] = &[
    row("calls/s, 32 connections over 8 sessions", "c32", CallsPerSecond),
    row("… 1 connection", "c1", CallsPerSecond),
    row("… stateless, 32 connections", "stateless", CallsPerSecond),
    row("… 2026-07-28, 32 connections", "modern", CallsPerSecond),
    row("… HTTP+SSE, 32 connections", "sse", CallsPerSecond),
    row("proxy CPU, ms per 1,000 calls, 32 connections", "c32", CpuPerThousand),
    row("… 1 connection, everything on one CPU", "c1-pin", CpuPerThousand),
    row("… 4 KiB of text", "c32-4k", CpuPerThousand),
    row("… 64 KiB of text, 8 connections", "c8-64k", CpuPerThousand),
    row("… stateless", "stateless", CpuPerThousand),
    row("… its children, stateless", "stateless", ChildCpuPerThousand),
    row("… 2026-07-28", "modern", CpuPerThousand),
    row("… HTTP+SSE", "sse", CpuPerThousand),
    row("… HTTP+SSE, others' answers received, per call", "sse", Misdelivered),
    row("… while the sessions below are held, 8 connections", "sessions", CpuPerThousand),
    row("p50 ms, 1 connection, one CPU", "c1-pin", P50),
    row("p99 ms, 1 connection, one CPU", "c1-pin", P99),
    row("p50 ms, 32 connections", "c32", P50),
    row("p99 ms, 32 connections", "c32", P99),
    row("1 MiB results, MB/s, 4 connections", "blob-1m", MegabytesPerSecond),
    row("… proxy CPU, ms per 1,000", "blob-1m", CpuPerThousand),
    row("progress notifications/s, 20,000 in one call", "progress", NotificationsPerSecond),
    row("… proxy CPU, ms per 1,000", "progress", CpuPerThousandNotifications),
    row("… lost of 20,000", "progress", NotificationsLost),
    row("a reader that does not read: memory grown, MB", "slow-reader", GrowthRss),
    row("… p99 ms of the others", "slow-reader", P99),
    row("spawn to first answered initialize, ms", "start", ColdStart),
    row("… over the server's own start, ms", "start", StartOverhead),
    row("… proxy CPU, ms", "start", StartCpu),
    row("RSS idle, MB", "start", FreshRss),
    row("RSS after 2,000 calls, MB", "start", UsedRss),
    row("peak RSS, 32 connections, MB", "c32", PeakRss),
    row("peak RSS, 64 KiB calls, MB", "c8-64k", PeakRss),
    row("sessions held", "sessions", SessionsHeld),
    row("… RSS, MB", "sessions", HeldRss),
    row("… memory of its children, MB", "sessions", HeldChildMemory),
    row("… KB per session", "sessions", KilobytesPerSession),
    row("… proxy CPU, ms per 1,000 opened", "sessions", CpuPerThousandSessions),
    row("foreign CPU meanwhile, % of a core, 32 connections", "c32", ForeignCpu),
    row("load generator CPU, ms per 1,000 calls, 32 connections", "c32", LoadCpuPerThousand),
];

const REMOTE: &[Row] = &[
    row("calls/s, 32 under way", "remote-c32", CallsPerSecond),
    row("… one after the other", "remote-c1", CallsPerSecond),
    row("proxy CPU, ms per 1,000 calls, 32 under way", "remote-c32", CpuPerThousand),
    row("… one after the other", "remote-c1", CpuPerThousand),
    row("p99 ms, 32 under way", "remote-c32", P99),
];

const FLEET: &[Row] = &[
    row(
        "CPU for a call, against one server alone: one of 10, under its name",
        "fleet-named",
        CpuOverSingle,
    ),
    row("… all 10 merged", "fleet-merged", CpuOverSingle),
    row("calls/s, one of 10 under its name, 32 connections", "fleet-named", CallsPerSecond),
    row("… all 10 merged", "fleet-merged", CallsPerSecond),
    row("CPU of a merged tools/list, 10 servers with 100 tools each, ms", "fleet-list", CpuPerList),
    row("50 servers that nobody needs: RSS, MB", "fleet-lazy", FreshRss),
    row("… servers started", "fleet-lazy", Children),
    row("one of 50 servers changes, under load: ms to its first answer", "fleet-reload", Reload),
    row("sessions held, 10 servers merged", "fleet-sessions", SessionsHeld),
    row("… KB per session", "fleet-sessions", KilobytesPerSession),
];

const NODE: &[Row] = &[
    row("calls/s, createServer with SDK v1, 32 connections", "node-v1", CallsPerSecond),
    row("… SDK v2", "node-v2", CallsPerSecond),
    row("… SDK v1, clients of 2026-07-28", "node-v1-modern", CallsPerSecond),
    row("… upstream: a stdio server", "node-upstream", CallsPerSecond),
    row("CPU of the process, ms per 1,000 calls, SDK v1", "node-v1", CpuPerThousand),
    row("… SDK v2", "node-v2", CpuPerThousand),
    row("… upstream", "node-upstream", CpuPerThousand),
    row("p99 ms, SDK v2", "node-v2", P99),
    row("… beside calls of 1 MiB", "node-large", P99),
    row("event-loop delay ms beside calls of 1 MiB, p99", "node-large", EventLoopDelay),
    row("sessions held, SDK v2", "node-sessions", SessionsHeld),
    row("… RSS, MB", "node-sessions", HeldRss),
    row("… KB per session", "node-sessions", KilobytesPerSession),
];

const fn plotted(title: &'static str, mode: &'static str, cost: Metric, rate: Metric) -> Plotted {
    Plotted { title, mode, cost, rate }
}

/// The plot, top to bottom.
pub(super) const PLOTTED: &[Plotted] = &[
    plotted("32 connections", "c32", CpuPerThousand, CallsPerSecond),
    plotted("one connection", "c1-pin", CpuPerThousand, CallsPerSecond),
    plotted("64 KiB of text", "c8-64k", CpuPerThousand, CallsPerSecond),
    plotted("stateless", "stateless", CpuPerThousand, CallsPerSecond),
    plotted("2026-07-28", "modern", CpuPerThousand, CallsPerSecond),
    plotted("HTTP+SSE", "sse", CpuPerThousand, CallsPerSecond),
    plotted("results of 1 MiB", "blob-1m", CpuPerThousand, MegabytesPerSecond),
    plotted("notifications", "progress", CpuPerThousandNotifications, NotificationsPerSecond),
    plotted("stdio to a remote", "remote-c32", CpuPerThousand, CallsPerSecond),
    plotted("Node, stdio server", "node-upstream", CpuPerThousand, CallsPerSecond),
    plotted("Node, SDK v2 server", "node-v2", CpuPerThousand, CallsPerSecond),
];
