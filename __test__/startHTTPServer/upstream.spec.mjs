import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { eachLine } from "../support/lines.mjs";
import { INITIALIZE, openSession, post, serve, until } from "./support.mjs";

const upstream = {
  args: [fileURLToPath(new URL("../fixtures/everything-legacy.mjs", import.meta.url))],
  command: process.execPath,
};

test("a stdio server is served without JavaScript", async (t) => {
  const { url } = await serve(t, { createServer: undefined, upstream });
  const session = await openSession(url);
  const { messages } = await post(url, { id: 3, jsonrpc: "2.0", method: "tools/list" }, { headers: session });
  assert.ok(messages[0].result.tools.length > 0);
});

test("callbacks decide about requests to a stdio server too", async (t) => {
  const { url } = await serve(t, {
    authenticate: async ({ headers }) => headers["x-user"] === "ann",
    createServer: undefined,
    onUnhandledRequest: async (_, response) => void response.end("mine"),
    upstream,
  });
  assert.equal((await post(url, INITIALIZE)).status, 401);
  await openSession(url, { "x-user": "ann" });
  assert.equal(await (await fetch(`${url}/own`)).text(), "mine");
});

const pid = async (url, headers) => {
  const params = { arguments: {}, name: "pid" };
  const { messages } = await post(url, { id: 2, jsonrpc: "2.0", method: "tools/call", params }, { headers });
  return Number(messages.at(-1).result.content[0].text);
};

/** A server that answers to nothing but its tool `pid`, and outlives its input. */
const stubborn = {
  args: [fileURLToPath(new URL("../fixtures/stubborn.mjs", import.meta.url))],
  command: process.execPath,
};

test("each session has a server of its own under isolation", async (t) => {
  const options = { isolation: "session", maxChildren: 2, prewarm: 1 };
  const { url } = await serve(t, { createServer: undefined, upstream: { ...stubborn, ...options } });
  const [one, two] = [await openSession(url), await openSession(url)];
  assert.notEqual(await pid(url, one), await pid(url, two));
  assert.equal((await post(url, INITIALIZE)).status, 503);
});

test("a server that was killed is started again, or is not", async (t) => {
  for (const restart of ["on-failure", "never"]) {
    const options = { restart, restartWait: 20_000 };
    const { url } = await serve(t, { createServer: undefined, upstream: { ...stubborn, ...options } });
    const session = await openSession(url);
    const first = await pid(url, session);
    process.kill(first, "SIGKILL");
    await until(() => !isAlive(first));
    if (restart === "never") await assert.rejects(pid(url, session));
    else assert.notEqual(await pid(url, session), first);
  }
});

const isAlive = (process_) => {
  try {
    return process.kill(process_, 0);
  } catch {
    return false;
  }
};

test("no server survives a killed process", { skip: process.platform === "win32" }, async () => {
  const program = `import { startHTTPServer } from "mcp-proxy";
    const { port } = await startHTTPServer({ host: "127.0.0.1", port: 0, upstream: ${JSON.stringify(stubborn)} });
    console.log("port", port);`;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { cwd: root });
  const port = await new Promise((resolve) =>
    eachLine(child.stdout, (line) => line.startsWith("port ") && resolve(line.slice(5))),
  );
  const url = `http://127.0.0.1:${port}`;
  const server = await pid(url, await openSession(url));
  assert.ok(isAlive(server));
  child.kill("SIGKILL");
  await until(() => !isAlive(server));
});

test("an option of the wrong kind rejects", async () => {
  const { startHTTPServer } = await import("../../index.js");
  for (const [name, value, kind] of [
    ["isolation", "none", '"shared" or "session" or "request"'],
    ["restart", true, '"on-failure" or "always" or "never"'],
    ["maxChildren", 0, "a number of at least 1"],
    ["pingInterval", "1 s", "a number"],
    ["listenEarly", 1, "a boolean"],
  ]) {
    const options = { port: 0, upstream: { ...stubborn, [name]: value } };
    const message = `startHTTPServer: option "upstream.${name}" must be ${kind}, not ${JSON.stringify(value)}`;
    await assert.rejects(startHTTPServer(options), { message, name: "TypeError" });
  }
});

test("a command that does not exist rejects", async () => {
  const { startHTTPServer } = await import("../../index.js");
  const options = { port: 0, upstream: { command: "/no/such/command" } };
  await assert.rejects(startHTTPServer(options), /could not run "\/no\/such\/command"/);
});
