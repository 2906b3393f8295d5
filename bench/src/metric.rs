//! The measured quantities, and the values of one measurement.

use std::collections::BTreeMap;

use serde::Serialize;

/// One measured quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Answered calls per second.
    CallsPerSecond,
    /// Latency that half of the calls stay below, in ms.
    P50,
    /// Latency that 99 of 100 calls stay below, in ms.
    P99,
    /// Delay that 99 of 100 timers of a Node program stay below, in ms.
    EventLoopDelay,
    /// CPU of the proxy per 1,000 calls, in ms.
    CpuPerThousand,
    /// CPU of the proxy's children per 1,000 calls, in ms.
    ChildCpuPerThousand,
    /// CPU of the load generator per 1,000 calls, in ms.
    LoadCpuPerThousand,
    /// Answers sent to sessions that they do not belong to, per call.
    Misdelivered,
    /// CPU that neither contestant nor load generator used, in percent of one core.
    ForeignCpu,
    /// The most memory that the proxy used, in MB.
    PeakRss,
    /// Result bytes per second, in MB.
    MegabytesPerSecond,
    /// Progress notifications per second.
    NotificationsPerSecond,
    /// CPU of the proxy per 1,000 delivered notifications, in ms.
    CpuPerThousandNotifications,
    /// Notifications of one call that never arrived.
    NotificationsLost,
    /// Memory gained while a reader does not read, in MB.
    GrowthRss,
    /// Time from start to the first answered `initialize`, in ms.
    ColdStart,
    /// The same, minus the server's own start, in ms.
    StartOverhead,
    /// CPU of the proxy until then, in ms.
    StartCpu,
    /// Memory after the first `initialize`, in MB.
    FreshRss,
    /// Memory after some calls, in MB.
    UsedRss,
    /// Sessions that were opened and held.
    SessionsHeld,
    /// Memory while they are held, in MB.
    HeldRss,
    /// Memory of the children while they are held, in MB.
    HeldChildMemory,
    /// Memory per held session, in KB.
    KilobytesPerSession,
    /// CPU of the proxy per 1,000 opened sessions, in ms.
    CpuPerThousandSessions,
    /// CPU of the proxy per call, as a multiple of the same contestant's with one server, measured in turns.
    CpuOverSingle,
    /// CPU of the proxy per list, in ms.
    CpuPerList,
    /// Servers that a contestant started.
    Children,
    /// From the signal to the first answer of the changed server, in ms.
    Reload,
}

/// The values of one measurement.
pub(crate) type Values = BTreeMap<Metric, f64>;
