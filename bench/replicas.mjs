// What several replicas cost: CPU and latency of a call that is local, local with a store, and forwarded; the time that
// take-overs take; notifications with and without a store; memory in the store.
//
//   cargo build --release --workspace && node bench/replicas.mjs [--rounds 5] [--calls 4000] [--bin target/release]
//
// For the published build, `--bin` names a folder with its `mcp-proxy` and `mcp-proxy.node`, and `echo` of a release.
// Rounds are interleaved, and ratios are taken within a round; their medians are printed. CPU is the kernel's count for
// the replicas' processes, without those of the store and the server. Requires Linux and redis-server.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { Journal } from "../__test__/support/journal.mjs";
import { eachLine } from "../__test__/support/lines.mjs";
import { startStore } from "../__test__/support/store.mjs";
import { cpu as nanoseconds } from "./proxy.mjs";

const { values: options } = parseArgs({
  options: {
    bin: { type: "string", default: "target/release" },
    calls: { type: "string", default: "4000" },
    rounds: { type: "string", default: "5" },
    sessions: { type: "string", default: "1000" },
  },
});
const CALLS = Number(options.calls);
const CLIENTS = 8;
const NOTIFICATIONS = 20_000;
const PROTOCOL = "2025-11-25";

const started = [];

/** Starts a replica; without a store it is a process of its own. */
const replica = async (store) => {
  const others = store ? ["--peerPort", "0", "--store", store.url] : [];
  const own = ["--port", "0", "--host", "127.0.0.1", "--metricsPort", "0", ...others];
  const child = spawn(join(options.bin, "mcp-proxy"), [...own, "--", join(options.bin, "echo")], {
    env: { ...process.env, MCP_PROXY_PEER_SECRET: "a secret of the benchmark's" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  started.push(child);
  const lines = new Journal();
  eachLine(child.stdout, (line) => lines.push(line));
  const line = await lines.first((text) => text.includes("listening on "), "its port");
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS * 2 });
  return { agent, child, port: Number(/:(\d+)/.exec(line.slice(line.indexOf("http")))[1]) };
};

const end = async ({ agent, child }, signal = "SIGKILL") => {
  agent.destroy();
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
};

/** Seconds of CPU that the threads of the process have used. */
const cpu = ({ child }) => nanoseconds(child.pid) / 1e9;

const HEADERS = { accept: "application/json, text/event-stream", "content-type": "application/json" };

/** Posts a message; the whole answer. */
const post = ({ agent, port }, message, session) =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    const own = session && { "mcp-protocol-version": PROTOCOL, "mcp-session-id": session };
    const headers = { ...HEADERS, ...own, "content-length": Buffer.byteLength(body) };
    const sent = request({ agent, headers, host: "127.0.0.1", method: "POST", path: "/mcp", port }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => {
        const text = Buffer.concat(parts).toString();
        resolve({ session: response.headers["mcp-session-id"], status: response.statusCode, text });
      });
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });

const open = async (at) => {
  const params = { capabilities: {}, clientInfo: { name: "bench", version: "1" }, protocolVersion: PROTOCOL };
  const { session, status } = await post(at, { id: 0, method: "initialize", params });
  if (status !== 200) throw new Error(`initialize: ${status}`);
  await post(at, { method: "notifications/initialized" }, session);
  return session;
};

const echo = (id) => ({ id, method: "tools/call", params: { arguments: { text: `text ${id}` }, name: "echo" } });

const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))];
const median = (values) => quantile(values, 0.5);

/** Calls over these sessions at `at`; CPU of `counted` for each call, and latencies, in microseconds. */
const load = async (at, sessions, counted, calls) => {
  const latencies = [];
  const before = counted.map(cpu).reduce((sum, one) => sum + one);
  let next = 0;
  await Promise.all(
    sessions.map(async (session) => {
      while (next < calls) {
        next += 1;
        const id = next;
        const began = performance.now();
        const { status, text } = await post(at, echo(id), session);
        latencies.push((performance.now() - began) * 1000);
        if (status !== 200 || !text.includes(`text ${id}`)) throw new Error(`call ${id}: ${status} ${text}`);
      }
    }),
  );
  const spent = counted.map(cpu).reduce((sum, one) => sum + one) - before;
  return { cpu: (spent / calls) * 1e6, p50: median(latencies), p99: quantile(latencies, 0.99) };
};

/** One session at a time, so that the latency is that of the road and not of a queue. */
const alone = (at, [session], counted, calls) => load(at, [session], counted, calls);

const ask = (store, ...words) =>
  new Promise((resolve, reject) => {
    let said = "";
    const bulk = (word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
    const socket = connect(store.url.slice("redis+unix://".length), () => {
      socket.write(`*${words.length}\r\n${words.map(bulk).join("")}*1\r\n$4\r\nQUIT\r\n`);
    });
    socket.on("data", (bytes) => {
      said += bytes;
    });
    socket.on("close", () => resolve(said));
    socket.on("error", reject);
  });

const usedMemory = async (store) => Number(/used_memory:(\d+)/.exec(await ask(store, "INFO", "memory"))[1]);

const settled = async (store) => {
  let last = -1;
  for (;;) {
    const now = Number(/total_commands_processed:(\d+)/.exec(await ask(store, "INFO", "stats"))[1]);
    // Heartbeats and our own queries continue; writes do not.
    if (now - last < 6) return;
    last = now;
    await sleep(100);
  }
};

const report = (what, value) => console.log(`| ${what} | ${value} |`);
const round = (value, digits = 0) => value.toFixed(digits);

/** Calls: without others, with a store, and forwarded. */
const calls = async (store) => {
  const plain = await replica();
  const [owner, other] = [await replica(store), await replica(store)];
  const sessions = async (at) => Promise.all(Array.from({ length: CLIENTS }, () => open(at)));
  const [own, kept] = [await sessions(plain), await sessions(owner)];
  const ways = {
    forwarded: [other, kept, [owner, other]],
    local: [owner, kept, [owner]],
    plain: [plain, own, [plain]],
  };
  for (const [at, used, counted] of Object.values(ways)) await load(at, used, counted, 2000);
  const rounds = [];
  for (let number = 0; number < Number(options.rounds); number += 1) {
    const measured = {};
    const names = Object.keys(ways);
    for (const name of [...names.slice(number % 3), ...names.slice(0, number % 3)]) {
      const [at, used, counted] = ways[name];
      const busy = await load(at, used, counted, CALLS);
      const single = await alone(at, used, counted, CALLS / 4);
      measured[name] = { busy, single };
    }
    rounds.push(measured);
  }
  const of = (pick) => median(rounds.map(pick));
  report("CPU for a call, without a store (µs)", round(of(({ plain: { busy } }) => busy.cpu)));
  report(
    "CPU, local with a store",
    `${round(
      of((it) => it.local.busy.cpu / it.plain.busy.cpu),
      2,
    )}×`,
  );
  report(
    "CPU, forwarded, both replicas",
    `${round(
      of((it) => it.forwarded.busy.cpu / it.plain.busy.cpu),
      2,
    )}×`,
  );
  report("p50 of one client, without a store (µs)", round(of((it) => it.plain.single.p50)));
  report("added by a store (µs)", round(of((it) => it.local.single.p50 - it.plain.single.p50)));
  report("added by forwarding (µs)", round(of((it) => it.forwarded.single.p50 - it.plain.single.p50)));
  await Promise.all([plain, owner, other].map((it) => end(it)));
};

/**
 * 20,000 notifications in one call, without and with a store: the time until the client has all of them, and the CPU of
 * the replica until it has written what it has to. All processes share the machine's CPUs, so the time contains what the
 * store and the client leave of them.
 */
const notifications = async (store) => {
  const [plain, kept] = [await replica(), await replica(store)];
  const ways = { kept: [kept, await open(kept)], plain: [plain, await open(plain)] };
  const params = { _meta: { progressToken: 1 }, arguments: { count: NOTIFICATIONS }, name: "progress" };
  const take = async ([at, session]) => {
    const [before, began] = [cpu(at), performance.now()];
    const { text } = await post(at, { id: 1, method: "tools/call", params }, session);
    const time = performance.now() - began;
    const got = text.split("notifications/progress").length - 1;
    if (got !== NOTIFICATIONS) throw new Error(`${got} notifications`);
    await settled(store);
    return { cpu: (cpu(at) - before) * 1000, time };
  };
  const rounds = [];
  // The first rounds are slower: buffers grow.
  for (let number = -2; number < Number(options.rounds) * 4; number += 1) {
    const measured = {};
    const names = Object.keys(ways);
    for (const name of number % 2 ? names : names.reverse()) measured[name] = await take(ways[name]);
    if (number >= 0) rounds.push(measured);
  }
  const of = (pick) => median(rounds.map(pick));
  report(`${NOTIFICATIONS} notifications, without a store (ms)`, round(of(({ plain: { time } }) => time)));
  report(
    "the same with a store",
    `${round(
      of((it) => it.kept.time / it.plain.time),
      2,
    )}×`,
  );
  report("their CPU, without a store (ms)", round(of((it) => it.plain.cpu)));
  report(
    "the same with a store",
    `${round(
      of((it) => it.kept.cpu / it.plain.cpu),
      2,
    )}×`,
  );
  await Promise.all([plain, kept].map((it) => end(it)));
};

/** Sessions whose replica is killed, taken over by another one. */
const takeOver = async (store, count) => {
  const [owner, heir] = [await replica(store), await replica(store)];
  const before = await usedMemory(store);
  const sessions = [];
  while (sessions.length < count) {
    const some = Array.from({ length: Math.min(32, count - sessions.length) }, () => open(owner));
    sessions.push(...(await Promise.all(some)));
  }
  await settled(store);
  const memory = (await usedMemory(store)) - before;
  // It is connected, and has served a client.
  await post(heir, echo(1), await open(heir));
  await end(owner);
  const began = performance.now();
  const queue = [...sessions];
  const one = async () => {
    for (let session = queue.pop(); session; session = queue.pop()) {
      for (;;) {
        const { status, text } = await post(heir, echo(7), session);
        if (status === 200) break;
        if (status !== 503) throw new Error(`${status} ${text}`);
        await sleep(1);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(CLIENTS * 2, count) }, one));
  const took = performance.now() - began;
  await end(heir);
  return { memory: memory / count, took };
};

/** Bytes in the store for an event, beyond its own. */
const eventMemory = async (store) => {
  const at = await replica(store);
  const session = await open(at);
  await settled(store);
  for (let id = 0; id < 500; id += 1) await post(at, echo(id), session);
  await settled(store);
  const key = `mcp-proxy:{${session.split(".")[0]}}`;
  const size = Number(/:(\d+)/.exec(await ask(store, "MEMORY", "USAGE", `${key}:l`, "SAMPLES", "0"))[1]);
  const [events, bytes] = /(\d+) (\d+)/
    .exec(await ask(store, "HGET", `${key}:s`, "b"))
    .slice(1)
    .map(Number);
  report("bytes of an event", round(bytes / events));
  report("bytes in the store beyond those, for each event", round((size - bytes) / events));
  await end(at);
};

const main = async () => {
  console.log(`load average before: ${loadavg()[0].toFixed(2)}\n\n| What | Measured |\n|---|---|`);
  const steps = [
    calls,
    notifications,
    async (store) => {
      const single = [];
      for (let number = 0; number < Number(options.rounds); number += 1) single.push((await takeOver(store, 1)).took);
      report("take-over of one session (ms)", round(median(single), 1));
    },
    async (store) => {
      const { memory, took } = await takeOver(store, Number(options.sessions));
      report(`take-over of ${options.sessions} sessions (ms)`, round(took));
      report("bytes in the store for an idle session", round(memory));
    },
    eventMemory,
  ];
  for (const step of steps) {
    const store = await startStore();
    try {
      await step(store);
    } finally {
      await store.stop();
    }
  }
  console.log(`\nload average after: ${loadavg()[0].toFixed(2)}`);
};

try {
  await main();
} finally {
  for (const child of started) child.kill("SIGKILL");
}
