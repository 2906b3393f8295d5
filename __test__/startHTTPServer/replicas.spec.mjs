// Several programs with servers of their own that serve each other's sessions.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { startHTTPServer } from "../../index.js";
import { Journal } from "../support/journal.mjs";
import { eachLine } from "../support/lines.mjs";
import { freePort } from "../support/port.mjs";
import { noStore, startStore } from "../support/store.mjs";
import { CALL, INITIALIZE, openSession, post } from "./support.mjs";

const peerSecret = "a secret of the tests, and of nobody else";
const program = fileURLToPath(new URL("../fixtures/replica.mjs", import.meta.url));
const skip = await noStore();

/** Starts a replica with these options, which ends with the test. */
const replica = async (t, options) => {
  const child = spawn(process.execPath, [program, JSON.stringify({ peerSecret, ...options })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = new Journal();
  eachLine(child.stdout, (line) => lines.push(line));
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const port = (await lines.first((line) => line.startsWith("port "), "its port")).slice(5);
  const created = () => lines.entries.filter((line) => line.startsWith("created "));
  return { child, created, ended, pid: child.pid, url: `http://127.0.0.1:${port}` };
};

const temporary = (t) => {
  const directory = mkdtempSync(join(tmpdir(), "replicas-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
};

const store = async (t) => {
  const started = await startStore();
  t.after(() => started.stop());
  return started.url;
};

const said = ({ messages }) => JSON.parse(messages.at(-1).result.content[0].text);

/** Repeats a request until it is not refused for the moment; returns the answer. */
const persist = async (send) => {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await send();
    if (answer.status !== 503 && answer.status !== 502) return answer;
    assert.ok(Date.now() < deadline, "it is still refused");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

for (const sdk of ["v1", "v2"]) {
  test(
    `a session of a ${sdk} server is served by every replica, and outlives the replica that opened it`,
    { skip },
    async (t) => {
      const url = await store(t);
      const [first, second] = [await replica(t, { sdk, store: url }), await replica(t, { sdk, store: { url } })];
      const headers = await openSession(first.url);
      assert.deepEqual(said(await post(second.url, CALL, { headers })), { client: "test", pid: first.pid });
      assert.equal(second.created().length, 0, "it is the same server");
      first.child.kill("SIGKILL");
      await first.ended;
      const answer = await persist(() => post(second.url, CALL, { headers }));
      assert.deepEqual(said(answer), { client: "test", pid: second.pid }, "it knows its client");
      assert.deepEqual(second.created(), ["created for a session"]);
      const third = await replica(t, { sdk, store: url });
      assert.equal(said(await post(third.url, CALL, { headers })).pid, second.pid);
      second.child.kill("SIGTERM");
      assert.deepEqual(await second.ended, [0, null]);
      assert.equal(said(await persist(() => post(third.url, CALL, { headers }))).pid, third.pid, "it was handed over");
    },
  );
}

test(
  "the caller is authenticated at the replica of the client, and known to the server at another one",
  { skip },
  async (t) => {
    const keys = { "Bearer a": "alice", "Bearer b": "bob" };
    const url = await store(t);
    const [first, second] = [await replica(t, { keys, store: url }), await replica(t, { keys, store: url })];
    const alice = { authorization: "Bearer a" };
    const headers = await openSession(first.url, alice);
    assert.equal(said(await post(second.url, CALL, { headers })).caller, "alice");
    const stranger = { ...headers, authorization: "Bearer c" };
    assert.equal((await post(second.url, CALL, { headers: stranger })).status, 401);
    const bob = { ...headers, authorization: "Bearer b" };
    const foreign = await persist(() => post(second.url, CALL, { headers: bob }));
    assert.equal(foreign.status, 404, "it is somebody else's");
    first.child.kill("SIGKILL");
    await first.ended;
    assert.equal((await persist(() => post(second.url, CALL, { headers: bob }))).status, 404);
    assert.equal(said(await persist(() => post(second.url, CALL, { headers }))).caller, "alice");
  },
);

test("a call of a killed replica is reported as one that may have run, and runs once", { skip }, async (t) => {
  const ledger = join(temporary(t), "ledger");
  const options = { ledger, store: { durability: "sync", url: await store(t) } };
  const [first, second] = [await replica(t, options), await replica(t, options)];
  const protocolVersion = "2025-11-25";
  const opened = await post(first.url, { ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion } });
  const session = { "mcp-session-id": opened.headers.get("mcp-session-id") };
  const headers = { accept: "text/event-stream, application/json", "content-type": "application/json", ...session };
  const call = { ...CALL, id: "c", params: { arguments: {}, name: "forever" } };
  const response = await fetch(`${first.url}/mcp`, {
    body: JSON.stringify(call),
    headers: { ...headers, "mcp-protocol-version": protocolVersion },
    method: "POST",
  });
  const reader = response.body.getReader();
  let begun = "";
  while (!begun.includes("\n\n")) begun += new TextDecoder().decode((await reader.read()).value);
  const [, id] = /^id: (.*)$/m.exec(begun);
  first.child.kill("SIGKILL");
  await first.ended;
  const resume = async () => {
    const resumed = await fetch(`${second.url}/mcp`, {
      headers: { accept: "text/event-stream", "last-event-id": id, ...session },
    });
    return { body: await resumed.text(), status: resumed.status };
  };
  const { body } = await persist(resume);
  assert.match(body, /"id":"c".*may have run/);
  assert.equal(readFileSync(ledger, "utf8"), "forever\n");
});

test("a caller's rate counts at all replicas together", { skip }, async (t) => {
  const tokens = join(temporary(t), "tokens.json");
  const binary = process.env.MCP_PROXY_BIN ?? "target/debug/mcp-proxy";
  const token = execFileSync(binary, ["--newToken", "laptop", "--authTokens", tokens], { encoding: "utf8" }).trim();
  const options = { auth: { rate: "3/h", tokens }, store: await store(t) };
  const [first, second] = [await replica(t, options), await replica(t, options)];
  const known = { authorization: `Bearer ${token.split("\n").at(-1)}` };
  const headers = await openSession(first.url, known);
  for (const expected of [200, 200, 200, 429]) {
    assert.equal((await post(first.url, CALL, { headers })).status, expected);
  }
  // The other one learns it when it reports its own calls, once a second; alone it would allow three.
  const own = await openSession(second.url, known);
  const statuses = [];
  while (statuses.at(-1) !== 429 && statuses.length < 4) {
    statuses.push((await post(second.url, CALL, { headers: own })).status);
    await new Promise((resolve) => setTimeout(resolve, 2500));
  }
  assert.equal(statuses.at(-1), 429);
  assert.ok(statuses.length < 4, `it let ${statuses} pass`);
});

test("replicas without a store serve each other's sessions", async (t) => {
  const first = await replica(t, { peerPort: 0 });
  // Without a store, one of them must know the other's port.
  const port = await freePort();
  const second = await replica(t, { peerPort: port });
  const third = await replica(t, { peers: `127.0.0.1:${port}` });
  const headers = await openSession(second.url);
  const answer = await persist(() => post(third.url, CALL, { headers }));
  assert.equal(said(answer).pid, second.pid);
  assert.equal((await post(first.url, CALL, { headers })).status, 404, "it knows neither");
});

test("options about replicas are checked", async () => {
  const refused = async (options) => {
    const starting = startHTTPServer({ createServer: async () => {}, host: "127.0.0.1", port: 0, ...options });
    return (
      await starting.then(
        (server) => server.close(),
        (error) => error,
      )
    )?.message;
  };
  assert.match(await refused({ peers: "10.0.0.1:1" }), /"peerSecret"/);
  assert.match(await refused({ peers: "10.0.0.1", peerSecret }), /"peers" must be host:port/);
  assert.match(await refused({ peerPort: 0, peerSecret: "short" }), /at least 16 bytes/);
  assert.match(await refused({ peerSecret }), /needs "peers"/);
  assert.match(await refused({ peerSecret, store: "http://hunter2@x" }), /"store" must be a URL/);
  assert.match(await refused({ peerSecret, store: { durability: "never", url: "redis://x" } }), /"store.durability"/);
  assert.match(await refused({ peerSecret, store: {} }), /"store.url"/);
  const away = await refused({ peerPort: 0, peerSecret, store: "redis://u:hunter2@127.0.0.1:1" });
  assert.match(away, /store/);
  assert.doesNotMatch(away, /hunter2/);
});
