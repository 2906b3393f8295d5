// Runs the official conformance suite against the fixtures, directly and through a proxy, and compares.
//
//   node __test__/conformance/run.mjs [options] [-- proxy flags]
//
//   --profile <name>   profile of expected.json: flags for the proxy and known gaps (default: shared)
//   --cells <texts>    only cells whose id contains one of the texts, e.g. `proxy/dual-modern,2026-07-28`
//   --unscored         judge the scenarios that the revision does not require, too
//   --repeat <n>       run every wanted cell n times; a scenario must pass each time
//   --json <file>      write everything measured
//   --report           only report: no gap list, exit code 0
//
//   MCP_PROXY_BIN      the proxy command; without it no proxy cell runs
//   MCP_PROXY_LOG      set: show what the proxy writes to stderr
//   MCP_PROXY_PACKAGE  entry file of the package whose startHTTPServer is measured; without it no API cell runs
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { apiCells, directCells, mergedCells, proxyCells, remoteCells } from "./cells.mjs";
import { runSuite } from "./suite.mjs";
import { judge, merge } from "./verdict.mjs";

const MARKS = { pass: "✓", gap: "gap", ceiling: "ceiling", unexpected: "✗", stale: "stale" };
/** Stands for the scenarios of a cell that could not be started. */
const START = "start";
const MESSAGE_LENGTH = 200;
const BAD = new Set(["unexpected", "stale"]);

const { values: options, positionals: proxyFlags } = parseArgs({
  allowPositionals: true,
  options: {
    profile: { type: "string", default: "shared" },
    cells: { type: "string", default: "" },
    unscored: { type: "boolean", default: false },
    repeat: { type: "string", default: "1" },
    json: { type: "string" },
    report: { type: "boolean", default: false },
  },
});

process.exitCode = await main();

async function main() {
  const profile = options.report ? { flags: [], gaps: [] } : await readProfile(options.profile);
  const cells = cellsOf(profile);
  const wanted = cells.filter(({ id }) => options.cells.split(",").some((text) => id.includes(text)));
  const measured = new Map();
  const results = [];
  for (const cell of wanted) {
    const outcomes = await measure(cell, Number(options.repeat));
    measured.set(cell.id, outcomes);
    const gaps = outcomes[START] ? {} : gapsOf(profile, cell.id);
    // Something that fails without a known reason may also fail without a proxy; that is checked only if it matters.
    const asks = Object.entries(outcomes).some(
      ([name, { failures, scored }]) => failures.length > 0 && !gaps[name] && (scored || options.unscored),
    );
    const above = asks && cells.find(({ id }) => id === cell.ceiling);
    if (above && !measured.has(above.id)) measured.set(above.id, await measure(above, 1));
    const ceiling = measured.get(cell.ceiling) ?? (cell.ceiling ? undefined : outcomes);
    results.push({ id: cell.id, outcomes, ceiling, verdicts: judge(outcomes, ceiling, gaps, options.unscored) });
    print(results.at(-1));
  }
  printTable(results);
  if (options.json) await writeFile(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
  const isBad = results.some(({ verdicts }) => Object.values(verdicts).some((value) => BAD.has(value)));
  return isBad && !options.report ? 1 : 0;
}

function cellsOf({ flags }) {
  const { MCP_PROXY_BIN: bin, MCP_PROXY_PACKAGE: packageEntry } = process.env;
  const proxied = bin ? proxyCells(bin, [...flags, ...proxyFlags]) : [];
  const others = { merged: mergedCells, remote: remoteCells }[options.profile];
  if (others) return [...directCells, ...(bin ? others(bin, [...flags, ...proxyFlags]) : [])];
  return [...directCells, ...proxied, ...(packageEntry ? apiCells(packageEntry) : [])];
}

async function readProfile(name) {
  const profiles = JSON.parse(await readFile(new URL("./expected.json", import.meta.url), "utf8"));
  if (!profiles[name])
    throw new Error(`No profile ${name} in expected.json; it has ${Object.keys(profiles).join(", ")}`);
  return profiles[name];
}

/** The reasons by scenario. */
function gapsOf({ gaps }, id) {
  const known = gaps.filter(({ cells }) => cells.includes(id));
  return Object.fromEntries(known.flatMap(({ scenarios, because }) => scenarios.map((name) => [name, because])));
}

async function measure({ id, revision, start }, times) {
  const runs = [];
  for (let run = 1; run <= times; run += 1) {
    process.stderr.write(`${id} (${run}/${times})\n`);
    const target = await start().catch((error) => ({ error }));
    if (target.error) {
      return { [START]: { scored: true, passed: 0, failures: [{ check: START, message: target.error.message }] } };
    }
    try {
      runs.push(await runSuite(target.url, revision));
    } finally {
      await target.close();
    }
  }
  return merge(runs);
}

function printTable(results) {
  console.log("\n| cell | scored | ceiling | unscored |\n|---|---|---|---|");
  for (const { id, outcomes, ceiling } of results) {
    const above = ceiling ? share(ceiling, true) : "";
    console.log(`| ${id} | ${share(outcomes, true)} | ${above} | ${share(outcomes, false)} |`);
  }
}

/** How many of the scored, or of the other, scenarios passed. */
function share(outcomes, isScored) {
  const counted = Object.values(outcomes).filter(({ scored }) => scored === isScored);
  return `${counted.filter(({ failures }) => failures.length === 0).length}/${counted.length}`;
}

function print({ id, outcomes, verdicts }) {
  console.log(`\n## ${id}: ${share(outcomes, true)} scored, ${share(outcomes, false)} unscored\n`);
  for (const [scenario, { passed, failures, flaky }] of Object.entries(outcomes)) {
    const mark = MARKS[verdicts[scenario]] ?? (failures.length > 0 ? "unscored" : MARKS.pass);
    if (mark === MARKS.pass) continue;
    console.log(`${mark} ${scenario}: ${passed} passed, ${failures.length} failed${flaky ? ` in ${flaky}` : ""}`);
    const shown = mark === MARKS.unexpected ? failures : [];
    for (const { check, message } of shown) console.log(`    ${check}: ${message.slice(0, MESSAGE_LENGTH)}`);
  }
  for (const scenario of Object.keys(verdicts).filter((name) => !outcomes[name])) {
    console.log(`stale ${scenario}: no such scenario`);
  }
}
