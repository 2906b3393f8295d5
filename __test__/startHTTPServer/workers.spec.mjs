// Servers in workers: everything that a worker has started ends with it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

const index = fileURLToPath(new URL("../../index.js", import.meta.url));
const fixture = fileURLToPath(new URL("../fixtures/everything-legacy.mjs", import.meta.url));

const SERVERS = "createServer: async () => ({ close: async () => {}, connect: async () => {} })";
const CHILD = `upstream: { command: process.execPath, args: [${JSON.stringify(fixture)}] }`;

/** A worker that serves this on a port; returns its port, or the code of the error. */
async function serving(served, port = 0) {
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const { startHTTPServer } = require(${JSON.stringify(index)});
     startHTTPServer({ host: "127.0.0.1", port: ${port}, ${served} })
       .then(({ port }) => parentPort.postMessage(port), ({ code, message }) => parentPort.postMessage(code ?? message));`,
    { eval: true },
  );
  const [told] = await once(worker, "message");
  return { told, worker };
}

/** Whether somebody can listen at a port. */
async function isFree(port) {
  const server = createServer().listen(port, "127.0.0.1");
  const [event] = await Promise.race([
    once(server, "listening").then(() => ["listening"]),
    once(server, "error").then(() => ["error"]),
  ]);
  server.close();
  return event === "listening";
}

for (const [name, served] of [
  ["of its own", SERVERS],
  ["in a child process", CHILD],
]) {
  test(`a worker that is terminated frees the port of servers ${name}`, async () => {
    let { told: port, worker } = await serving(served);
    for (let round = 0; round < 3; round++) {
      assert.equal(typeof port, "number", port);
      assert.equal((await fetch(`http://127.0.0.1:${port}/ping`)).status, 200);
      // An open stream keeps nothing alive.
      const headers = { accept: "text/event-stream" };
      const open = fetch(`http://127.0.0.1:${port}/sse`, { headers }).catch(() => {});
      await worker.terminate();
      await open.then((response) => response?.text()).catch(() => {});
      assert.equal(await isFree(port), true, `round ${round}`);
      ({ told: port, worker } = await serving(served, port));
    }
    await worker.terminate();
  });
}

test("a worker may be terminated while it starts", async () => {
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(
      `const { startHTTPServer } = require(${JSON.stringify(index)});
       startHTTPServer({ host: "127.0.0.1", port: 0, ${CHILD} });
       require("node:worker_threads").parentPort.postMessage("begun");`,
      { eval: true },
    );
    await once(worker, "message");
    await worker.terminate();
  }
});

test("a worker can end by itself after closing", async () => {
  const worker = new Worker(
    `require(${JSON.stringify(index)}).startHTTPServer({ host: "127.0.0.1", port: 0, ${SERVERS} }).then((s) => s.close());`,
    { eval: true },
  );
  const [code] = await once(worker, "exit");
  assert.equal(code, 0);
});

/** Runs a program that starts a cluster of itself; returns its output. */
async function cluster(file) {
  const child = spawn(process.execPath, [file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (chunk) => (printed += chunk));
  const [code] = await once(child, "close");
  assert.equal(code, 0, printed);
  return printed.trim();
}

test("workers of a cluster share a port", { skip: process.platform === "win32" }, async (t) => {
  const file = join(await mkdtemp(join(tmpdir(), "mcp-proxy-cluster-")), "cluster.cjs");
  t.after(() => rm(dirname(file), { force: true, recursive: true }));
  await writeFile(
    file,
    `const cluster = require("node:cluster");
     const { startHTTPServer } = require(${JSON.stringify(index)});
     const start = (port) => startHTTPServer({ host: "127.0.0.1", port, onUnhandledRequest: async (_, response) => void response.end(String(process.pid)), ${SERVERS} });
     const told = (worker) => new Promise((resolve) => worker.once("message", resolve));
     const answers = async (port, wanted) => {
       const seen = new Set();
       for (let turn = 0; turn < 500 && seen.size < wanted; turn++) {
         const response = await fetch("http://127.0.0.1:" + port + "/who", { headers: { connection: "close" } });
         seen.add(await response.text());
       }
       return seen.size;
     };
     (async () => {
       if (cluster.isWorker) {
         const port = await new Promise((resolve) => process.once("message", resolve));
         return start(port).then(({ port }) => process.send(port), ({ code }) => process.send(code));
       }
       const workers = [cluster.fork(), cluster.fork()];
       workers[0].send(0);
       const port = await told(workers[0]);
       workers[1].send(port);
       const second = await told(workers[1]);
       const both = await answers(port, 2);
       // For a process outside of the cluster, the port is in use.
       const other = await start(port).then(() => "served", ({ code }) => code);
       workers[0].process.kill("SIGKILL");
       await new Promise((resolve) => workers[0].once("exit", resolve));
       const one = await answers(port, 1);
       console.log(JSON.stringify({ both, one, other, same: second === port }));
       workers[1].process.kill("SIGKILL");
     })();`,
  );
  const printed = await cluster(file);
  assert.deepEqual(JSON.parse(printed), { both: 2, one: 1, other: "EADDRINUSE", same: true });
});
