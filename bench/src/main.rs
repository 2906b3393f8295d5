//! Measures MCP proxies side by side: this repository's, its peers, and a minimal relay, all in
//! front of the same server, in interleaved rounds, with every answer checked. `--help` lists the
//! options; `bench/README.md` explains how to read the results.

mod answer;
mod args;
mod bench;
mod contestant;
mod events;
mod failure;
mod framing;
mod http;
mod install;
mod lane;
mod load;
mod machine;
mod metric;
mod mode;
mod notice;
mod pin;
mod pipe;
mod procfs;
mod proxy;
mod report;
mod request;
mod run;
mod session;
mod stable;
mod usage;

use std::{io, path::Path};

use crate::{args::Args, bench::Bench, contestant::Places, machine::Machine, mode::Mode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = home.parent().unwrap_or(home).to_owned();
    let program = std::env::current_exe()?;
    let build = program.parent().unwrap_or(home).to_owned();
    let cache = home.join(".cache");
    std::fs::create_dir_all(&cache)?;
    let ours = match args.ours.clone() {
        Some(ours) => ours,
        None => contestant::published(&build, &cache)?,
    };
    let places = Places { build, ours, cache, root };
    let manifest = home.join("package.json");
    let contestants = install::present(&args.contestants, &places, &manifest, args.install_crate);
    let bench = Bench { places, effort: args.effort.clone(), quiet: !args.verbose };
    let wanted =
        |mode: &Mode| args.modes.is_empty() || args.modes.iter().any(|name| name == mode.name);
    let modes: Vec<Mode> = mode::all().into_iter().filter(wanted).collect();
    let mut machine = Machine::describe();
    let records = run::run(&args, &bench, &modes, &contestants).await;
    machine.finish();
    let output = args.output.clone().unwrap_or_else(|| home.to_owned());
    report::write(&output, &args, &machine, &contestants, &records)
}
