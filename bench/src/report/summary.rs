//! Medians over rounds, and medians of same-round ratios to the bare relay.

use std::collections::BTreeMap;

use crate::{
    contestant::Contestant,
    metric::{Metric, Values},
    run::{Outcome, Record},
};

type Cell = (&'static str, Contestant);

/// The records, by mode and contestant.
#[derive(Debug, Default)]
pub(crate) struct Summary<'a> {
    values: BTreeMap<Cell, BTreeMap<usize, &'a Values>>,
    failures: BTreeMap<Cell, &'a str>,
    rounds: usize,
}

impl<'a> Summary<'a> {
    pub(crate) fn new(records: &'a [Record]) -> Self {
        let mut summary = Self::default();
        for record in records {
            summary.rounds = summary.rounds.max(record.round + 1);
            let cell = (record.mode, record.contestant);
            match &record.outcome {
                Outcome::Values(values) => {
                    summary.values.entry(cell).or_default().insert(record.round, values);
                }
                Outcome::Failed(reason) => {
                    summary.failures.insert(cell, reason);
                }
            }
        }
        summary
    }

    /// Rounds that were begun.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds
    }

    pub(crate) fn median(
        &self,
        mode: &'static str,
        contestant: Contestant,
        metric: Metric,
    ) -> Option<f64> {
        let rounds = self.values.get(&(mode, contestant))?;
        median(rounds.values().filter_map(|values| values.get(&metric).copied()).collect())
    }

    /// The ratio to the bare relay's value in the same round.
    pub(crate) fn ratio(
        &self,
        mode: &'static str,
        contestant: Contestant,
        metric: Metric,
    ) -> Option<f64> {
        let bare = self.values.get(&(mode, Contestant::Bare))?;
        let rounds = self.values.get(&(mode, contestant))?;
        let ratios = rounds.iter().filter_map(|(round, values)| {
            let yardstick = *bare.get(round)?.get(&metric)?;
            (yardstick > 0.0).then_some(values.get(&metric)? / yardstick)
        });
        median(ratios.collect())
    }

    /// Why there is no value, or why rounds are missing in it.
    pub(crate) fn failure(&self, mode: &'static str, contestant: Contestant) -> Option<&'a str> {
        self.failures.get(&(mode, contestant)).copied()
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(values[middle - 1], upper)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_rounds() {
        let record = |round, contestant, value| Record {
            round,
            mode: "c1",
            contestant,
            outcome: Outcome::Values(Values::from([(Metric::CpuPerThousand, value)])),
        };
        let records = [
            record(0, Contestant::Bare, 10.0),
            record(0, Contestant::Ours, 15.0),
            record(1, Contestant::Bare, 20.0),
            record(1, Contestant::Ours, 32.0),
        ];
        let summary = Summary::new(&records);
        assert_eq!(summary.median("c1", Contestant::Ours, Metric::CpuPerThousand), Some(23.5));
        assert_eq!(summary.ratio("c1", Contestant::Ours, Metric::CpuPerThousand), Some(1.55));
        assert_eq!(summary.ratio("c32", Contestant::Ours, Metric::CpuPerThousand), None);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
