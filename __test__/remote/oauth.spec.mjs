// Signing in to a remote server: once for all processes, stored for its owner, renewed when it expires.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, afterEach, test } from "node:test";

import { repositoryRoot } from "../support/proxy.mjs";
import { Stdio } from "../support/stdio.mjs";
import { Guarded } from "./guarded.mjs";

const binary = process.env.MCP_PROXY_BIN ?? join(repositoryRoot, "target/debug/mcp-proxy");

let directory, server;
const peers = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mcp-proxy-oauth-"));
  server = new Guarded();
  await server.open();
});

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.kill();
  server.close();
  await rm(directory, { force: true, recursive: true });
});

/** A proxy in front of the server; a user signs in whenever asked. */
const start = () => {
  const complain = (line) => {
    if (line.trim().startsWith("http")) fetch(line.trim()).catch(() => {});
  };
  const words = ["--headless", "--tokenDir", directory, "--tokenStore", "file"];
  const peer = new Stdio([binary, server.url, ...words], { complain });
  peers.push(peer);
  return peer;
};

test("a sign-in is kept for its owner and serves the next process", async () => {
  const first = start();
  assert.match(await first.greet(), /serverInfo/);
  assert.equal(await first.close(), 0);

  const names = (await readdir(directory)).filter((name) => !name.endsWith(".lock"));
  assert.equal(names.length, 2, `a token and its key: ${names.join()}`);
  for (const name of names) {
    const file = join(directory, name);
    if (process.platform !== "win32") assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.ok(!(await readFile(file, "latin1")).includes("access_token"), "nothing is kept in the clear");
  }
  assert.ok(!first.lines.entries.join().includes("authorize"), "stdout is for messages");

  assert.match(await start().greet(), /serverInfo/);
  assert.deepEqual(server.counts, { authorize: 1, refresh: 0, register: 1 });
});

test("an expired token is renewed once for all processes", async () => {
  const running = [start()];
  await running[0].greet();
  for (let number = 0; number < 3; number += 1) {
    running.push(start());
    await running.at(-1).greet();
  }
  server.revoke();
  const answers = await Promise.all(
    running.flatMap((peer) => [peer.request("tools/list"), peer.call("x"), peer.call("y")]),
  );
  for (const answer of answers) assert.match(answer, /"result"/);
  assert.deepEqual(server.counts, { authorize: 1, refresh: 1, register: 1 });
});

test("several processes that start together ask for one sign-in", async () => {
  const starting = [start(), start(), start()];
  for (const greeting of await Promise.all(starting.map((peer) => peer.greet()))) {
    assert.match(greeting, /serverInfo/);
  }
  assert.equal(server.counts.authorize, 1);
});

test("a refusal to sign in is the answer", async () => {
  server.denies = true;
  const peer = start();
  assert.match(await peer.greet(), /401 Unauthorized: access_denied/);
  assert.equal(await peer.close(), 1);
});
