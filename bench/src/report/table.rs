//! The Markdown table: medians, and in parentheses how many times the bare relay's.

use std::fmt::Write;

use crate::{args::Args, contestant::Contestant, machine::Machine, metric::Metric};

use super::{
    rows::{Row, TABLE},
    summary::Summary,
};

pub(super) fn markdown(
    summary: &Summary<'_>,
    args: &Args,
    machine: &Machine,
    contestants: &[Contestant],
) -> String {
    let mut text = heading(summary.rounds(), args, machine);
    let labels: Vec<&str> = contestants.iter().map(|contestant| contestant.label()).collect();
    line(&mut text, &format!("| | {} |", labels.join(" | ")));
    line(&mut text, &format!("|---|{}", "---:|".repeat(contestants.len())));
    for row in TABLE {
        let cells: Vec<String> =
            contestants.iter().map(|contestant| cell(summary, row, *contestant)).collect();
        if cells.iter().any(|cell| cell != EMPTY) {
            line(&mut text, &format!("| {} | {} |", row.title, cells.join(" | ")));
        }
    }
    let failures = failures(summary, contestants);
    if !failures.is_empty() {
        line(&mut text, "\nWithout a number:\n");
        for failure in failures {
            line(&mut text, &failure);
        }
    }
    text
}

const EMPTY: &str = "";
const REASON_SHOWN: usize = 100;

fn heading(rounds: usize, args: &Args, machine: &Machine) -> String {
    let Machine { cpu, cores, memory_gib, kernel, load, node, python, rustc } = machine;
    format!(
        "Medians over {rounds} interleaved rounds, {} ms per measurement; in parentheses the median of the \
         same-round ratios to the bare relay. Contestants run with their defaults in front of one \
         stdio server; every answer was checked for its id and text.\n\n\
         Machine: {cores} × {cpu}, {memory_gib} GiB, Linux {kernel}, load {} before and {} after; \
         {rustc}, Node {node}, {python}.\n\n",
        args.effort.span.as_millis(),
        load[0],
        load[1],
    )
}

fn cell(summary: &Summary<'_>, row: &Row, contestant: Contestant) -> String {
    let Some(value) = summary.median(row.mode, contestant, row.metric) else {
        return match summary.failure(row.mode, contestant) {
            Some(reason @ ("not served" | "stalled")) => reason.to_owned(),
            Some(_) => "fails".to_owned(),
            None => EMPTY.to_owned(),
        };
    };
    let shown = number(value);
    if contestant == Contestant::Bare || !compared(row.metric) {
        return shown;
    }
    match summary.ratio(row.mode, contestant, row.metric) {
        Some(ratio) => format!("{shown} ({}×)", number(ratio)),
        None => shown,
    }
}

/// Whether a ratio to the bare relay says anything.
fn compared(metric: Metric) -> bool {
    !matches!(
        metric,
        Metric::ForeignCpu
            | Metric::LoadCpuPerThousand
            | Metric::ChildCpuPerThousand
            | Metric::Misdelivered
            | Metric::NotificationsLost
            | Metric::GrowthRss
            | Metric::StartOverhead
            | Metric::SessionsHeld
            | Metric::HeldChildMemory
            | Metric::KilobytesPerSession
    )
}

/// Three significant figures, thousands apart.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        return thousands(value);
    }
    let decimals = match size {
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 0.095 || size == 0.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn failures(summary: &Summary<'_>, contestants: &[Contestant]) -> Vec<String> {
    let mut modes: Vec<&'static str> = TABLE.iter().map(|row| row.mode).collect();
    modes.sort_unstable();
    modes.dedup();
    let mut lines = Vec::new();
    for mode in modes {
        for contestant in contestants {
            if let Some(reason) = summary.failure(mode, *contestant) {
                let shown: String = reason.chars().take(REASON_SHOWN).collect();
                lines.push(format!("- `{mode}`, {}: {shown}", contestant.label()));
            }
        }
    }
    lines
}

fn line(text: &mut String, line: &str) {
    // Writing into a String cannot fail.
    let _written = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_what_is_significant() {
        for (value, shown) in [
            (1_234_567.0, "1,234,567"),
            (45_123.4, "45,123"),
            (489.2, "489"),
            (12.75, "12.8"),
            (3.5, "3.5"),
            (4.0, "4"),
            (0.04, "0.04"),
            (0.0123, "0.012"),
            (0.0, "0"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(number(value), shown);
        }
    }
}
