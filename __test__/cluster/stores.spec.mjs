// The store with sentinels, and as a cluster.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { freePort } from "../support/port.mjs";
import { startProxy } from "../support/proxy.mjs";
import { noStore } from "../support/store.mjs";

const skip = await noStore();
const counting = fileURLToPath(new URL("counting.mjs", import.meta.url));
const secret = { MCP_PROXY_PEER_SECRET: "a secret of the tests, and of nobody else" };

/** A store's raw answer to a command; everything before it is a short silence. */
const ask = (port, ...words) =>
  new Promise((resolve, reject) => {
    let said = "";
    const socket = connect(port, "127.0.0.1", () => {
      const bulk = (word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
      socket.write(`*${words.length}\r\n${words.map(bulk).join("")}`);
    });
    socket.on("data", (bytes) => {
      said += bytes;
      socket.setTimeout(30, () => socket.destroy());
    });
    socket.on("close", () => resolve(said));
    socket.on("error", reject);
  });

const until = async (what, condition) => {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const got = await condition();
    if (got) return got;
    assert.ok(Date.now() < deadline, `it did not happen: ${what}`);
    await sleep(50);
  }
};

/** A separate server of the store, which ends with the test. */
const server = async (t, ...flags) => {
  const directory = mkdtempSync(join(tmpdir(), "store-"));
  const port = await freePort();
  writeFileSync(join(directory, "own.conf"), `port ${port}\nbind 127.0.0.1\nsave ""\n`);
  const child = spawn("redis-server", ["own.conf", ...flags], { cwd: directory, stdio: "ignore" });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { force: true, recursive: true });
  });
  await until("it answers", () => ask(port, "PING").then(Boolean, () => false));
  return { child, directory, ended, port };
};

const replica = async (t, store) => {
  const command = [process.execPath, counting, join(tmpdir(), `ledger-${process.pid}`)];
  const flags = ["--host", "127.0.0.1", "--peerPort", "0", "--storeDurability", "sync", "--store", store];
  const proxy = await startProxy({ command, environment: secret, flags });
  let stopped = false;
  const end = async (stop) => {
    if (stopped) return;
    stopped = true;
    await stop();
  };
  t.after(() => end(() => proxy.stop().catch(() => {})));
  return { kill: () => end(async () => process.kill(proxy.pid, "SIGKILL")), url: `${proxy.url}/mcp` };
};

const HEADERS = { accept: "application/json, text/event-stream", "content-type": "application/json" };

const post = async (url, message, session) => {
  const headers = { ...HEADERS, ...(session && { "mcp-session-id": session }) };
  const response = await fetch(url, { body: JSON.stringify({ jsonrpc: "2.0", ...message }), headers, method: "POST" });
  return { session: response.headers.get("mcp-session-id"), status: response.status, text: await response.text() };
};

const open = async (url) => {
  const params = { capabilities: {}, clientInfo: { name: "t", version: "1" }, protocolVersion: "2025-11-25" };
  const { session, status } = await post(url, { id: 1, method: "initialize", params });
  assert.equal(status, 200);
  return session;
};

const call = (url, session) =>
  post(url, { id: 2, method: "tools/call", params: { arguments: { text: "a" }, name: "count" } }, session);

/** A session of the first replica continues at the second after the first was killed. */
const goesOn = async (first, second) => {
  const session = await open(first.url);
  const answered = async () => {
    const got = await call(second.url, session);
    return got.status !== 503 && got.status !== 502 && got;
  };
  assert.equal((await until("it is forwarded", answered)).status, 200);
  await first.kill();
  assert.equal((await until("it is taken over", answered)).status, 200);
};

test("a cluster keeps sessions", { skip }, async (t) => {
  const flags = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"];
  const nodes = await Promise.all([0, 1, 2].map(() => server(t, ...flags)));
  const bounds = [0, 5461, 10_923, 16_384];
  for (const [index, { port }] of nodes.entries()) {
    const range = [String(bounds[index]), String(bounds[index + 1] - 1)];
    assert.match(await ask(port, "CLUSTER", "ADDSLOTSRANGE", ...range), /OK/);
    if (index > 0) await ask(nodes[0].port, "CLUSTER", "MEET", "127.0.0.1", String(port));
  }
  const isUp = async ({ port }) => (await ask(port, "CLUSTER", "INFO")).includes("cluster_state:ok");
  await until("the cluster is up", async () => (await Promise.all(nodes.map(isUp))).every(Boolean));
  const url = `redis+cluster://127.0.0.1:${nodes[0].port},127.0.0.1:${nodes[1].port}`;
  const [first, second] = [await replica(t, url), await replica(t, url)];
  // Their keys are at different nodes.
  for (let count = 0; count < 4; count += 1) assert.equal((await call(second.url, await open(first.url))).status, 200);
  await goesOn(first, second);
});

test("sentinels name the primary, and its successor after a failover", { skip }, async (t) => {
  const primary = await server(t);
  const standby = await server(t, "--replicaof", "127.0.0.1", String(primary.port), "--repl-diskless-sync-delay", "0");
  await until("the standby follows", async () => (await ask(standby.port, "INFO")).includes("master_link_status:up"));
  const sentinel = await server(t);
  const { directory, port } = { directory: sentinel.directory, port: await freePort() };
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `sentinel monitor mine 127.0.0.1 ${primary.port} 1`,
    "sentinel down-after-milliseconds mine 300",
    "sentinel failover-timeout mine 1000",
  ];
  writeFileSync(join(directory, "sentinel.conf"), `${lines.join("\n")}\n`);
  const watching = spawn("redis-server", ["sentinel.conf", "--sentinel"], { cwd: directory, stdio: "ignore" });
  t.after(() => watching.kill("SIGKILL"));
  const knows = async () => (await ask(port, "SENTINEL", "REPLICAS", "mine").catch(() => "")).includes("slave");
  await until("the sentinel knows both", knows);
  const url = `redis+sentinel://127.0.0.1:${port}/mine`;
  const [first, second] = [await replica(t, url), await replica(t, url)];
  const session = await open(first.url);
  primary.child.kill("SIGKILL");
  await primary.ended;
  assert.equal((await call(first.url, session)).status, 200, "what is local goes on");
  await until("the standby is the primary", async () => (await ask(standby.port, "INFO")).includes("role:master"));
  const kept = async () => (await ask(standby.port, "KEYS", "*:r:*")).split("mcp-proxy:r:").length > 2;
  await until("both replicas have found it", kept);
  await goesOn(first, second);
});

test("a URL that lacks something is refused with a sentence", { skip }, async (t) => {
  const refused = async (store) => {
    const started = replica(t, store);
    return started.then(
      () => assert.fail("it started"),
      ({ message }) => message,
    );
  };
  assert.match(await refused("redis+sentinel://127.0.0.1:1"), /redis\+sentinel:\/\/HOST:PORT,…\/NAME/);
  assert.match(
    await refused("redis+sentinel://127.0.0.1:1/mine"),
    /nothing listens there|no sentinel knows a primary of this name/,
  );
  assert.match(await refused("redis+cluster://127.0.0.1:1"), /nothing listens there|no node of the cluster answers/);
  const { port } = await server(t, "--requirepass", "right");
  assert.match(await refused(`redis://:wrong@127.0.0.1:${port}`), /refuses the user or the password/);
  const standby = await server(t, "--replicaof", "127.0.0.1", String(port));
  assert.match(await refused(`redis://127.0.0.1:${standby.port}`), /read-only replica; name the primary/);
});
