// Runs the fuzzers of crates/core/fuzz, one after the other:
//
//   node scripts/fuzz.mjs [--seconds 60] [--keep] [target …]
//
// The coverage that libFuzzer steers by comes from stable options of rustc, so no nightly is
// needed; `cargo +nightly fuzz run <target>` works as well and adds the address sanitizer. An input
// for which more memory is held than eight times its length and 64 KiB is a crash (fuzz/src). With
// --keep, inputs that reach new code are added to the corpus. A crash is left in fuzz/artifacts.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { root, run } from "./tools.mjs";

const folder = join(root, "crates", "core", "fuzz");
const triple = "x86_64-unknown-linux-gnu";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "60" },
    keep: { type: "boolean", default: false },
  },
});

/** As in cargo-fuzz. With a named target, build scripts and macros are not instrumented. */
const coverage = [
  "--cfg=fuzzing",
  "-Ccodegen-units=1",
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
].join(" ");

const targets = positionals.length > 0 ? positionals : readdirSync(join(folder, "corpus"));

run("cargo", ["build", "--release", "--target", triple, ...targets.flatMap((name) => ["--bin", name])], {
  cwd: folder,
  env: { ...process.env, RUSTFLAGS: coverage },
});

for (const name of targets) {
  const found = join(folder, "target", "found", name);
  const artifacts = join(folder, "artifacts", name);
  const kept = join(folder, "corpus", name);
  mkdirSync(found, { recursive: true });
  mkdirSync(artifacts, { recursive: true });
  console.log(`fuzzing ${name} for ${values.seconds} s`);
  run(join(folder, "target", triple, "release", name), [
    `-max_total_time=${values.seconds}`,
    `-artifact_prefix=${artifacts}/`,
    "-max_len=8192",
    "-timeout=10",
    "-rss_limit_mb=1024",
    "-print_final_stats=1",
    "-verbosity=0",
    found,
    kept,
  ]);
  if (values.keep) run(join(folder, "target", triple, "release", name), ["-merge=1", kept, found]);
  else rmSync(found, { recursive: true });
}
