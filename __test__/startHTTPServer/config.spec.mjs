import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { startHTTPServer } from "../../index.js";
import { INITIALIZE } from "./support.mjs";

const telling = {
  args: [fileURLToPath(new URL("../fixtures/telling.mjs", import.meta.url))],
  command: process.execPath,
};

/** Serves this configuration on a free port, which ends with the test. */
const serveConfig = async (t, config, options) => {
  const server = await startHTTPServer({ config, host: "127.0.0.1", port: 0, ...options });
  t.after(() => server.close());
  return `http://127.0.0.1:${server.port}`;
};

const HEADERS = { accept: "application/json, text/event-stream", "content-type": "application/json" };

/** The status of an `initialize` at this endpoint. */
const initialize = async (url, headers) => {
  const body = JSON.stringify(INITIALIZE);
  const response = await fetch(url, { body, headers: { ...HEADERS, ...headers }, method: "POST" });
  await response.text();
  return response.status;
};

const states = async (url) => {
  const { servers } = await (await fetch(`${url}/servers`)).json();
  return servers.map(({ name }) => name);
};

const eventually = async (condition) => {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("it did not happen in 15 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const folder = (t) => {
  const path = mkdtempSync(join(tmpdir(), "mcp-proxy-config-"));
  t.after(() => rmSync(path, { force: true, recursive: true }));
  return path;
};

test("the servers of a list are served together and one by one", async (t) => {
  const url = await serveConfig(t, { mcpServers: { one: telling, two: telling } });
  assert.deepEqual(await states(url), ["one", "two"]);
  for (const path of ["/servers/one/mcp", "/servers/two/mcp", "/mcp"]) {
    assert.equal(await initialize(`${url}${path}`), 200, path);
  }
  assert.equal(await initialize(`${url}/servers/three/mcp`), 404);
});

test("options override the file, and the file overrides defaults", async (t) => {
  const settings = { apiKey: "of-the-file", streamEndpoint: "/all" };
  const config = { mcpServers: { one: telling }, "mcp-proxy": settings };
  const url = await serveConfig(t, config);
  assert.equal(await initialize(`${url}/all`, { "x-api-key": "of-the-file" }), 200);
  assert.equal(await initialize(`${url}/all`, { "x-api-key": "other" }), 401);
  const other = await serveConfig(t, config, { apiKey: "other", streamEndpoint: "/mcp" });
  assert.equal(await initialize(`${other}/mcp`, { "x-api-key": "other" }), 200);
});

test("callbacks decide about requests to the servers of a file too", async (t) => {
  const url = await serveConfig(
    t,
    { mcpServers: { one: telling } },
    { authenticate: async ({ headers }) => headers["x-user"] === "ann" },
  );
  assert.equal(await initialize(`${url}/servers/one/mcp`), 401);
  assert.equal(await initialize(`${url}/servers/one/mcp`, { "x-user": "ann" }), 200);
});

test("changes of a file are applied", async (t) => {
  const file = join(folder(t), "mcp.json");
  const write = (servers) => writeFileSync(file, JSON.stringify({ mcpServers: servers }));
  write({ one: telling });
  const url = await serveConfig(t, file);
  assert.deepEqual(await states(url), ["one"]);
  write({ one: telling, two: telling });
  await eventually(async () => (await states(url)).length === 2);
  writeFileSync(file, "{");
  await eventually(async () => (await (await fetch(`${url}/readyz`)).text()).includes("config: "));
  assert.deepEqual(await states(url), ["one", "two"]);
});

test("an invalid file rejects with the place of the mistake", async (t) => {
  const file = join(folder(t), "mcp.json");
  writeFileSync(file, '{ "mcpServers": {}, "mcp-proxy": { "apikey": "x" } }');
  const start = (config) => startHTTPServer({ config, port: 0 });
  await assert.rejects(start(file), /mcp\.json:1:36: "mcp-proxy\.apikey" is unknown; did you mean "apiKey"\?/);
  await assert.rejects(start(join(folder(t), "none.json")), /there is no such file/);
  await assert.rejects(start({ mcpServers: { a: { command: 1 } } }), /config:1:\d+: "mcpServers\.a\.command"/);
});
