//! The run: rounds over all modes, and in each mode one contestant after the other, so that
//! whatever else the machine does falls on all of them.

use std::{fmt::Write, time::Instant};

use serde::{Serialize, Serializer};

use crate::{
    args::Args,
    bench::Bench,
    contestant::Contestant,
    failure::Failure,
    metric::{Metric, Values},
    mode::Mode,
    notice::notice,
    stable::Stable,
};

/// One measurement of one contestant.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) round: usize,
    pub(crate) mode: &'static str,
    #[serde(serialize_with = "name")]
    pub(crate) contestant: Contestant,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// Its result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Values(Values),
    Failed(String),
}

/// Measures everything, until the time is up.
pub(crate) async fn run(
    args: &Args,
    bench: &Bench,
    modes: &[Mode],
    contestants: &[Contestant],
) -> Vec<Record> {
    let started = Instant::now();
    let mut records = Vec::new();
    for round in 0..args.rounds {
        let mut stable = Stable::default();
        for mode in modes {
            if started.elapsed() > args.limit {
                notice("the time is up: the rest is left out");
                return records;
            }
            // Nobody always goes first.
            let mut order = contestants.to_vec();
            order.rotate_left(round % contestants.len().max(1));
            for contestant in order {
                let outcome = outcome(mode.measure(bench, &mut stable, contestant).await);
                notice(&format!(
                    "[{}/{}] {:<12} {:<22} {}",
                    round + 1,
                    args.rounds,
                    mode.name,
                    contestant.label(),
                    describe(&outcome)
                ));
                records.push(Record { round, mode: mode.name, contestant, outcome });
            }
        }
        if let Err(failure) = stable.clear().await {
            notice(&format!("at the end of the round: {failure}"));
        }
    }
    records
}

fn outcome(measured: Result<Values, Failure>) -> Outcome {
    match measured {
        Ok(values) => Outcome::Values(values),
        Err(failure) => Outcome::Failed(failure.to_string()),
    }
}

fn describe(outcome: &Outcome) -> String {
    let values = match outcome {
        Outcome::Failed(reason) => return reason.clone(),
        Outcome::Values(values) => values,
    };
    let mut line = String::new();
    for (metric, unit) in [
        (Metric::CallsPerSecond, "calls/s"),
        (Metric::CpuPerThousand, "ms/1k"),
        (Metric::P99, "ms p99"),
        (Metric::MegabytesPerSecond, "MB/s"),
        (Metric::NotificationsPerSecond, "notifications/s"),
        (Metric::NotificationsLost, "lost"),
        (Metric::GrowthRss, "MB grown"),
        (Metric::KilobytesPerSession, "KB/session"),
        (Metric::ColdStart, "ms to start"),
        (Metric::UsedRss, "MB used"),
        (Metric::CpuOverSingle, "x CPU of one"),
        (Metric::CpuPerList, "ms/list"),
        (Metric::FreshRss, "MB fresh"),
        (Metric::Children, "children"),
        (Metric::Reload, "ms to reload"),
    ] {
        if let Some(value) = values.get(&metric) {
            // Writing into a String cannot fail.
            let _written = write!(line, "{value:.2} {unit}  ");
        }
    }
    line
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn name<S: Serializer>(contestant: &Contestant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(contestant.name())
}
