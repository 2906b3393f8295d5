import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { startHTTPServer } from "../../index.js";
import { eachLine } from "../support/lines.mjs";
import { INITIALIZE, openSession, post, serve, until } from "./support.mjs";

const fixture = (name) => ({
  args: [fileURLToPath(new URL(`../fixtures/${name}.mjs`, import.meta.url))],
  command: process.execPath,
});
const everything = fixture("everything-legacy");
const telling = fixture("telling");

/** Serves the server that reports about itself. */
const serveTelling = (t, upstream) => serve(t, { createServer: undefined, upstream: { ...telling, ...upstream } });

const call = (url, headers, name, given = {}) =>
  post(url, { id: 9, jsonrpc: "2.0", method: "tools/call", params: { arguments: given, name } }, { headers });

/** What the server of this session says about itself. */
const told = async (url, headers, given) => {
  const { messages } = await call(url, headers, "tell", given);
  return JSON.parse(messages.at(-1).result.content[0].text);
};

const isRunning = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("a stdio server is served without JavaScript", async (t) => {
  const { url } = await serve(t, { createServer: undefined, upstream: everything });
  const session = await openSession(url);
  const { messages } = await post(url, { id: 3, jsonrpc: "2.0", method: "tools/list" }, { headers: session });
  assert.ok(messages[0].result.tools.length > 0);
});

test("callbacks decide about requests to a stdio server too", async (t) => {
  const { url } = await serve(t, {
    authenticate: async ({ headers }) => headers["x-user"] === "ann",
    createServer: undefined,
    onUnhandledRequest: async (_, response) => void response.end("mine"),
    upstream: everything,
  });
  assert.equal((await post(url, INITIALIZE)).status, 401);
  await openSession(url, { "x-user": "ann" });
  assert.equal(await (await fetch(`${url}/own`)).text(), "mine");
});

test("a command that does not exist rejects", async () => {
  const options = { port: 0, upstream: { command: "/no/such/command" } };
  await assert.rejects(startHTTPServer(options), /could not run "\/no\/such\/command"/);
});

test("no server survives a killed process", { skip: process.platform === "win32" }, async () => {
  const options = { host: "127.0.0.1", port: 0, upstream: fixture("stubborn") };
  const program = `import { startHTTPServer } from "mcp-proxy";
    console.log((await startHTTPServer(${JSON.stringify(options)})).port);`;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { cwd: root });
  const port = await new Promise((resolve) => eachLine(child.stdout, (line) => /^\d+$/.test(line) && resolve(line)));
  const url = `http://127.0.0.1:${port}`;
  const { messages } = await call(url, await openSession(url), "pid");
  const pid = Number(messages[0].result.content[0].text);
  assert.ok(isRunning(pid));
  child.kill("SIGKILL");
  await until(() => !isRunning(pid));
});

describe("an upstream", () => {
  test("is shared, or one for each session, or ends with its request", async (t) => {
    const pids = async (upstream, options = {}) => {
      const { url } = await serve(t, { createServer: undefined, upstream: { ...telling, ...upstream }, ...options });
      const sessions = options.stateless ? [{}, {}] : [await openSession(url), await openSession(url)];
      const servers = [];
      for (const session of [...sessions, sessions[0]]) servers.push((await told(url, session)).pid);
      return new Set(servers).size;
    };
    assert.equal(await pids({}), 1);
    assert.equal(await pids({ isolation: "session" }), 2);
    assert.equal(await pids({ isolation: "request" }, { stateless: true }), 3);
  });

  test("is refused to further clients", async (t) => {
    const { url } = await serveTelling(t, { isolation: "session", maxChildren: 1 });
    await openSession(url);
    assert.equal((await post(url, INITIALIZE)).status, 503);
  });

  test("is started ahead of its client", async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "mcp-proxy-upstream-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const { url } = await serveTelling(t, { env: { TELLING: directory }, isolation: "session", prewarm: 1 });
    await until(() => readdirSync(directory).length > 0);
    const [ahead] = readdirSync(directory);
    assert.equal((await told(url, await openSession(url))).pid, Number(ahead));
  });

  test("that is idle is stopped, and another serves the session's next request", async (t) => {
    const { url } = await serveTelling(t, { childIdleTimeout: 50, isolation: "session" });
    const session = await openSession(url);
    const { pid } = await told(url, session);
    await until(() => !isRunning(pid));
    assert.notEqual((await told(url, session)).pid, pid);
  });

  test("has the directory and the variables that it is given", async (t) => {
    const cwd = realpathSync(mkdtempSync(join(tmpdir(), "mcp-proxy-upstream-")));
    t.after(() => rmSync(cwd, { recursive: true }));
    const { url } = await serveTelling(t, { cwd, env: { TELLING: cwd }, inheritEnv: false });
    const { env, ...rest } = await told(url, await openSession(url));
    assert.equal(rest.cwd, cwd);
    assert.deepEqual(env, { TELLING: cwd });
  });

  test("that fails is started again", async (t) => {
    const { url } = await serveTelling(t, { maxRestarts: 2, restartWait: 5000 });
    const session = await openSession(url);
    const { pid } = await told(url, session);
    assert.ok((await call(url, session, "exit", { code: 1 })).messages[0].error);
    assert.notEqual((await told(url, session)).pid, pid);
  });

  test("that fails stays down if restarts are turned off", async (t) => {
    t.mock.method(console, "error", () => {});
    const { url } = await serveTelling(t, { restart: "never" });
    const session = await openSession(url);
    assert.ok((await call(url, session, "exit", { code: 1 })).messages[0].error);
    assert.ok((await call(url, session, "tell")).messages[0].error);
  });

  test("that does not answer a ping is started again", async (t) => {
    t.mock.method(console, "error", () => {});
    const { url } = await serveTelling(t, { pingInterval: 20, pingTimeout: 500 });
    const session = await openSession(url);
    const { pid } = await told(url, session);
    assert.ok((await call(url, session, "hang")).messages[0].error);
    await until(() => !isRunning(pid));
    assert.notEqual((await told(url, session)).pid, pid);
  });

  test("has a time limit for a call, and a size limit for a message", async (t) => {
    t.mock.method(console, "error", () => {});
    const { url } = await serveTelling(t, { maxLineSize: 2000, maxRequestTime: 50 });
    const session = await openSession(url);
    assert.match((await call(url, session, "never")).messages[0].error.message, /timed out/i);
    assert.equal((await told(url, session, { words: "x" })).words, "x");
    assert.ok((await call(url, session, "tell", { words: "x".repeat(2000) })).messages[0].error);
  });

  test("makes early requests wait until it has started", async (t) => {
    t.mock.method(console, "error", () => {});
    const { url } = await serveTelling(t, { args: [...telling.args, "mute"], listenEarly: true });
    assert.equal((await post(url, INITIALIZE)).status, 503);
  });
});
