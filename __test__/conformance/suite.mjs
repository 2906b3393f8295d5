// Runs the official conformance suite against one URL and reads its results.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";

const require = createRequire(import.meta.url);

/** The suite needs Node 22; the npm package `node` brings it where an older one runs this script. */
const RUNTIME_MAJOR = 22;

/**
 * @typedef {object} Outcome
 * @property {boolean} scored whether the revision requires the scenario
 * @property {number} passed checks
 * @property {{ check: string, message: string }[]} failures
 */

/**
 * @param {string} url
 * @param {string} revision
 * @returns {Promise<Record<string, Outcome>>} by scenario, in the suite's order
 */
export async function runSuite(url, revision) {
  const directory = await mkdtemp(join(tmpdir(), "conformance-"));
  try {
    const log = await runOfficial(["server", "--url", url, "--requirements", revision, "--output-dir", directory]);
    const checks = await readChecks(directory);
    const names = [...log.matchAll(/^=== Running scenario: (\S+) ===$/gm)].map(([, name]) => name);
    const [, unscored = ""] = log.split(/^Not scored for /m);
    const isScored = (name) => !unscored.includes(` ${name} (`);
    return Object.fromEntries(names.map((name) => [name, outcome(isScored(name), checks.get(name))]));
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function runOfficial(args) {
  const entry = join(packageDirectory("@modelcontextprotocol/conformance"), "dist", "index.js");
  const child = spawn(runtime(), [entry, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [log, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (!log.includes("=== SUMMARY ===")) throw new Error(`The conformance suite did not finish:\n${log}${errors}`);
  return log;
}

function runtime() {
  const isNewEnough = Number.parseInt(process.versions.node, 10) >= RUNTIME_MAJOR;
  return isNewEnough ? process.execPath : join(packageDirectory("node"), "bin", "node");
}

const packageDirectory = (name) => dirname(require.resolve(`${name}/package.json`));

/** Checks by scenario; the suite writes one directory `server-<scenario>-<time>` each. */
async function readChecks(directory) {
  const checks = new Map();
  for (const entry of await readdir(directory)) {
    const [, scenario] = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(entry) ?? [];
    const recorded = scenario && (await readFile(join(directory, entry, "checks.json"), "utf8").catch(ifAbsent));
    if (recorded) checks.set(scenario, JSON.parse(recorded));
  }
  return checks;
}

/** A scenario that ran into the suite's time limit leaves its directory empty. */
function ifAbsent(error) {
  if (error.code !== "ENOENT") throw error;
}

function outcome(scored, checks) {
  if (!checks) return { scored, passed: 0, failures: [{ check: "run", message: "The scenario did not finish" }] };
  // A warning is a SHOULD that is not kept: it must be in expected.json, too.
  const failed = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
  return {
    scored,
    passed: checks.filter(({ status }) => status === "SUCCESS").length,
    failures: failed.map(({ errorMessage, id, status }) => ({
      check: id,
      message: `${status === "WARNING" ? "warning: " : ""}${errorMessage ?? ""}`,
    })),
  };
}
