//! The plot for the README: the cost of a call and the number of calls per second, both relative to
//! the bare relay, on logarithmic scales. A row is a load, a mark is a contestant.

mod canvas;
mod scale;

use crate::{contestant::Contestant, machine::Machine};

use self::{canvas::Canvas, scale::Scale};
use super::{
    rows::{PLOTTED, Plotted},
    summary::Summary,
    table::number,
};

const WIDTH: f64 = 720.0;
/// Where labels end and scales begin.
const LEFT: f64 = 178.0;
const RIGHT: f64 = 650.0;
const TITLE: f64 = 30.0;
const ROW: f64 = 22.0;
const AXIS: f64 = 34.0;
const FOOT: f64 = 16.0;

/// One half of the plot: a ratio for every load.
struct Panel {
    title: &'static str,
    ratio: fn(&Summary<'_>, &Plotted, Contestant) -> Option<f64>,
}

const PANELS: [Panel; 2] = [
    Panel {
        title: "CPU, times the bare relay’s: less is better",
        ratio: |summary, row, contestant| summary.ratio(row.mode, contestant, row.cost),
    },
    Panel {
        title: "Throughput, as a share of the bare relay’s: more is better",
        ratio: |summary, row, contestant| summary.ratio(row.mode, contestant, row.rate),
    },
];

/// The part of a run that is shown.
struct View<'a> {
    summary: &'a Summary<'a>,
    rows: Vec<&'static Plotted>,
    contestants: Vec<Contestant>,
}

pub(super) fn svg(summary: &Summary<'_>, machine: &Machine, contestants: &[Contestant]) -> String {
    let view = View::new(summary, contestants);
    let mut canvas = Canvas::new(WIDTH);
    let mut top = view.legend(&mut canvas);
    for panel in &PANELS {
        top = view.draw(&mut canvas, panel, top);
    }
    let foot = format!(
        "{} × {}, Linux {}; medians of {} rounds",
        machine.cores,
        machine.cpu,
        machine.kernel,
        summary.rounds()
    );
    canvas.text("small", (0.0, top + FOOT - 4.0), &foot);
    canvas.finish(top + FOOT, "What MCP proxies cost, relative to a bare relay")
}

/// The yardstick is the line at 1; a release that takes part in only some rows is omitted.
fn plotted(contestant: Contestant) -> bool {
    !matches!(contestant, Contestant::Bare | Contestant::NpmV1)
}

impl<'a> View<'a> {
    /// The rows and contestants with values.
    fn new(summary: &'a Summary<'a>, contestants: &[Contestant]) -> Self {
        let contestants: Vec<Contestant> =
            contestants.iter().copied().filter(|contestant| plotted(*contestant)).collect();
        let measured = |row: &&Plotted| {
            let mut cells =
                contestants.iter().flat_map(|one| PANELS.iter().map(move |panel| (one, panel)));
            cells.any(|(one, panel)| (panel.ratio)(summary, row, *one).is_some())
        };
        let rows = PLOTTED.iter().filter(measured).collect();
        Self { summary, rows, contestants }
    }

    /// The legend, three entries per line; returns where the first panel begins.
    fn legend(&self, canvas: &mut Canvas) -> f64 {
        const START: (f64, f64) = (18.0, 14.0);
        const STEP: f64 = 220.0;
        const LINE: f64 = 22.0;
        let mut at = START;
        for contestant in &self.contestants {
            if at.0 + STEP > WIDTH {
                at = (START.0, at.1 + LINE);
            }
            canvas.mark(*contestant, at);
            canvas.text("label", (at.0 + 14.0, at.1 + 4.5), contestant.label());
            at.0 += STEP;
        }
        at.1 + LINE
    }

    /// Draws a panel from `top` on; returns where the next one begins.
    fn draw(&self, canvas: &mut Canvas, panel: &Panel, top: f64) -> f64 {
        let rows: Vec<_> = self.rows.iter().map(|row| (row, self.ratios(panel, row))).collect();
        let all: Vec<f64> = rows.iter().flat_map(|(_, ratios)| ratios).map(|one| one.1).collect();
        let scale = Scale::over(&all, (LEFT, RIGHT));
        canvas.text("title", (0.0, top + 16.0), panel.title);
        let (first, last) = (top + TITLE, top + TITLE + count(rows.len()) * ROW);
        for (exponent, value) in scale.decades() {
            let class = if exponent == 0 { "yardstick" } else { "grid" };
            canvas.line(class, (scale.at(value), first), last);
            canvas.text("tick", (scale.at(value), last + 15.0), &tick(exponent, value));
        }
        for (at, (row, ratios)) in rows.into_iter().enumerate() {
            let middle = first + (count(at) + 0.5) * ROW;
            canvas.text("row", (LEFT - 14.0, middle + 4.5), row.title);
            // Ours is drawn last, over the others.
            for (contestant, ratio) in ratios.into_iter().rev() {
                canvas.mark(contestant, (scale.at(ratio), middle));
                if contestant == Contestant::Ours {
                    let place = (WIDTH - 4.0, middle + 4.5);
                    canvas.text("value", place, &format!("{}×", number(ratio)));
                }
            }
        }
        last + AXIS
    }

    /// The values of a row; without zeros, which have no logarithm.
    fn ratios(&self, panel: &Panel, row: &Plotted) -> Vec<(Contestant, f64)> {
        let ratio = |one: &Contestant| Some((*one, (panel.ratio)(self.summary, row, *one)?));
        self.contestants.iter().filter_map(ratio).filter(|(_, ratio)| *ratio > 0.0).collect()
    }
}

/// A power of ten in full.
fn tick(exponent: i32, value: f64) -> String {
    match usize::try_from(-exponent) {
        Ok(decimals) => format!("{value:.decimals$}×"),
        Err(_) => format!("{}×", number(value)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a dozen rows")]
fn count(rows: usize) -> f64 {
    rows as f64
}
