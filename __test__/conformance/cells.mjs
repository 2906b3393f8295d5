// The targets of the suite: every combination of how a fixture is reached, its era and the client's revision.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { freePort } from "../support/port.mjs";
import { serveLegacy, serveModern } from "./direct.mjs";
import { unprefixed } from "./unprefixed.mjs";

const LEGACY = "2025-11-25";
const MODERN = "2026-07-28";
const POLL_MS = 50;
const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 5_000;

const local = (path) => fileURLToPath(new URL(path, import.meta.url));
const FIXTURES = {
  dual: local("../fixtures/everything-modern.mjs"),
  legacy: local("../fixtures/everything-legacy.mjs"),
};

/**
 * @typedef {object} Cell
 * @property {string} id
 * @property {string} revision
 * @property {string} [ceiling] id of the direct cell it is measured against
 * @property {() => Promise<{ url: string, close(): Promise<void> | void }>} start
 */

/** The fixtures with no proxy in between. @type {Cell[]} */
export const directCells = [
  { id: `direct/dual/${LEGACY}`, revision: LEGACY, start: serveModern },
  { id: `direct/dual/${MODERN}`, revision: MODERN, start: serveModern },
  { id: `direct/legacy/${LEGACY}`, revision: LEGACY, start: serveLegacy },
];

/**
 * A proxy command in front of the stdio fixtures, the dual-era one forced into either era.
 *
 * @param {string} bin
 * @param {string[]} flags
 * @returns {Cell[]}
 */
export function proxyCells(bin, flags) {
  const cell = (fixture, upstream, revision) => ({
    id: `proxy/${fixture}-${upstream}/${revision}`,
    revision,
    ceiling: ceilingOf(fixture, revision),
    start: () => startProxy(bin, [...flags, "--upstreamProtocol", upstream], FIXTURES[fixture]),
  });
  return [
    cell("dual", "legacy", LEGACY),
    cell("dual", "modern", LEGACY),
    cell("legacy", "legacy", LEGACY),
    cell("dual", "legacy", MODERN),
    cell("dual", "modern", MODERN),
    cell("legacy", "legacy", MODERN),
  ];
}

/**
 * A proxy command in front of the fixtures over HTTP: each client in its own era, and clients of servers of the other
 * era.
 *
 * @param {string} bin
 * @param {string[]} flags
 * @returns {Cell[]}
 */
export function remoteCells(bin, flags) {
  const cell = (fixture, upstream, revision) => ({
    id: `remote/${fixture}-${upstream}/${revision}`,
    revision,
    ceiling: ceilingOf(fixture, revision),
    start: () =>
      startBefore(fixture === "dual" ? serveModern : serveLegacy, bin, [...flags, "--upstreamProtocol", upstream]),
  });
  return [
    cell("dual", "auto", LEGACY),
    cell("dual", "modern", LEGACY),
    cell("dual", "auto", MODERN),
    cell("legacy", "auto", MODERN),
  ];
}

async function startBefore(serve, bin, flags) {
  const server = await serve();
  const [command, ...first] = commandOf(bin);
  const proxy = await startListening(command, (port) => [
    ...first,
    ...["--host", "127.0.0.1", "--port", String(port), ...flags, server.url],
  ]).catch(async (error) => {
    await server.close();
    throw error;
  });
  return {
    url: proxy.url,
    close: async () => {
      await proxy.close();
      await server.close();
    },
  };
}

/**
 * A proxy command with a file of servers: the one that the suite calls, alone or before two others with the same names
 * of tools, prompts and resources.
 *
 * @param {string} bin
 * @param {string[]} flags
 * @returns {Cell[]}
 */
export function mergedCells(bin, flags) {
  // The clients of an older server can be asked only if the server is their own.
  const isolation = { dual: "shared", legacy: "session" };
  const cell = (count, fixture, revision) => ({
    id: `merged-${count}/${fixture}/${revision}`,
    revision,
    ceiling: ceilingOf(fixture, revision),
    start: () =>
      startMerged(
        bin,
        ["--upstreamProtocol", "auto", "--isolation", isolation[fixture], ...flags],
        [fixture, "legacy", "dual"].slice(0, count),
      ),
  });
  return [1, 3].flatMap((count) => [
    cell(count, "dual", LEGACY),
    cell(count, "legacy", LEGACY),
    cell(count, "dual", MODERN),
    cell(count, "legacy", MODERN),
  ]);
}

async function startMerged(bin, flags, fixtures) {
  const folder = await mkdtemp(join(tmpdir(), "conformance-"));
  const servers = fixtures.map((fixture, place) => [
    `s${place}`,
    { args: [FIXTURES[fixture]], command: process.execPath },
  ]);
  const file = join(folder, "mcp.json");
  await writeFile(file, JSON.stringify({ mcpServers: Object.fromEntries(servers) }));
  const [command, ...first] = commandOf(bin);
  const opened = [() => rm(folder, { recursive: true })];
  const close = async () => {
    for (const end of opened.toReversed()) await end();
  };
  try {
    const proxy = await startListening(command, (port) => [
      ...first,
      ...["--host", "127.0.0.1", "--port", String(port), ...flags, "--config", file],
    ]);
    opened.push(proxy.close);
    // The only server of a file has no prefix.
    if (fixtures.length === 1) return { url: proxy.url, close };
    const adapter = await unprefixed(proxy.url, "s0");
    opened.push(adapter.close);
    return { url: adapter.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * `startHTTPServer` of a package with a server object of either SDK.
 *
 * @param {string} packageEntry
 * @returns {Cell[]}
 */
export function apiCells(packageEntry) {
  const cell = (sdk, revision) => ({
    id: `api/${sdk}/${revision}`,
    revision,
    ceiling: ceilingOf(sdk, revision),
    start: () =>
      startListening(process.execPath, (port) => [local("./api-server.mjs"), packageEntry, sdk, String(port)]),
  });
  return [cell("dual", LEGACY), cell("legacy", LEGACY), cell("dual", MODERN), cell("legacy", MODERN)];
}

/** A 2026-07-28 client cannot use a 2025-only server directly: its results are compared with the dual-era one's. */
const ceilingOf = (fixture, revision) => `direct/${revision === MODERN ? "dual" : fixture}/${revision}`;

const commandOf = (bin) => (/\.[cm]?js$/.test(bin) ? [process.execPath, bin] : [bin]);

function startProxy(bin, flags, fixture) {
  const [command, ...first] = commandOf(bin);
  return startListening(command, (port) => [
    ...first,
    ...["--host", "127.0.0.1", "--port", String(port), ...flags, "--", process.execPath, fixture],
  ]);
}

async function startListening(command, argsFor) {
  const port = await freePort();
  const child = spawn(command, argsFor(port), {
    stdio: ["ignore", "ignore", process.env.MCP_PROXY_LOG ? "inherit" : "ignore"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
  const stop = () => stopChild(child, exited);
  try {
    await untilServing(`http://127.0.0.1:${port}/ping`, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}/mcp`, close: stop };
}

async function untilServing(url, child) {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`${child.spawnfile} did not start`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(POLL_MS);
  }
  throw new Error(`Nothing answers at ${url}`);
}

async function stopChild(child, exited) {
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(kill);
}
