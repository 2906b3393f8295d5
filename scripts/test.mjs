// `npm test`: builds once, runs every suite of suites.mjs, prints a summary. The last line is
// `N passed, N failed` in tests; the exit status is 0 only if nothing failed.
// Words after `npm test --` choose suites by a part of their name.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";

import { build, suites } from "./suites.mjs";
import { installPackages, otherNode, root } from "./tools.mjs";

const logs = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "test-logs");
const running = new Set();

/** Ends a suite and everything that it started; that is why each suite leads a process group. */
const stop = (child, signal = "SIGKILL") => {
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, signal);
  } catch {
    // Nothing of it is left.
  }
};

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    for (const child of running) stop(child);
    process.exit(1);
  });
}

const sum = (text, pattern) => [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);

/** Reads how many tests passed and failed, by the `count` of a suite. */
const counters = {
  cargo: (text) => ({
    passed: sum(text, /^test result: .*? (\d+) passed/gm),
    failed: sum(text, /^test result: .*? (\d+) failed/gm),
  }),
  nextest: (text) => ({
    passed: sum(text, /^ +Summary .*? (\d+) passed/gm),
    failed: sum(text, /^ +Summary .*? (\d+) failed/gm) + sum(text, /^ +Summary .*? (\d+) timed out/gm),
  }),
  node: (text) => ({
    passed: sum(text, /^\S+ pass (\d+)$/gm),
    failed: sum(text, /^\S+ (?:fail|cancelled) (\d+)$/gm),
  }),
};

const tally = ({ count }, ok, text) => {
  const { passed, failed } = counters[count]?.(text) ?? { passed: ok ? 1 : 0, failed: 0 };
  // A suite that counts tests but ran none, or that fails without a failed test, counts as a failure itself.
  return { passed, failed: ok && passed > 0 ? failed : Math.max(failed, 1) };
};

/** The Node for a suite that needs at least this line of it. */
const nodeFor = (line = 0) =>
  parseInt(process.versions.node) >= line ? process.execPath : (otherNode(line) ?? "node");

/** Runs one suite to its end, its output in a file; resolves to whether it succeeded, and that output. */
const runLogged = async ({ name, command: [program, ...args], env, minutes = 10, node }) => {
  const file = join(logs, `${name.replaceAll(" ", "-")}.log`);
  const log = createWriteStream(file);
  const child = spawn(program === "node" ? nodeFor(node) : program, args, {
    cwd: root,
    detached: process.platform !== "win32",
    env: { ...process.env, ...env, NO_COLOR: "1", FORCE_COLOR: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  for (const stream of [child.stdout, child.stderr]) stream.pipe(log, { end: false });

  let outcome = "";
  const timer = setTimeout(() => {
    outcome = `\nkilled after ${minutes} minutes\n`;
    stop(child);
  }, minutes * 60_000);
  const status = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => {
      stop(child);
      child.on("close", () => resolve(code ?? signal));
    });
  });
  clearTimeout(timer);
  running.delete(child);
  log.end(outcome || (status === 0 ? "" : `\n${program}: ${status}\n`));
  await finished(log);
  return { ok: status === 0, text: readFileSync(file, "utf8"), file };
};

const timed = async (work) => {
  const start = performance.now();
  const result = await work();
  return { ...result, seconds: Math.round((performance.now() - start) / 1000) };
};

const report = ({ name, ok, text, file, seconds, passed, failed }) => {
  if (!ok) console.log(`\n${text.trimEnd().split("\n").slice(-200).join("\n")}\n(all of it: ${file})\n`);
  const counts = `${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed`;
  console.log(`${failed ? "FAILED" : "ok    "} ${name.padEnd(16)} ${counts} ${String(seconds).padStart(5)} s`);
};

const runSuite = async (suite, built) => {
  if (suite.built) await built;
  const result = await timed(() => runLogged(suite));
  const verdict = { name: suite.name, ...result, ...tally(suite, result.ok, result.text) };
  report(verdict);
  return verdict;
};

const runLane = async (lane, built) => {
  const verdicts = [];
  for (const suite of lane) verdicts.push(await runSuite(suite, built));
  return verdicts;
};

mkdirSync(logs, { recursive: true });
installPackages();

const wanted = process.argv.slice(2);
const chosen = suites.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
if (chosen.length === 0) throw new Error(`no suite is named ${wanted.join(" or ")}`);

const built = chosen.some((suite) => suite.built) ? runSuite({ name: "build", command: build, minutes: 25 }) : [];
const lanes = [...new Set(chosen.map(({ lane }) => lane))].map((lane) => chosen.filter((suite) => suite.lane === lane));

const verdicts = (await Promise.all([built, ...lanes.map((lane) => runLane(lane, built))])).flat();
const failures = verdicts.filter(({ failed }) => failed > 0);
if (failures.length) console.log(`\nfailed: ${failures.map(({ name }) => name).join(", ")}`);
const total = (key) => verdicts.reduce((count, verdict) => count + verdict[key], 0);
console.log(`\n${total("passed")} passed, ${total("failed")} failed`);
process.exitCode = failures.length ? 1 : 0;
