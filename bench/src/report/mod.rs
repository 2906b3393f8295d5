//! What a run leaves behind: `results.json` with every measurement, `results.md` with the table
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
struct Results<'a> {
    machine: &'a Machine,
    rounds: usize,
    millis_per_measurement: u128,
    contestants: Vec<[&'static str; 2]>,
    records: &'a [Record],
}

pub(crate) fn write(
    directory: &Path,
    args: &Args,
    machine: &Machine,
    contestants: &[Contestant],
    records: &[Record],
) -> io::Result<()> {
    let results = Results {
        machine,
        rounds: args.rounds,
        millis_per_measurement: args.effort.span.as_millis(),
        contestants: contestants.iter().map(|one| [one.name(), one.label()]).collect(),
        records,
    };
    let summary = Summary::new(records);
    fs::create_dir_all(directory)?;
    let mut json = serde_json::to_string_pretty(&results)?;
    json.push('\n');
    fs::write(directory.join("results.json"), json)?;
    fs::write(directory.join("results.md"), table::markdown(&summary, args, machine, contestants))?;
    fs::write(directory.join("results.svg"), plot::svg(&summary, machine, contestants))
}
