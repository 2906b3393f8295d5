//! The plot: one panel per question, one bar per contestant, linear from zero, the value beside
//! its bar. It follows the reader's light or dark theme.

use std::fmt::Write;

use crate::{contestant::Contestant, machine::Machine};

use super::{
    rows::{PANELS, Row},
    summary::Summary,
    table::number,
};

const COLUMNS: usize = 2;
const PANEL_WIDTH: usize = 470;
const LABELS: usize = 160;
const BAR: usize = 14;
const BAR_STEP: usize = 22;
const TITLE: usize = 34;
const GAP: usize = 26;
const MARGIN: usize = 20;
const VALUES: usize = 70;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:13px}\
.small{font-size:11px;fill:#6e7781}.bar{fill:#afb8c1}.bare{fill:#57606a}.ours{fill:#cf5a24}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#8d96a0}.bar{fill:#484f58}\
.bare{fill:#8d96a0}.ours{fill:#f0883e}}";

pub(super) fn svg(summary: &Summary<'_>, machine: &Machine, contestants: &[Contestant]) -> String {
    let panel_height = TITLE + contestants.len() * BAR_STEP + GAP;
    let width = COLUMNS * PANEL_WIDTH + 2 * MARGIN;
    let height = PANELS.len().div_ceil(COLUMNS) * panel_height + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>MCP proxies side by side</title>\n\
         <style>{STYLE}</style>\n"
    );
    for (at, row) in PANELS.iter().enumerate() {
        let x = MARGIN + at % COLUMNS * PANEL_WIDTH;
        let y = MARGIN + at / COLUMNS * panel_height;
        panel(&mut svg, summary, row, contestants, (x, y));
    }
    let foot = format!("{} × {}, Linux {}", machine.cores, machine.cpu, machine.kernel);
    text(&mut svg, "small", (MARGIN, height - 8), &foot);
    svg.push_str("</svg>\n");
    svg
}

fn panel(
    svg: &mut String,
    summary: &Summary<'_>,
    row: &Row,
    contestants: &[Contestant],
    (x, y): (usize, usize),
) {
    let better = if row.metric.is_rate() { "more is better" } else { "less is better" };
    text(svg, "title", (x, y + 14), &format!("{} ({better})", row.title));
    let values: Vec<Option<f64>> = contestants
        .iter()
        .map(|contestant| summary.median(row.mode, *contestant, row.metric))
        .collect();
    let most = values.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
    for (at, (contestant, value)) in contestants.iter().zip(values).enumerate() {
        let top = y + TITLE + at * BAR_STEP;
        let baseline = top + BAR - 3;
        text(svg, "label", (x, baseline), contestant.label());
        let share = value.unwrap_or_default() / most;
        let length = bar_length(share);
        let class = match contestant {
            Contestant::Bare => "bare",
            Contestant::Ours => "ours",
            _ => "bar",
        };
        // Writing into a String cannot fail.
        let _written = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{}\" y=\"{top}\" width=\"{length}\" height=\"{BAR}\" rx=\"2\"/>",
            x + LABELS
        );
        let shown = value.map_or_else(|| "–".to_owned(), number);
        text(svg, "small", (x + LABELS + length + 6, baseline), &shown);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share between 0 and 1 of some hundred pixels"
)]
fn bar_length(share: f64) -> usize {
    let room = (PANEL_WIDTH - LABELS - VALUES) as f64;
    ((share * room) as usize).max(1)
}

fn text(svg: &mut String, class: &str, (x, y): (usize, usize), words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    // Writing into a String cannot fail.
    let _written = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>");
}
