//! The Markdown tables: medians, and in parentheses the ratio to the bare relay.

use std::{borrow::Cow, fmt::Write};

use crate::{args::Args, contestant::Contestant, machine::Machine, metric::Metric};

use super::{
    rows::{Row, SECTIONS, Section},
    summary::Summary,
};

pub(super) fn markdown(
    summary: &Summary<'_>,
    args: &Args,
    machine: &Machine,
    contestants: &[Contestant],
) -> String {
    let mut text = heading(summary.rounds(), args, machine);
    for section in SECTIONS {
        text.push_str(&table(summary, section, contestants));
    }
    let failures = failures(summary, contestants);
    if !failures.is_empty() {
        line(&mut text, "Without a number:\n");
        for failure in failures {
            line(&mut text, &failure);
        }
    }
    text
}

/// One section, with the contestants that have values in it.
fn table(summary: &Summary<'_>, section: &Section, contestants: &[Contestant]) -> String {
    let took_part = |contestant: &&Contestant| {
        section.rows.iter().any(|row| {
            !matches!(cell(summary, row, **contestant), Cow::Borrowed(EMPTY | NOT_SERVED))
        })
    };
    let contestants: Vec<&Contestant> = contestants.iter().filter(took_part).collect();
    let mut text = String::new();
    if contestants.is_empty() {
        return text;
    }
    let labels: Vec<&str> = contestants.iter().map(|contestant| contestant.label()).collect();
    line(&mut text, &format!("| {} | {} |", section.title, labels.join(" | ")));
    line(&mut text, &format!("|---|{}", "---:|".repeat(contestants.len())));
    for row in section.rows {
        let cells: Vec<Cow<'static, str>> =
            contestants.iter().map(|contestant| cell(summary, row, **contestant)).collect();
        if cells.iter().any(|cell| cell != EMPTY) {
            line(&mut text, &format!("| {} | {} |", row.title, cells.join(" | ")));
        }
    }
    text.push('\n');
    text
}

const EMPTY: &str = "";
const NOT_SERVED: &str = "not served";
const REASON_SHOWN: usize = 100;

fn heading(rounds: usize, args: &Args, machine: &Machine) -> String {
    let Machine { cpu, cores, memory_gib, kernel, load, node, python, rustc } = machine;
    format!(
        "Medians over {rounds} interleaved rounds, {} ms per measurement; in parentheses the median of the \
         same-round ratios to the bare relay. Contestants run with their defaults; every answer was checked for its id and text.\n\n\
         Machine: {cores} × {cpu}, {memory_gib} GiB, Linux {kernel}, load {} before and {} after; \
         {rustc}, Node {node}, {python}.\n\n",
        args.effort.span.as_millis(),
        load[0],
        load[1],
    )
}

fn cell(summary: &Summary<'_>, row: &Row, contestant: Contestant) -> Cow<'static, str> {
    let Some(value) = summary.median(row.mode, contestant, row.metric) else {
        return Cow::Borrowed(match summary.failure(row.mode, contestant) {
            Some(NOT_SERVED) => NOT_SERVED,
            Some("stalled") => "stalled",
            Some(_) => "fails",
            None => EMPTY,
        });
    };
    let shown = number(value);
    if contestant == Contestant::Bare || !compared(row.metric) {
        return shown.into();
    }
    match summary.ratio(row.mode, contestant, row.metric) {
        Some(ratio) => format!("{shown} ({}×)", number(ratio)).into(),
        None => shown.into(),
    }
}

/// Whether a ratio to the bare relay makes sense.
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

/// Three significant figures, with separators between thousands.
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
    let rows = SECTIONS.iter().flat_map(|section| section.rows);
    let mut modes: Vec<&'static str> = rows.map(|row| row.mode).collect();
    modes.sort_unstable();
    modes.dedup();
    let mut lines = Vec::new();
    for mode in modes {
        for contestant in contestants {
            let failure = summary.failure(mode, *contestant);
            if let Some(reason) = failure.filter(|reason| *reason != NOT_SERVED) {
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
