// Measures `startHTTPServer` beside the original's: the same servers in JavaScript, and the same child.
//
//   cargo build --release --workspace && node bench/api/run.mjs [SECONDS] [ROUNDS]
//
// `v1 modern` is a v1 server before clients of 2026-07-28, which have no sessions; the original refuses them.
// Contestants take turns, each in a process of its own; the best round counts, as on a busy machine the
// others say more about its other work. Every answer is checked.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

import { Connection, post } from "./connection.mjs";

const [seconds = 3, rounds = 3] = process.argv.slice(2).map(Number);
const CONNECTIONS = 16;
const SESSIONS = 1000;
const KINDS = ["v2", "v1", "v1 modern", "child"];
const MODERN = "2026-07-28";
const contestants = (kind) => (kind === "v1 modern" ? ["ours"] : ["original", "ours"]);
const INITIALIZE = {
  id: 0,
  jsonrpc: "2.0",
  method: "initialize",
  params: { capabilities: {}, clientInfo: { name: "bench", version: "1" }, protocolVersion: "2025-06-18" },
};

const ENVELOPE = {
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
  "io.modelcontextprotocol/protocolVersion": MODERN,
};

const call = (text, params) => ({
  id: 1,
  jsonrpc: "2.0",
  method: "tools/call",
  params: { arguments: { text }, name: "echo", ...params },
});

const freePort = async () => {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
};

const start = async (name, kind) => {
  const child = fork(fileURLToPath(new URL("server.mjs", import.meta.url)), [name, ...kind.split(" ")], {
    execArgv: ["--expose-gc"],
  });
  const port = await freePort();
  child.send({ port });
  await once(child, "message");
  const ask = async (question) => {
    child.send({ ask: question });
    return (await once(child, "message"))[0];
  };
  return { ask, port, stop: () => child.disconnect() };
};

const openSession = async (connection) => {
  const answer = (await connection.send(post(INITIALIZE))).toString();
  const session = /mcp-session-id: (\S+)/i.exec(answer)?.[1];
  if (!session) throw new Error(`no session: ${answer}`);
  const fields = { "Mcp-Session-Id": session };
  await connection.send(post({ jsonrpc: "2.0", method: "notifications/initialized" }, fields));
  return fields;
};

/** The request for an echo, as a client of that kind sends it. */
const echo = async (connection, kind, text) => {
  if (!kind.endsWith("modern")) return post(call(text), await openSession(connection));
  const fields = { "Mcp-Method": "tools/call", "Mcp-Name": "echo", "MCP-Protocol-Version": MODERN };
  return post(call(text, { _meta: ENVELOPE }), fields);
};

/** Calls over all connections for a while; the time of each call in milliseconds. */
const load = async (port, kind, text, duration) => {
  const times = [];
  const end = performance.now() + duration;
  const lane = async () => {
    const connection = await Connection.open(port);
    const request = await echo(connection, kind, text);
    for (let now = performance.now(); now < end;) {
      const answer = await connection.send(request);
      if (!answer.includes(text)) throw new Error(`a wrong answer: ${answer}`);
      const then = now;
      times.push((now = performance.now()) - then);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  return times.sort((a, b) => a - b);
};

const measure = async (name, kind) => {
  const { ask, port, stop } = await start(name, kind);
  const text = "0123456789abcdef0123456789abcdef";
  await load(port, kind, text, 1000);
  const before = await ask();
  const times = await load(port, kind, text, seconds * 1000);
  const after = await ask();
  await ask("reset");
  await load(port, kind, "x".repeat(1 << 20), 1500);
  const { loop } = await ask();
  const connection = await Connection.open(port);
  for (let opened = 0; opened < SESSIONS && !kind.endsWith("modern"); opened++) await openSession(connection);
  const { rss } = await ask();
  connection.close();
  stop();
  return {
    "calls/s": times.length / seconds,
    "µs CPU/call": (after.cpu - before.cpu) / times.length,
    "p99 ms": times[Math.floor(times.length * 0.99)],
    "loop delay p99 ms, 1 MiB": loop.p99,
    [`RSS MB, ${SESSIONS} sessions`]: rss / 1e6,
  };
};

const best = (one, other) => (!one || other["calls/s"] > one["calls/s"] ? other : one);
const results = {};
for (let round = 0; round < rounds; round++) {
  for (const kind of KINDS) {
    for (const name of contestants(kind)) {
      const row = `${kind} ${name}`;
      results[row] = best(results[row], await measure(name, kind));
    }
  }
}
const rounded = (row) =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [key, Number(value.toPrecision(3))]));
console.table(Object.fromEntries(Object.entries(results).map(([name, row]) => [name, rounded(row)])));
for (const kind of KINDS.filter((one) => contestants(one).length > 1)) {
  const ratio = results[`${kind} ours`]["calls/s"] / results[`${kind} original`]["calls/s"];
  console.log(`${kind}: ${ratio.toFixed(1)} times the calls of the original`);
}
