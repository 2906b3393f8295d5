//! The files that a run writes: `results.json` with every measurement, `results.md` with the table,
//! and `results.svg` with the plot for the README.

mod plot;
mod rows;
mod summary;
mod table;

use std::{fs, io, path::Path};

use serde::Serialize;

use crate::{args::Args, contestant::Contestant, machine::Machine, run::Record};

use self::summary::Summary;

#[derive(Serialize)]
struct Run<'a> {
    machine: &'a Machine,
    rounds: usize,
    millis_per_measurement: u128,
    contestants: Vec<[&'static str; 2]>,
}

pub(crate) fn write(
    directory: &Path,
    args: &Args,
    machine: &Machine,
    contestants: &[Contestant],
    records: &[Record],
) -> io::Result<()> {
    let run = Run {
        machine,
        rounds: args.rounds,
        millis_per_measurement: args.effort.span.as_millis(),
        contestants: contestants.iter().map(|one| [one.name(), one.label()]).collect(),
    };
    let summary = Summary::new(records);
    fs::create_dir_all(directory)?;
    fs::write(directory.join("results.json"), json(&run, records)?)?;
    fs::write(directory.join("results.md"), table::markdown(&summary, args, machine, contestants))?;
    fs::write(directory.join("results.svg"), plot::svg(&summary, machine, contestants))
}

/// One measurement per line, so that differences between runs are readable.
fn json(run: &Run<'_>, records: &[Record]) -> io::Result<String> {
    let lines: Result<Vec<String>, _> = records.iter().map(serde_json::to_string).collect();
    let run = serde_json::to_string_pretty(run)?;
    let records = lines?.join(",\n    ");
    Ok(format!("{{\n\"run\": {run},\n\"records\": [\n    {records}\n]\n}}\n"))
}
