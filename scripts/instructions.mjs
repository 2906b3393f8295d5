// Counts the instructions of the hot path under valgrind and compares them with the committed counts; more than 5 %
// above one of them fails. If there are 5 % fewer, commit the new counts:
//
//   node scripts/instructions.mjs [--update]
//
// The same code takes the same instructions every time, with the same compiler and architecture. What the C library
// would choose by the processor is fixed here.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./tools.mjs";

const TOLERANCE = 0.05;
const NAMES = ["scan", "scan-64k", "splice", "event", "call", "call-among-1000", "call-modern", "notification-to-10"];
const counts = join(root, "crates/core/benches/instructions.json");

const build = () => {
  const messages = execFileSync(
    "cargo",
    [
      ..."bench --no-run --locked -p mcp-proxy-core --features internals --bench instructions".split(" "),
      "--message-format=json",
    ],
    { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] },
  );
  const artifacts = messages.split("\n").filter(Boolean).map(JSON.parse);
  return artifacts.find(({ target, executable }) => executable && target.name === "instructions").executable;
};

/** All instructions of a run. */
const collect = (program, name, times) => {
  const { stderr, status } = spawnSync(
    "valgrind",
    ["--tool=callgrind", "--callgrind-out-file=/dev/null", program, name, String(times)],
    {
      encoding: "utf8",
      env: { ...process.env, GLIBC_TUNABLES: "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX512F,-ERMS,-FSRM" },
    },
  );
  const collected = /Collected : (\d+)/.exec(stderr)?.[1];
  if (status !== 0 || !collected) throw new Error(`valgrind: ${stderr}`);
  return Number(collected);
};

/** Instructions of one repetition, without the start and end of the program. */
const measure = (program, name) => {
  const [few, many] = [500, 2500];
  return Math.round((collect(program, name, many) - collect(program, name, few)) / (many - few));
};

const program = build();
const measured = Object.fromEntries(NAMES.map((name) => [name, measure(program, name)]));
if (process.argv.includes("--update")) {
  writeFileSync(counts, `${JSON.stringify(measured, null, 2)}\n`);
} else {
  const expected = JSON.parse(readFileSync(counts, "utf8"));
  for (const name of NAMES) {
    const change = measured[name] / expected[name] - 1;
    const failed = !(change <= TOLERANCE);
    if (failed) process.exitCode = 1;
    const shown = expected[name] ? `${(100 * change).toFixed(1)} %` : "no count to compare with: --update";
    console.log(`${name}: ${measured[name]} (${shown})${failed ? " FAILED" : ""}`);
  }
}
