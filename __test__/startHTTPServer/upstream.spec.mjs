import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { INITIALIZE, openSession, post, serve } from "./support.mjs";

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

test("a command that does not exist rejects", async () => {
  const { startHTTPServer } = await import("../../index.js");
  const options = { port: 0, upstream: { command: "/no/such/command" } };
  await assert.rejects(startHTTPServer(options), /could not run "\/no\/such\/command"/);
});
