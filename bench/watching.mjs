// The cost of being watched, on Linux:
//
//   node bench/watching.mjs [--proxy PATH] [--server "COMMAND WORDS"] [--rounds 30] [--calls 2000]
//
// Defaults are a release build of the proxy and of the bench's `echo`. Three proxies get the same calls: one that
// nobody watches, one whose page is open (asked every 150 ms for what has come, as the page does), one that records.
// They are called in turns, and CPU is the kernel's count for the proxy's threads, so that whatever else runs counts
// little; ratios are those of a round, and the middle one is shown. What the thread that writes a recording uses is a
// part of that.

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { Proxy } from "./proxy.mjs";

const { values: options } = parseArgs({
  options: {
    calls: { default: "2000", type: "string" },
    proxy: { default: "target/release/mcp-proxy", type: "string" },
    rounds: { default: "30", type: "string" },
    server: { default: "target/release/echo", type: "string" },
  },
});
const ROUNDS = Number(options.rounds);
const CALLS = Number(options.calls);
/** How often the page asks while something comes. */
const OFTEN = 150;

const folder = mkdtempSync(join(tmpdir(), "watching-"));

/** This many calls, eight at a time. */
const inParallel = async (count, call) => {
  let next = 0;
  const work = async () => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: 8 }, work));
};

const middle = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)];

/** A caller of tools in a session of its own. */
const caller = async (proxy) => {
  const headers = { accept: "application/json, text/event-stream", "content-type": "application/json" };
  const params = { capabilities: {}, clientInfo: { name: "bench", version: "1" }, protocolVersion: "2025-11-25" };
  const begun = await proxy.send(
    "POST",
    "/mcp",
    headers,
    JSON.stringify({ id: 0, jsonrpc: "2.0", method: "initialize", params }),
  );
  const own = { ...headers, "mcp-session-id": begun.response.headers["mcp-session-id"] };
  return async (id) => {
    const call = { id, jsonrpc: "2.0", method: "tools/call", params: { arguments: { text: "x" }, name: "echo" } };
    const { response } = await proxy.send("POST", "/mcp", own, JSON.stringify(call));
    if (response.statusCode !== 200) throw new Error(`a call got ${response.statusCode}`);
  };
};

/** Polls for what has come as an open page does; stops when it is called. */
const pageOf = async (proxy) => {
  const { hash, origin } = new URL(proxy.inspect);
  const ask = (path, token, method = "GET") => fetch(origin + path, { headers: { "x-inspect-token": token }, method });
  const { token } = await (await ask("/api/session", hash.slice("#token=".length), "POST")).json();
  let [from, open, seen, skipped] = [0, true, 0, 0];
  const reading = (async () => {
    while (open) {
      const lines = (await (await ask(`/api/live/${from}`, token)).text()).split("\n").filter(Boolean);
      const values = lines.map((line) => JSON.parse(line));
      const numbers = values.map(({ n }) => n).filter((n) => n !== undefined);
      for (const value of values) skipped += value.skipped ?? 0;
      seen += numbers.length;
      from = (numbers.at(-1) ?? from - 1) + 1;
      await new Promise((done) => setTimeout(done, OFTEN));
    }
  })();
  return async () => {
    open = false;
    await reading;
    return `${seen} frames, and that ${skipped} are left out`;
  };
};

const WAYS = [
  { flags: [], most: 0, name: "nobody watches" },
  { flags: ["--inspect"], most: 5, name: "page open" },
  { flags: ["--record", join(folder, "traffic.jsonl")], most: 15, name: "recording" },
  { flags: ["--inspect"], most: undefined, name: "--inspect, and nobody looks" },
];

const run = async () => {
  const proxies = [];
  for (const { flags } of WAYS) proxies.push(await Proxy.start(options, flags));
  const idle = proxies.map((proxy) => proxy.memory());
  const callers = [];
  for (const proxy of proxies) callers.push(await caller(proxy));
  const close = await pageOf(proxies[1]);
  for (const call of callers) await inParallel(CALLS, call);
  const ratios = WAYS.map(() => []);
  const costs = WAYS.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    const spent = [];
    for (let step = 0; step < WAYS.length; step += 1) {
      const index = (round + step) % WAYS.length;
      const before = proxies[index].cpu();
      await inParallel(CALLS, callers[index]);
      spent[index] = (proxies[index].cpu() - before) / CALLS / 1000;
    }
    spent.forEach((cost, index) => {
      costs[index].push(cost);
      ratios[index].push(cost / spent[0]);
    });
  }
  const seen = await close();
  const size = statSync(WAYS[2].flags[1]).size;
  for (const proxy of proxies) await proxy.stop();
  WAYS.forEach(({ most, name }, index) => {
    const percent = ((middle(ratios[index]) - 1) * 100).toFixed(1);
    const bound = most ? ` (at most ${most} %)` : "";
    const memory = (idle[index] / 1024 / 1024).toFixed(1);
    console.log(
      `${name}: ${middle(costs[index]).toFixed(2)} µs of CPU a call, ${percent} %${bound}; idle ${memory} MiB`,
    );
  });
  console.log(`the page was shown ${seen}; the recording's last part has ${(size / 1e6).toFixed(1)} MB`);
};

try {
  await run();
} finally {
  rmSync(folder, { recursive: true });
}
